//! Which mappings make no sense, and how they are told.

use super::*;

const GOOD: &str = r#"
source = "s"
[[step]]
file = "a.csv"
entity = "account"
command = "CreateAccount"
key = ["n"]
[step.fields]
account_id = { own = "id" }
name = { column = "n" }
"#;

fn refused(text: &str) -> String {
    let line = format!("{:#}", Mapping::parse(text).unwrap_err());
    assert!(!line.contains('\n'), "one line: {line}");
    line
}

fn with_field(field: &str) -> String {
    refused(&format!("{GOOD}{field}\n"))
}

#[test]
fn a_mapping_is_read_with_its_defaults() {
    let mapping = Mapping::parse(GOOD).unwrap();
    assert_eq!(mapping.step[0].name(), "CreateAccount");
    assert_eq!(mapping.step[0].record(), "account");
    assert_eq!(mapping.step[0].fields["name"].blank, Blank::Omit);
    assert!(mapping.step[0].fields["name"].trim);
}

#[test]
fn a_wrong_word_is_named_with_its_line() {
    let line = refused(&GOOD.replace("file =", "flie ="));
    assert!(line.contains("line 4") && line.contains("flie"), "{line}");
    let line = refused(&GOOD.replace("[[step]]", "[[step]"));
    assert!(line.starts_with("line 3"), "{line}");
}

#[test]
fn a_command_or_field_that_is_not_there_is_named() {
    assert!(refused(&GOOD.replace("CreateAccount", "MakeAccount")).contains("no command"));
    let line = with_field("nmae = { column = \"n\" }");
    assert!(line.contains("CreateAccount has no field `nmae`"), "{line}");
    let line = refused(&GOOD.replace("name = { column = \"n\" }", ""));
    assert!(line.contains("CreateAccount needs the field `name`"), "{line}");
}

#[test]
fn a_personal_column_cannot_be_a_key() {
    for (command, field) in
        [("CreateAccount", "email"), ("CreateContact", "last_name"), ("AddUser", "name")]
    {
        let record = command.trim_start_matches("Create").trim_start_matches("Add").to_lowercase();
        let text = format!(
            "source = \"s\"\n[[step]]\nfile = \"a.csv\"\nentity = \"{record}\"\n\
             command = \"{command}\"\nkey = [\"n\"]\n[step.fields]\n{field} = {{ column = \"n\" }}\n"
        );
        let line = refused(&text);
        assert!(line.contains("personal") && line.contains(ROW_KEY), "{line}");
    }
    let text = GOOD.replace("CreateAccount", "AddUser").replace("account_id", "user_id");
    assert!(refused(&text).contains("personal"));
    assert!(Mapping::parse(&text.replace("[\"n\"]", "[\"#row\"]")).is_ok());
}

#[test]
fn a_field_comes_from_one_place_and_is_converted_once() {
    for (field, why) in [
        ("phone = { column = \"a\", value = \"b\" }", "says where it comes from"),
        ("phone = { trim = true }", "says where it comes from"),
        ("phone = { column = \"a\", date = \"%Y\", number = \"1234.56\" }", "only one of"),
        ("phone = { column = \"a\", currency = \"USD\" }", "how is the `number` written"),
        ("phone = { column = \"a\", as = \"ref\" }", "belong to a `lookup`"),
        ("phone = { columns = [\"a\", \"b\"] }", "belongs to a `lookup`"),
        ("phone = { value = 5, number = \"1234.56\" }", "a fixed value"),
        ("phone = { lookup = \"account\", value = 5 }", "is a text"),
        (
            "phone = { column = \"a\", number = \"1234.56\", currency = \"USD\", integer = true }",
            "no `integer`",
        ),
    ] {
        let line = with_field(field);
        assert!(line.contains(why), "{field}: {line}");
    }
}

#[test]
fn conditions_keys_names_and_files_must_make_sense() {
    let step = |extra: &str| refused(&GOOD.replace("key =", &format!("{extra}\nkey =")));
    assert!(step("when = [{ column = \"n\" }]").contains("one of `in`"));
    assert!(step("when = [{ column = \"n\", in = [], blank = true }]").contains("one of `in`"));
    assert!(refused(&GOOD.replace("[\"n\"]", "[\"n\", \"#row\"]")).contains("by itself"));
    assert!(refused(&GOOD.replace("\"s\"", "\"s:t\"")).contains("colon"));
    assert!(refused(&GOOD.replace("\"s\"", "\" \"")).contains("blank"));
    let twice = format!("{GOOD}{}", GOOD.replace("source = \"s\"", ""));
    assert!(refused(&twice).contains("two steps are named"));
    assert!(refused(&format!("{GOOD}[file.\"b.csv\"]\n")).contains("no step reads"));
    assert!(refused(&format!("{GOOD}[file.\"a.csv\"]\ndelimiter = \";;\"\n")).contains(";;"));
    assert!(
        refused(&format!("{GOOD}[file.\"a.csv\"]\nencoding = \"ebcdic\"\n")).contains("ebcdic")
    );
}

#[test]
fn a_reference_names_a_kind_of_record() {
    let line = refused(
        &GOOD.replace("\"account\"", "\"company\"").replace("own = \"id\"", "own = \"ref\""),
    );
    assert!(line.contains("`company` is no kind of record"), "{line}");
}
