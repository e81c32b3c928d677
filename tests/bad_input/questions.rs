//! 3.7: questions, searches and the log as a stream.

use futures_util::future::join_all;

use crate::{
    row::{Row, Steps, get, row},
    world::{ACCOUNT, OTHER, World},
};

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = parameters();
    rows.extend(moments());
    rows.extend(streams());
    rows
}

fn parameters() -> Vec<Row> {
    let invalid = |query: &str| get(format!("/accounts?{query}")).refused(422, "parameter.invalid");
    let unknown = |query: &str| get(format!("/accounts?{query}")).refused(422, "parameter.unknown");
    let many: Vec<_> = (0..200).map(|number| format!("f{number}=1")).collect();
    let many_ids = vec![OTHER; 300].join(",");
    let nothing = |query: &str| get(format!("/accounts?name={query}")).with("\"items\":[]");
    vec![
        row(106, "sizes of pages").asks([
            invalid("limit=0"),
            invalid("limit=-1"),
            invalid("limit=201"),
            invalid("limit=1000000"),
            invalid("limit=abc"),
            invalid("limit="),
            invalid("limit=1e2"),
            invalid("limit=99999999999999999999"),
            unknown("offset=1000000000"),
            unknown("page=2"),
            get("/accounts?limit=1&limit=2").refused(400, "parameter.repeated"),
            get("/events?limit=0").refused(422, "parameter.invalid"),
            get("/events?limit=1000001").refused(422, "parameter.invalid"),
            get("/attempts?limit=201").refused(422, "query.invalid"),
            get("/accounts?limit=200").with("\"items\""),
        ]),
        row(107, "orders that no list has").asks([
            get("/accounts?sort=colour").refused(422, "sort.unknown"),
            get("/accounts?sort=employees").refused(422, "sort.unknown"),
            get("/accounts?sort=").refused(422, "sort.unknown"),
            get("/accounts?sort=name,id").refused(422, "sort.unknown"),
            get("/accounts?sort=1").refused(422, "sort.unknown"),
            get("/opportunities?sort=estimated_close_date").refused(422, "sort.needs_filter"),
        ]),
        row(108, "many filters").asks([
            get(format!("/accounts?{}", many.join("&"))).refused(422, "parameter.unknown"),
            get(format!("/accounts?owner={many_ids}")).refused(422, "parameter.invalid"),
            unknown("filter=((((((((((((((((((((a))))))))))))))))))))"),
            unknown("name[in]=a"),
            unknown("name%5B%24gt%5D="),
            get("/accounts?name=a&name=b").refused(400, "parameter.repeated"),
            get("/expected-revenue?by=colour").told(422, "by.unknown", "account"),
        ]),
        row(109, "patterns")
            .asks([
                nothing("*a*b*c*"),
                nothing("%22"),
                nothing("NEAR("),
                nothing("*"),
                nothing("name%3A"),
                nothing("(a%2B)%2B%24"),
                nothing("%5BA-Z%5D"),
                nothing("%25o%25"),
                get(format!("/accounts?name={}", "x".repeat(300))).with("\"items\":[]"),
                invalid(&format!("name={}", "x".repeat(301))),
                invalid("name="),
            ])
            .test("tests/end_to_end/reading.rs::names_are_searched_letter_by_letter"),
    ]
}

fn moments() -> Vec<Row> {
    let past = |moment: &str| get(format!("/accounts/{ACCOUNT}?as_of={moment}"));
    vec![
        row(110, "moments that are none").asks([
            past("0").refused(422, "log_begins"),
            past("-1").refused(400, "as_of.invalid"),
            past("1000000").refused(422, "as_of.future"),
            past("9223372036854775808").refused(400, "as_of.invalid"),
            past("x").refused(400, "as_of.invalid"),
            past("").refused(400, "as_of.invalid"),
            past("1.5").refused(400, "as_of.invalid"),
            past("1999-01-01").refused(422, "log_begins"),
            past("2199-01-01").refused(422, "as_of.future"),
            past("1899-12-31").refused(400, "as_of.invalid"),
            past("1").refused(404, "record.not_found"),
            past("7&sense=effective").refused(400, "as_of.invalid"),
            past("7&sense=true").refused(422, "parameter.invalid"),
        ]),
        Row::not(111, "records that were merged or erased", "merging"),
    ]
}

fn streams() -> Vec<Row> {
    let after = |place: &str| get(format!("/events?after={place}"));
    vec![
        // Followers say with `after` where they are; `Last-Event-ID` means nothing.
        row(112, "places in the log that are none").asks([
            after("x").refused(400, "after.invalid"),
            after("-1").refused(400, "after.invalid"),
            after("").refused(400, "after.invalid"),
            after("1000000000").refused(400, "after.unknown"),
            after("9223372036854775808").refused(400, "after.invalid"),
            get("/events?limit=1").header("last-event-id", "x").with("\"position\":\"1\""),
            get("/events?category=colour").refused(422, "parameter.invalid"),
            get("/events?stream=account").refused(422, "parameter.invalid"),
            get("/events?wait=perhaps").refused(422, "parameter.invalid"),
        ]),
        // Followers hold nothing of the database: they may be many.
        row(113, "many followers of one caller").test(
            "tests/end_to_end/freshness.rs::followers_at_the_end_of_the_log_are_in_nobodys_way",
        ),
        row(114, "a follower that never reads")
            .test("tests/end_to_end/connections.rs::who_never_reads_is_cut_and_who_follows_is_not"),
        row(115, "many tags").journey(tags),
        // Sums are kept as deltas: none of them reads all deals.
        row(116, "questions about everything, many at once").journey(everything),
    ]
}

/// A document is sent once to whoever names its tag, however many others they name.
fn tags(world: &World) -> Steps<'_> {
    Box::pin(async move {
        let annals = world.annals.http();
        let whole = annals.get("/openapi.json").await;
        let tag = whole.header("etag").expect("a tag").to_owned();
        let ask = async |tags: &str| {
            let headers = [("if-none-match", tags)];
            annals.send(hyper::Method::GET, "/openapi.json", &headers, Vec::new()).await
        };
        let others: Vec<_> = (0..1_000).map(|number| format!("\"{number}\"")).collect();
        let others = others.join(", ");
        for known in [tag.clone(), format!("W/{tag}"), "*".to_owned(), format!("{others}, {tag}")] {
            let answer = ask(&known).await;
            assert_eq!((answer.status.as_u16(), answer.bytes.len()), (304, 0), "{known:.60}");
        }
        for unknown in [&*others, "x", "", "\"", "W/\"x\""] {
            let answer = ask(unknown).await;
            assert_eq!(
                (answer.status.as_u16(), &answer.bytes),
                (200, &whole.bytes),
                "{unknown:.60}"
            );
        }
        let too_many = others.repeat(10);
        ask(&too_many).await.problem(431, "head.too_large");
    })
}

/// A hundred questions about everything at once: each is answered, or told to come again.
fn everything(world: &World) -> Steps<'_> {
    Box::pin(async move {
        let annals = world.annals.http();
        let answers = join_all((0..100).map(|_| annals.get("/expected-revenue?by=account"))).await;
        for answer in &answers {
            match answer.status.as_u16() {
                200 => {}
                status @ (429 | 503) => {
                    assert!(answer.header("retry-after").is_some(), "{status}: {}", answer.text());
                }
                other => panic!("{other}: {}", answer.text()),
            }
        }
        assert!(answers.iter().any(|answer| answer.status == 200));
    })
}
