//! Rows that are refused: why, and how they are corrected and imported.

use std::{fs, path::Path};

use serde_json::json;

use super::{testing::*, *};

#[tokio::test]
async fn what_the_mapping_cannot_use_is_refused_with_line_column_and_code() {
    let world = World::new();
    fs::write(
        world.path("deals.csv"),
        "deal;product;account;seller;value;currency;stage;since;won
A;Pump;Initech;Moss;1;EUR;O;;
B;Pump;Nobody;Moss;1;EUR;O;;
C;Pump;Acmee;Moss;1;EUR;X;;
D;Pump;Acmee;Moss;1,2345;EUR;O;;
E;Pump;Acmee;Moss;1;XXX;O;;
F;Pump;Acmee;Moss;1;EUR;O;2016-10-20;
G;Pump;Acmee;Moss;1;EUR;;;
;Pump;Acmee;Moss;1;EUR;O;;
A;Pump;Acmee;Moss;1;EUR;O;;
H;Pump
I;Pump;Acmee;Moss;1;EUR;O;;30.02.2017
B;Pump;Acmee;Moss;1;EUR;O;;no
",
    )
    .unwrap();
    let summary = world.import().await;
    let told = world.told.lines();
    let begins = |number: usize, start: &str| {
        assert!(told[number].starts_with(start), "{start}: {}", told[number]);
    };
    begins(0, "deals.csv:2: deal: account: import.lookup_ambiguous: ");
    begins(1, "deals.csv:3: deal: account: import.lookup_not_found: ");
    begins(2, "deals.csv:4: deal: stage: import.value_not_mapped: ");
    begins(3, "deals.csv:5: deal: value: import.bad_number: ");
    begins(4, "deals.csv:6: deal: value: import.bad_number: ");
    begins(5, "deals.csv:7: deal: since: import.bad_date: ");
    begins(6, "deals.csv:8: deal: stage: import.blank: ");
    begins(7, "deals.csv:9: deal: import.blank: the key");
    begins(8, "deals.csv:10: deal: import.bad_row: the key is that of row 1");
    begins(9, "deals.csv:11: deal: import.bad_row: 2 fields, the header has 9");
    begins(10, "deals.csv:13: deal: import.bad_row: the key is that of row 2");
    begins(11, "deals.csv:11: win: import.bad_row: ");
    begins(12, "deals.csv:12: win: won: import.bad_date: ");
    assert_eq!(told.len(), 13, "{told:?}");
    assert_eq!(summary.refused(), 13);
}

#[tokio::test]
async fn a_refusal_names_the_characters_that_nobody_sees() {
    let world = World::new();
    world.edit("deals.csv", "Hose;NULL;Moss", "Hose;NULL;Mo\u{200B}ss");
    world.edit("deals.csv", ";1.234,50;EUR", ";1\u{202F}234,50;EUR");
    let rejects = world.path("rejects");
    let options = ImportOptions { rejects: Some(rejects.clone()), ..world.options() };
    run(options, &world.ledger).await.unwrap();
    let told = world.told.lines().join("\n");
    let number = "value: import.bad_number: `1<U+202F NARROW NO-BREAK SPACE>234,50` is not of";
    assert!(told.contains(number), "{told}");
    assert!(told.contains("has `Mo<U+200B ZERO WIDTH SPACE>ss`"), "{told}");
    let written = fs::read_to_string(rejects.join("deals.csv")).unwrap();
    assert!(written.contains("`1<U+202F NARROW NO-BREAK SPACE>234,50`"), "{written}");
    assert!(written.contains(";1\u{202F}234,50;"), "the value itself stays as it was: {written}");

    world.edit("mapping.toml", r#"column = "seller""#, "column = \"seller\u{A0}\"");
    let error = run(world.options(), &world.ledger).await.unwrap_err().to_string();
    assert!(error.contains("`seller<U+00A0 NO-BREAK SPACE>`"), "{error}");
}

/// Corrects a file of refused rows: each row is given to `fix` with its first column.
fn correct(path: &Path, fix: impl Fn(&mut Vec<String>)) {
    let mut reader =
        csv::ReaderBuilder::new().delimiter(b';').has_headers(false).from_path(path).unwrap();
    let mut rows: Vec<Vec<String>> =
        reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
    rows.iter_mut().skip(1).for_each(fix);
    let mut writer = csv::WriterBuilder::new().delimiter(b';').from_path(path).unwrap();
    for row in rows {
        writer.write_record(row).unwrap();
    }
    writer.flush().unwrap();
}

#[tokio::test]
async fn refused_rows_are_corrected_and_imported_as_the_rows_they_were() {
    let world = World::new();
    world.edit("deals.csv", "D1;Pump", "D1;Pump;too;many");
    world.edit("deals.csv", ";P;NULL", ";Q;NULL");
    world.edit("deals.csv", "D3;Hose;NULL", "D3;Hose;Acmee");
    world.ledger.state().refused_topic = Some("Hose");
    let rejects = world.path("rejects");
    let options = ImportOptions { rejects: Some(rejects.clone()), ..world.options() };
    let summary = run(options, &world.ledger).await.unwrap();
    assert_eq!(summary.step("deal").unwrap().refused, 3, "{summary}");
    let file = rejects.join("deals.csv");
    let written = fs::read_to_string(&file).unwrap();
    let lines: Vec<_> = written.lines().collect();
    assert_eq!(lines.len(), 4, "each row once, though two steps refused the first: {written}");
    assert!(lines[0].ends_with(&format!("won;{}", REJECT_COLUMNS.join(";"))), "{written}");
    assert!(lines[1].starts_with(";;;;;;;;;") && lines[1].contains("D1;Pump;too;many"));
    assert!(lines[2].starts_with("D2;Valve;;Jen;;EUR;Q;NULL;no;"), "{written}");
    assert!(lines[3].contains(";3;;4;product, account;opportunity.closed;no;"), "{written}");
    assert!(!rejects.join("accounts.csv").exists());

    world.ledger.state().refused_topic = None;
    correct(&file, |row| {
        if row[0].is_empty() {
            let right = "D1;Pump;Acmee;Moss;1.234,50;EUR;O;20.10.2016;01.03.2017";
            row.splice(..9, right.split(';').map(str::to_owned));
        }
        row[6] = row[6].replace('Q', "P");
    });
    let again = ImportOptions { files: [("deals.csv".to_owned(), file)].into(), ..world.options() };
    let summary = run(again, &world.ledger).await.unwrap();
    assert!(summary.is_clean(), "{:?}", world.told.lines());
    assert_eq!(summary.step("deal").unwrap().accepted, 3);
    assert_eq!(summary.step("win").unwrap().accepted, 1);
}

#[tokio::test]
async fn a_file_of_refused_rows_is_never_overwritten() {
    let world = World::new();
    fs::write(world.path("deals.csv"), DEALS).unwrap();
    let options =
        ImportOptions { rejects: Some(world.folder.path().to_path_buf()), ..world.options() };
    let error = run(options, &world.ledger).await.unwrap_err().to_string();
    assert!(error.contains("is there already"), "{error}");
    assert_eq!(world.ledger.state().batches, 0);
}

#[tokio::test]
async fn rows_without_a_key_keep_their_identity_through_a_file_of_refused_rows() {
    let world = World::new();
    world.edit("mapping.toml", "key = [\"deal\"]", "");
    world.edit("deals.csv", "D3;Hose;NULL;Moss;5;JPY", "D3;Hose;NULL;Moss;5;EURO");
    let rejects = world.path("rejects");
    let options = ImportOptions { rejects: Some(rejects.clone()), ..world.options() };
    run(options, &world.ledger).await.unwrap();
    let file = rejects.join("deals.csv");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("EURO", "JPY")).unwrap();
    let sha256 = reader::sha256(&world.path("deals.csv")).unwrap();
    let again = ImportOptions { files: [("deals.csv".to_owned(), file)].into(), ..world.options() };
    run(again, &world.ledger).await.unwrap();
    let deals = world.ledger.commands("CreateOpportunity");
    let expected = events::ids::derived(&format!("test:opportunity:{sha256}:3"));
    assert_eq!(deals[2]["data"]["opportunity_id"], json!(expected));
    assert_eq!(deals.len(), 3);
}

#[tokio::test]
async fn a_row_whose_record_was_not_made_is_not_tried_again_in_later_steps() {
    let world = World::new();
    world.ledger.state().refused_topic = Some("Pump");
    let summary = world.import().await;
    assert_eq!(summary.step("deal").unwrap().refused, 1);
    assert_eq!(summary.step("win").unwrap().refused, 1);
    let told = world.told.lines();
    assert_eq!(told[0], "deals.csv:2: deal: product, account: opportunity.closed: no");
    assert!(told[1].starts_with("deals.csv:2: win: command.not_tried: "), "{}", told[1]);
    assert!(world.ledger.commands("WinOpportunity").is_empty());
}

/// Everything in one list: each seller and each account once, told apart by place and by name.
const PIPELINE_MAPPING: &str = r##"
source = "test"
[[step]]
file = "pipeline.csv"
entity = "person"
record = "user"
command = "AddUser"
key = ["#row"]
distinct = ["seller"]
[step.fields]
user_id = { own = "id" }
name = { column = "seller", max = 10, blank = "refuse" }

[[step]]
file = "pipeline.csv"
entity = "account"
command = "CreateAccount"
key = ["account"]
distinct = ["account"]
[step.fields]
account_id = { own = "id" }
name = { column = "account" }
account_number = { column = "number" }

[[step]]
file = "pipeline.csv"
entity = "opportunity"
command = "CreateOpportunity"
[step.fields]
opportunity_id = { own = "id" }
topic = { column = "topic" }
customer = { lookup = "account", column = "account", as = "ref" }
owner = { lookup = "person", by = ["seller"], column = "seller", as = "ref" }
estimated_value = { column = "value", number = "1234.56", currency = "EUR" }
"##;

const PIPELINE: &str = "topic,seller,account,number,value
Pump,Moss,Acme,1,10
Hose,Jen,Acme,2,x
Valve,Moss,Initech,3,y
Pipe,Jen,Initech,4,40
Cap,A name that is too long,Acme,5,50
Nut,Roy,Acme,6
Bolt,Roy,Acme,7,70
";

/// Imports the pipeline, which leaves four rows refused; answers with their file.
async fn refused_pipeline(world: &World) -> std::path::PathBuf {
    fs::write(world.path("mapping.toml"), PIPELINE_MAPPING).unwrap();
    fs::write(world.path("pipeline.csv"), PIPELINE).unwrap();
    let rejects = world.path("rejects");
    let options = ImportOptions { rejects: Some(rejects.clone()), ..world.options() };
    run(options, &world.ledger).await.unwrap();
    let file = rejects.join("pipeline.csv");
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 5);
    assert_eq!(names_of(world, "AddUser"), ["Moss", "Jen", "Roy"]);
    file
}

fn names_of(world: &World, command: &str) -> Vec<String> {
    let commands = world.ledger.commands(command).into_iter();
    commands.map(|command| command["data"]["name"].as_str().unwrap().to_owned()).collect()
}

/// Corrects the four rows, so that the one with the long name is Jen's.
fn correct_pipeline(file: &Path) {
    let text = fs::read_to_string(file).unwrap();
    let text = text.replace("Acme,2,x", "Acme,2,20").replace("Initech,3,y", "Initech,3,30");
    let text = text.replace("Cap,A name that is too long", "Cap,Jen");
    // The row that could not be read stands in the last column.
    let corrected = |line: &str| match line.contains("Nut,Roy,Acme,6") {
        true => line.replacen(",,,,,", "Nut,Roy,Acme,6,60,", 1),
        false => line.to_owned(),
    };
    let lines: Vec<_> = text.lines().map(corrected).collect();
    fs::write(file, lines.join("\n") + "\n").unwrap();
}

async fn import_rejects(world: &World, file: &Path) -> Summary {
    let files = [("pipeline.csv".to_owned(), file.to_owned())].into();
    run(ImportOptions { files, ..world.options() }, &world.ledger).await.unwrap()
}

#[tokio::test]
async fn a_corrected_file_of_refused_rows_makes_nothing_twice() {
    let world = World::new();
    let file = refused_pipeline(&world).await;
    correct_pipeline(&file);
    let summary = import_rejects(&world, &file).await;
    assert!(summary.is_clean(), "{summary}\n{:?}", world.told.lines());
    assert_eq!(names_of(&world, "AddUser"), ["Moss", "Jen", "Roy"]);
    assert_eq!(names_of(&world, "CreateAccount"), ["Acme", "Initech"]);
    let deals = world.ledger.commands("CreateOpportunity");
    let mut topics: Vec<_> = deals.iter().map(|deal| deal["data"]["topic"].clone()).collect();
    topics.sort_by_key(ToString::to_string);
    assert_eq!(topics, ["Bolt", "Cap", "Hose", "Nut", "Pipe", "Pump", "Valve"]);
    // Each deal is its seller's, whichever file its row stood in.
    let owner_of = |topic: &str| {
        let deal = deals.iter().find(|deal| deal["data"]["topic"] == topic).unwrap();
        deal["data"]["owner"].clone()
    };
    assert_eq!(owner_of("Hose"), owner_of("Pipe"));
    assert_eq!(owner_of("Cap"), owner_of("Pipe"));
    assert_eq!(owner_of("Valve"), owner_of("Pump"));
    assert_eq!(owner_of("Nut"), owner_of("Bolt"));

    let again = import_rejects(&world, &file).await;
    assert!(again.is_clean(), "{again}");
    let accepted: u64 = again.steps.iter().map(|step| step.accepted).sum();
    assert_eq!(accepted, 0);
}

#[tokio::test]
async fn a_file_of_refused_rows_alone_never_makes_up_what_a_new_value_means() {
    let world = World::new();
    let file = refused_pipeline(&world).await;
    correct_pipeline(&file);
    fs::remove_file(kinds::beside(&file)).unwrap();
    let text = fs::read_to_string(&file).unwrap().replace("Cap,Jen", "Cap,Tess");
    fs::write(&file, text).unwrap();
    let summary = import_rejects(&world, &file).await;
    let told = world.told.lines().join("\n");
    // What other refused rows had is known, also without the file beside it.
    assert_eq!(names_of(&world, "AddUser"), ["Moss", "Jen", "Roy"], "{told}");
    assert_eq!(told.matches("AddUser: import.kind_unknown: ").count(), 2, "{told}");
    assert_eq!(summary.steps[2].accepted, 2, "{summary}");
}

#[tokio::test]
async fn a_file_of_refused_rows_of_an_older_version_is_still_imported() {
    let world = World::new();
    world.edit("deals.csv", "D3;Hose;NULL;Moss;5;JPY", "D3;Hose;NULL;Moss;5;EURO");
    let rejects = world.path("rejects");
    let options = ImportOptions { rejects: Some(rejects.clone()), ..world.options() };
    run(options, &world.ledger).await.unwrap();
    let file = rejects.join("deals.csv");
    let text = fs::read_to_string(&file).unwrap();
    let text = text.replace(";annals_key", "").replace(";3;;4;", ";3;4;").replace("EURO", "JPY");
    assert_eq!(text.lines().count(), 2);
    fs::write(&file, text).unwrap();
    let again = ImportOptions { files: [("deals.csv".to_owned(), file)].into(), ..world.options() };
    let summary = run(again, &world.ledger).await.unwrap();
    assert_eq!(summary.step("deal").unwrap().accepted, 1, "{summary}");
}
