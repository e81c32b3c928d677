//! Lists, pages, cursors, and reading what was just written.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::{Annals, Http, account, encoded, texts};

async fn accounts(http: &Http, names: impl IntoIterator<Item = String>) -> String {
    let items =
        names.into_iter().map(|name| json!({ "type": "CreateAccount", "data": { "name": name } }));
    let items: Vec<_> = items.collect();
    let answers = http.post("/commands", &[], &json!(items)).await.ok();
    let positions = texts(&answers, "/position");
    let last = positions.iter().filter_map(|text| text.parse::<u64>().ok()).max();
    last.expect("a position").to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_writes_reads_it_at_once_however_many_write() {
    let annals = Annals::start().await;
    let writers = (0..20).map(|writer| {
        let http = annals.http().clone();
        tokio::spawn(async move {
            for number in 0..5 {
                let name = format!("Writer {writer} account {number}");
                let made = http.account(&name).await;
                let path = format!("/accounts/{}", made.id);
                let seen = http.see(&path, &made.position).await;
                assert_eq!((&seen["name"], &seen["version"]), (&json!(name), &json!(1)));
                let changed = json!({ "account_id": made.id, "name": format!("{name}, renamed") });
                let changed = http.accept("ChangeAccountDetails", changed).await;
                let seen = http.see(&path, &changed.position).await;
                assert_eq!(seen["name"], format!("{name}, renamed"));
                let listed = http
                    .see(&format!("/accounts?name={}", encoded(&name)), &changed.position)
                    .await;
                assert_eq!(listed["items"].as_array().map(Vec::len), Some(1), "{listed}");
                let asked: u64 = changed.position.parse().expect("a number");
                let held: u64 =
                    listed["position"].as_str().and_then(|p| p.parse().ok()).expect("one");
                assert!(held >= asked, "answered at {held}, asked for {asked}");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("a writer that read all it wrote");
    }
    assert_eq!(annals.all("/accounts?limit=30").await.len(), 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_pages_of_a_list_hold_together_while_others_write() {
    let annals = Annals::start().await;
    let name = |number: u32| format!("Account {:03}", number * 7 % 150);
    accounts(&annals, (0..150).map(name)).await;
    let expected: BTreeSet<_> = (0..150).map(name).collect();
    for order in ["name", "-name", "id", "-id"] {
        let path = format!("/accounts?sort={order}&limit=7");
        let mut page = annals.now(&path).await;
        let position = page["position"].clone();
        let mut names = texts(&page, "/name");
        let mut number = 0;
        while let Some(cursor) = page["next"].as_str() {
            // Somebody writes before, into and behind the page that comes.
            let others = ["A first", "Account 075, too", "Zebra"]
                .map(|name| format!("{name} {order} {number}"));
            accounts(&annals, others).await;
            page = annals.get(&format!("{path}&cursor={cursor}")).await.ok();
            assert_eq!(page["position"], position);
            names.extend(texts(&page, "/name"));
            number += 1;
        }
        let walked: BTreeSet<_> =
            names.iter().filter(|name| expected.contains(*name)).cloned().collect();
        assert_eq!(walked, expected, "nothing is missing by {order}");
        let all: BTreeSet<_> = names.iter().collect();
        assert_eq!(all.len(), names.len(), "nothing comes twice by {order}");
        let newer = names.iter().filter(|name| name.contains(&format!(" {order} ")));
        assert_eq!(newer.count(), 0, "nothing comes that is younger than the first page");
        let mut sorted = names.clone();
        sorted.sort_by_key(|name| name.to_lowercase());
        match order {
            "name" => assert_eq!(names, sorted),
            "-name" => assert!(names.iter().rev().eq(&sorted)),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_question_and_caller_only() {
    let annals = Annals::start().await;
    let (_, ana) = annals.as_user("Ana").await;
    accounts(&annals, (0..5).map(|number| format!("Account {number}"))).await;
    let page = annals.now("/accounts?limit=2").await;
    let cursor = page["next"].as_str().expect("another page");
    let path = format!("/accounts?limit=2&cursor={cursor}");
    assert_eq!(annals.get(&path).await.ok()["items"].as_array().map(Vec::len), Some(2));

    ana.get(&path).await.problem(400, "cursor.invalid");
    let mut changed = cursor.to_owned();
    changed.replace_range(8..9, if &cursor[8..9] == "A" { "B" } else { "A" });
    for question in [
        format!("/accounts?sort=-name&limit=2&cursor={cursor}"),
        format!("/accounts?state=Active&limit=2&cursor={cursor}"),
        format!("/accounts?as_of=5&limit=2&cursor={cursor}"),
        format!("/contacts?limit=2&cursor={cursor}"),
        format!("/accounts?limit=2&cursor={changed}"),
        "/accounts?cursor=".to_owned(),
        "/accounts?cursor=%00%ff".to_owned(),
        "/accounts?cursor=bm9uZQ".to_owned(),
    ] {
        annals.get(&question).await.problem(400, "cursor.invalid");
    }
}

#[tokio::test]
async fn names_are_searched_letter_by_letter() {
    let annals = Annals::start().await;
    let names = [
        "100% Paper",
        "100_ Paper",
        "1000 Paper",
        r"back\slash",
        "it's; drop table accounts; --",
        r#""quoted" $1 ?"#,
        "São João Ltda",
        "ΣΟΦΊΑ",
        "\u{1F4C4} sheets",
        "%",
        "a_b",
        "axb",
    ];
    let position = accounts(&annals, names.map(str::to_owned)).await;
    for name in names {
        let found = annals.see(&format!("/accounts?name={}", encoded(name)), &position).await;
        let found = texts(&found, "/name");
        assert!(found.contains(&name.to_owned()), "{name}: {found:?}");
        let literal = name.to_lowercase();
        assert!(
            found.iter().all(|other| other.to_lowercase().contains(&literal)),
            "{name}: {found:?}"
        );
    }
    for (part, expected) in [
        ("0%", vec!["100% Paper"]),
        ("0_", vec!["100_ Paper"]),
        (r"\", vec![r"back\slash"]),
        ("_b", vec!["a_b"]),
        ("SÃO", vec!["São João Ltda"]),
        ("x' or '1'='1", vec![]),
        ("' union select secret_sha256 from tokens --", vec![]),
    ] {
        let found = annals.see(&format!("/accounts?name={}", encoded(part)), &position).await;
        assert_eq!(texts(&found, "/name"), expected, "{part}");
    }
    let sorted = annals.get("/accounts?sort=name%3Bdrop%20table%20accounts").await;
    sorted.problem(422, "sort.unknown");
    assert_eq!(annals.now("/accounts").await["items"].as_array().map(Vec::len), Some(names.len()));
}

#[tokio::test]
async fn a_list_is_filtered_by_what_it_says_and_by_nothing_else() {
    let annals = Annals::start().await;
    let contoso = annals.account("Contoso").await.id;
    annals.account("Fabrikam").await;
    annals.accept("DeactivateAccount", json!({ "account_id": contoso })).await;
    let bia = json!({ "last_name": "Silva", "email": "Bia@Contoso.example" });
    let bia = annals.accept("CreateContact", bia).await.id;

    for (path, expected) in [
        ("/accounts?state=Inactive", vec!["Contoso"]),
        ("/accounts?state=Active&name=FAB", vec!["Fabrikam"]),
        ("/accounts?state=Active&name=contoso", vec![]),
    ] {
        assert_eq!(texts(&annals.now(path).await, "/name"), expected, "{path}");
    }
    let found = annals.now("/contacts?email=bia@contoso.EXAMPLE").await;
    assert_eq!(texts(&found, "/id"), [bia.to_string()]);
    for (query, code) in [
        ("state=active", "parameter.invalid"),
        ("owner=me", "parameter.invalid"),
        ("limit=0", "parameter.invalid"),
        ("limit=201", "parameter.invalid"),
        ("limit=ten", "parameter.invalid"),
        ("name=", "parameter.invalid"),
        ("colour=red", "parameter.unknown"),
        ("sort=colour", "sort.unknown"),
        ("created_from=yesterday", "parameter.invalid"),
    ] {
        annals.get(&format!("/accounts?{query}")).await.problem(422, code);
    }
    annals.get("/accounts?name=a&name=b").await.problem(400, "parameter.repeated");
    for path in ["/nothing", "/accounts/", "/accounts/x/y", "//"] {
        annals.get(path).await.problem(404, "route.unknown");
    }
    for id in ["x", "00000000-0000-0000-0000-000000000000", "..%2F..%2Fetc", "%00"] {
        annals.get(&format!("/accounts/{id}")).await.problem(404, "record.not_found");
    }
}

// S35
#[tokio::test]
async fn a_long_timeline_is_read_page_by_page_newest_first() {
    let annals = Annals::start().await;
    let contoso = annals.account("Contoso").await.id;
    let note = |number: usize| {
        let data = json!({ "regarding": account(contoso), "text": format!("Note {number}") });
        json!({ "type": "AddNote", "data": data })
    };
    let notes: Vec<_> = (0..320).map(note).collect();
    annals.post("/commands", &[], &json!(notes)).await.ok();

    let mut sizes = Vec::new();
    let mut positions: Vec<u64> = Vec::new();
    let path = format!("/accounts/{contoso}/timeline?limit=50");
    let mut page = annals.now(&path).await;
    loop {
        let items = texts(&page, "/position");
        sizes.push(items.len());
        positions.extend(items.iter().map(|text| text.parse::<u64>().expect("a number")));
        let Some(cursor) = page["next"].as_str() else { break };
        page = annals.get(&format!("{path}&cursor={cursor}")).await.ok();
    }

    assert_eq!(sizes, [50, 50, 50, 50, 50, 50, 21]);
    assert!(positions.is_sorted_by(|newer, older| newer > older));
    let first: Value = annals.all(&format!("{path}&kind=account.created")).await.remove(0);
    assert_eq!(first["position"], positions[320].to_string());
}

#[tokio::test]
async fn every_question_of_the_document_is_answered() {
    let annals = Annals::start().await;
    let document = annals.get("/openapi.json").await.ok();
    let paths = document["paths"].as_object().expect("paths");
    assert!(paths.len() > 60, "{} paths", paths.len());
    let mut asked = 0;
    for (path, operations) in paths.iter().filter(|(path, _)| !path.contains('{')) {
        if operations.get("get").is_some() {
            let answer = annals.get(path).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            asked += 1;
        }
        if path.starts_with("/commands/") {
            // A body that says nothing is understood, and lacks something or does not fit.
            let answer = annals.command(path.trim_start_matches("/commands/"), json!([])).await;
            answer.problem(422, "command.invalid");
        }
    }
    assert!(asked > 10, "{asked} questions");
}
