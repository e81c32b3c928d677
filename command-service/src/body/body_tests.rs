//! What a wrong body is told: the field, what is allowed, in plain words and few of the caller's own.

use serde_json::{json, value::RawValue};

use super::*;
use crate::command::commands;

fn refused(name: &str, body: &serde_json::Value) -> ParseError {
    refused_text(name, &body.to_string())
}

fn refused_text(name: &str, body: &str) -> ParseError {
    let entry = commands().into_iter().find(|entry| entry.name == name).unwrap();
    let raw = RawValue::from_string(body.to_owned()).unwrap();
    (entry.parse)(&raw).err().unwrap_or_else(|| panic!("{name} took {body}"))
}

fn taken(name: &str, body: &serde_json::Value) {
    let entry = commands().into_iter().find(|entry| entry.name == name).unwrap();
    let raw = RawValue::from_string(body.to_string()).unwrap();
    if let Err(error) = (entry.parse)(&raw) {
        panic!("{body}: {} {}", error.pointer, error.detail);
    }
}

const ID: &str = "11111111-1111-4111-8111-111111111111";

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn a_wrong_field_is_told_with_its_place_and_what_is_allowed() {
    for (name, body, pointer, detail) in [
        ("CreateAccount", json!({}), "", "the field `name` is missing"),
        ("CreateAccount", json!([]), "", "must be a JSON object"),
        (
            "CreateAccount",
            json!({ "name": "a", "indsutry": "x" }),
            "/indsutry",
            "there is no field `indsutry` here (did you mean `industry`?)",
        ),
        ("CreateAccount", json!({ "name": 5 }), "/name", "must be a text, not a whole number"),
        ("CreateAccount", json!({ "name": " " }), "/name", "must not be blank"),
        (
            "CreateAccount",
            json!({ "name": "a", "employees": "5" }),
            "/employees",
            "must be a whole number from 0 to 4294967295, not a text",
        ),
        (
            "CreateAccount",
            json!({ "name": "a", "employees": -1 }),
            "/employees",
            "must be a whole number from 0 to 4294967295",
        ),
        (
            "CreateAccount",
            json!({ "name": "a", "employees": 1.5 }),
            "/employees",
            "must be a whole number from 0 to 4294967295, not a number with a fraction",
        ),
        (
            "CreateAccount",
            json!({ "name": "a", "customer_type": "Custmer" }),
            "/customer_type",
            "(did you mean `Customer`?)",
        ),
        (
            "CreateAccount",
            json!({ "name": "a", "customer_type": 1 }),
            "/customer_type",
            "must be one of ",
        ),
        (
            "CreateAccount",
            json!({ "name": "a", "account_id": "x" }),
            "/account_id",
            "is no UUID of the form",
        ),
        (
            "CreateContact",
            json!({ "last_name": "a", "parent": "x" }),
            "/parent",
            "must be an object with `type` and `id`, not a text",
        ),
        (
            "CreateContact",
            json!({ "last_name": "a", "parent": { "type": "acount", "id": ID } }),
            "/parent/type",
            "must be one of account, contact, not `acount` (did you mean `account`?)",
        ),
        (
            "CreateContact",
            json!({ "last_name": "a", "parent": { "type": "account" } }),
            "/parent",
            "the field `id` is missing",
        ),
        (
            "CreateOpportunity",
            json!({ "topic": "a", "estimated_close_date": "2200-01-01" }),
            "/estimated_close_date",
            "must be between 1900-01-01 and 2199-12-31",
        ),
    ] {
        let error = refused(name, &body);
        assert_eq!(error.pointer, pointer, "{body}: {}", error.detail);
        assert!(error.detail.contains(detail), "{body}: {}", error.detail);
    }
}

/// Objects of any depth, also where a list has the right values in the right order.
#[test]
fn a_list_is_no_object() {
    let record = json!({ "type": "account", "id": ID });
    for (name, body, pointer) in [
        (
            "CreateAccount",
            json!({ "name": "a", "annual_revenue": ["5.00", "BRL"] }),
            "/annual_revenue",
        ),
        ("CreateAccount", json!({ "name": "a", "owner": ["user", ID] }), "/owner"),
        ("CreateContact", json!({ "last_name": "a", "parent": ["account", ID] }), "/parent"),
        (
            "SetAddress",
            json!({ "record": record, "kind": "primary", "address": ["a"] }),
            "/address",
        ),
        ("SetCommercialTerms", json!({ "record": record, "terms": [] }), "/terms"),
    ] {
        let error = refused(name, &body);
        assert_eq!(error.pointer, pointer, "{body}: {}", error.detail);
        assert!(error.detail.contains("not a list"), "{}", error.detail);
    }
    let street = json!({ "street": ["Rua 1", "[sic]"] });
    taken("SetAddress", &json!({ "record": record, "kind": "primary", "address": street }));
}

/// What a change can take away, and what it cannot: there is always a name.
#[test]
fn null_takes_away_only_what_a_record_can_be_without() {
    let role = json!({ "connection_role_id": ID, "matching": null });
    let line = json!({ "quote_id": ID, "line_id": ID, "quantity": null });
    for (name, body, pointer) in [
        ("ChangeAccountDetails", json!({ "account_id": ID, "name": null }), "/name"),
        (
            "ChangeAccountDetails",
            json!({ "account_id": ID, "customer_type": null }),
            "/customer_type",
        ),
        ("ChangeContactDetails", json!({ "contact_id": ID, "last_name": null }), "/last_name"),
        ("ChangeContactDetails", json!({ "contact_id": ID, "kind": null }), "/kind"),
        ("ChangeUser", json!({ "user_id": ID, "name": null }), "/name"),
        ("ChangeOpportunityDetails", json!({ "opportunity_id": ID, "topic": null }), "/topic"),
        ("ChangeConnectionRole", role, "/matching"),
        ("ChangeQuoteLine", line, "/quantity"),
    ] {
        let error = refused(name, &body);
        assert_eq!(error.pointer, pointer, "{body}: {}", error.detail);
        assert!(error.detail.starts_with("must be "), "{}", error.detail);
    }
    taken("ChangeAccountDetails", &json!({ "account_id": ID, "industry": null }));
    taken("ChangeContactDetails", &json!({ "contact_id": ID, "first_name": null }));
    taken("ChangeUser", &json!({ "user_id": ID, "manager": null }));
}

#[test]
fn no_message_speaks_the_language_of_the_program() {
    let values = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!("x"),
        json!([]),
        json!([1]),
        json!({}),
        json!({ "type": "x", "id": 1 }),
        json!({ "x": 1 }),
    ];
    let words = [
        "enum",
        "struct",
        "u32",
        "u64",
        "i64",
        "f64",
        "variant",
        "expected",
        "sequence",
        "column",
        "integer",
        "string",
        "invalid type",
        "tuple",
        "`null`",
        "Option",
    ];
    let mut seen = 0;
    for entry in commands() {
        let mut generator = schemars::SchemaGenerator::default();
        (entry.schema)(&mut generator);
        let schema = generator.take_definitions(false)[entry.name].clone();
        let fields: Vec<_> = schema["properties"].as_object().unwrap().keys().cloned().collect();
        for field in fields {
            for value in &values {
                let body = json!({ &*field: value }).to_string();
                let raw = RawValue::from_string(body.clone()).unwrap();
                let Err(error) = (entry.parse)(&raw) else { continue };
                for word in words {
                    // Names of fields are the caller's own words.
                    let plain = error.detail.split("; the fields are").next().unwrap();
                    let plain = plain.split("must be one of").next().unwrap().replace('`', "");
                    assert!(!plain.contains(word), "{} {body}: {}", entry.name, error.detail);
                }
                seen += 1;
            }
        }
    }
    assert!(seen > 1_000, "{seen}");
}

#[test]
fn little_of_what_was_sent_is_repeated() {
    let long = "x".repeat(5_000);
    for body in [
        json!({ "name": "a", long.clone(): 1 }),
        json!({ "name": "a", "customer_type": long }),
        json!({ "name": long }),
    ] {
        let error = refused("CreateAccount", &body);
        assert!(!error.detail.contains(&"x".repeat(ECHO_MAX + 1)), "{}", error.detail);
        assert!(error.pointer.chars().count() <= ECHO_MAX + 1, "{}", error.pointer);
    }
}

#[test]
fn ids_are_hyphenated_hexadecimal_in_either_case_and_of_something() {
    for id in [
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "{11111111-1111-4111-8111-111111111111}",
        "urn:uuid:11111111-1111-4111-8111-111111111111",
        "11111111111141118111111111111111",
        "11111111-1111-4111-8111-11111111111",
        "11111111-1111-4111-8111-1111111111111",
        "",
    ] {
        let error = refused("CreateAccount", &json!({ "name": "a", "account_id": id }));
        assert_eq!(error.pointer, "/account_id", "{id}");
        let parent = json!({ "type": "account", "id": id });
        let error = refused("CreateContact", &json!({ "last_name": "a", "parent": parent }));
        assert!(error.pointer.starts_with("/parent"), "{id}: {}", error.pointer);
        let error = refused("AddNote", &json!({ "regarding": parent, "text": "a" }));
        assert!(error.pointer.starts_with("/regarding"), "{id}: {}", error.pointer);
    }
    taken(
        "CreateAccount",
        &json!({ "name": "a", "account_id": "1111111A-1111-4111-8111-11111111111F" }),
    );
}

#[test]
fn names_hold_what_scripts_need_and_nothing_that_hides() {
    for name in [
        "Ana",
        "Zoë",
        "Ян",
        "محمد",
        "نامه\u{200C}ای",
        "क्\u{200D}ष",
        "李雷",
        "O’Brien",
        "Ñandú & Cía",
        "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}",
        "\u{2764}\u{FE0F}",
        "e\u{301}",
    ] {
        taken("CreateAccount", &json!({ "name": name }));
    }
    for (name, code) in [
        ("a\u{202E}b", "U+202E"),
        ("a\u{2066}b", "U+2066"),
        ("a\u{200B}b", "U+200B"),
        ("a\u{FEFF}b", "U+FEFF"),
        ("a\u{AD}b", "U+00AD"),
        ("a\u{378}b", "U+0378"),
        ("a\u{10FFFF}b", "U+10FFFF"),
        ("a\u{200D}b", "U+200D"),
        ("\u{200C}é", "U+200C"),
        ("é\u{200C}", "U+200C"),
        ("é\u{200D}\u{200D}é", "U+200D"),
        ("a\u{200E}b", "U+200E"),
        ("a\u{E0041}b", "U+E0041"),
    ] {
        let error = refused("CreateAccount", &json!({ "name": name }));
        assert_eq!(error.pointer, "/name");
        assert!(error.detail.contains(code), "{code}: {}", error.detail);
    }
    let person = refused("CreateContact", &json!({ "first_name": "a\u{202E}b", "last_name": "c" }));
    assert_eq!(person.pointer, "/first_name");
}

#[test]
fn countries_and_web_sites_are_what_they_say() {
    let address = |country: &str| {
        let record = json!({ "type": "account", "id": ID });
        json!({ "record": record, "kind": "primary", "address": { "country": country } })
    };
    for country in ["BR", "br", "UK", "XK", "Brasil", "Côte d’Ivoire", "USA"] {
        taken("SetAddress", &address(country));
    }
    for country in ["XX", "zz", "AA"] {
        let error = refused("SetAddress", &address(country));
        assert_eq!(error.pointer, "/address/country", "{country}");
        assert!(error.detail.contains("ISO 3166-1"), "{}", error.detail);
    }
    for site in
        ["https://contoso.com/a?b#c", "http://contoso.com:8080", "www.contoso.com", "HTTPS://X.org"]
    {
        taken("CreateAccount", &json!({ "name": "a", "website": site }));
    }
    for site in [
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://contoso.com",
        "https://",
        "https://me@contoso.com",
        "//contoso.com",
        "https://contoso.com/a b",
        "-x.com",
        "http:/contoso.com",
    ] {
        let error = refused("CreateAccount", &json!({ "name": "a", "website": site }));
        assert_eq!(error.pointer, "/website", "{site}");
    }
}

#[test]
fn a_number_that_no_computer_holds_is_refused_with_its_place() {
    let error = refused_text("CreateAccount", r#"{"name":"a","employees":1e999}"#);
    assert!(error.detail.contains("line 1"), "{}", error.detail);
}
