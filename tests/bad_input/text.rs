//! 3.3: texts, and what tells records apart.

use serde_json::{Value, json};
use tests::{encoded, texts};

use crate::{
    row::{Ask, Row, Steps, command, create, get, row},
    world::{ACCOUNT, CONTACT, NOBODY, World},
};

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = characters();
    rows.extend(lengths());
    rows.extend(kinds());
    rows.extend(identities());
    rows
}

/// A new account of that name.
fn named(name: &str) -> Ask {
    create(json!({ "name": name }).to_string())
}

/// A new contact with that field.
fn person(field: &str, value: &str) -> Ask {
    let mut body = json!({ "last_name": "Silva" });
    body[field] = Value::from(value);
    command("CreateContact", body.to_string())
}

fn characters() -> Vec<Row> {
    let wrong = |name: &str| named(name).told(422, "command.invalid", "/name");
    let note = |text: &str| {
        let regarding = json!({ "type": "account", "id": ACCOUNT });
        command("AddNote", json!({ "regarding": regarding, "text": text }).to_string())
    };
    vec![
        row(41, "NUL").asks([
            wrong("A\0B"),
            person("description", "A\0B").told(422, "command.invalid", "/description"),
            person("phone", "1\0").told(422, "command.invalid", "/phone"),
            note("A\0B").invalid(),
            get("/accounts?name=%00").refused(422, "parameter.invalid"),
            get("/accounts?email=a%00b").refused(422, "parameter.invalid"),
            get("/accounts/%00").refused(404, "record.not_found"),
        ]),
        row(42, "characters that control").asks([
            wrong("A\r\nB"),
            wrong("A\tB"),
            wrong("\u{1b}[31mA"),
            wrong("A\u{7f}"),
            wrong("A\u{85}B"),
            wrong("A\u{2028}B"),
            wrong("A\u{2029}B"),
            person("last_name", "A\nB").told(422, "command.invalid", "/last_name"),
            person("description", "\u{1b}]0;x\u{7}").invalid(),
            note("two\nlines"),
        ]),
        // Names are shown beside others: what hides or turns text is refused in all of them.
        row(43, "characters that hide").asks([
            wrong("A\u{202e}B"),
            wrong("A\u{2066}B"),
            wrong("A\u{200b}B"),
            wrong("A\u{ad}B"),
            wrong("A\u{200d}B"),
            wrong("A\u{feff}B"),
            person("email", "a\u{202e}b@contoso.com").told(422, "command.invalid", "/email"),
            person("email", "a\u{ad}b@contoso.com").told(422, "command.invalid", "/email"),
            person("email", "a@con\u{200b}toso.com").told(422, "command.invalid", "/email"),
            named("\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}"),
        ]),
        // Nothing is merged: each contact keeps the address as it was written.
        row(44, "one letter in two forms").asks([
            person("email", "andr\u{e9}@contoso.com"),
            person("email", "andre\u{301}@contoso.com"),
        ]),
        row(45, "letters that look alike").asks([
            person("email", "ana@cont\u{43e}so.com"),
            person("email", "ana@xn--contso-tlf.com"),
        ]),
        row(46, "letters without one small form").journey(folding),
    ]
}

/// Small letters are those of Unicode, whatever the language of the machine; nothing else is alike.
fn folding(world: &World) -> Steps<'_> {
    Box::pin(async move {
        let annals = &world.annals;
        let names =
            ["\u{130}zmir", "izmir", "\u{131}zmir", "Stra\u{df}e", "STRASSE", "\u{fb00}a", "FFA"];
        for name in names {
            annals.account(name).await;
        }
        for (asked, found) in [
            ("IZMIR", vec!["izmir"]),
            ("\u{131}zmir", vec!["\u{131}zmir"]),
            ("stra\u{df}e", vec!["Stra\u{df}e"]),
            ("Strasse", vec!["STRASSE"]),
            ("ffa", vec!["FFA"]),
            ("\u{130}ZMIR", vec!["\u{130}zmir"]),
        ] {
            let page = annals.now(&format!("/accounts?name={}", encoded(asked))).await;
            assert_eq!(texts(&page, "/name"), found, "{asked}");
        }
    })
}

fn lengths() -> Vec<Row> {
    let blank = "must not be blank";
    let zalgo = format!("e{}", "\u{301}".repeat(100));
    vec![
        // Limits are in characters, as those of the fields of Dynamics.
        row(47, "letters of many parts").asks([
            named(&zalgo),
            named(&format!("e{}", "\u{301}".repeat(159))),
            named(&format!("e{}", "\u{301}".repeat(160))).invalid(),
            named(&"\u{1F600}".repeat(160)),
            named(&"\u{1F600}".repeat(161)).invalid(),
        ]),
        row(48, "too little, too much").asks([
            named("").told(422, "command.invalid", blank),
            named("   ").told(422, "command.invalid", blank),
            named("\u{3000}\u{2003}\u{a0}").told(422, "command.invalid", blank),
            named("\u{3164}").invalid(),
            named("\u{2800}").invalid(),
            named("A"),
            named(&"x".repeat(160)),
            named(&"x".repeat(161)).told(422, "command.invalid", "160"),
            named(&"x".repeat(10_000)).told(422, "command.invalid", "160"),
            person("last_name", &"x".repeat(51)).told(422, "command.invalid", "50"),
        ]),
        row(49, "another language inside")
            .asks([
                get("/accounts?name=Robert%27)%3B%20DROP%20TABLE").with("\"items\":[]"),
                get("/accounts?name=%22%20OR%201%3D1%20--").with("\"items\":[]"),
                get("/accounts?name=%25").with("\"items\":[]"),
                get("/accounts?name=_____").with("\"items\":[]"),
                get("/accounts?name=%5C").with("\"items\":[]"),
                get("/accounts?owner=1%20or%201%3D1").refused(422, "parameter.invalid"),
                get("/accounts?sort=name%3Bdrop%20table").refused(422, "sort.unknown"),
                named("Robert'); DROP TABLE accounts;--"),
            ])
            .test("tests/end_to_end/reading.rs::names_are_searched_letter_by_letter"),
        row(50, "text that other programs carry out").asks([
            named("<script>alert(1)</script>"),
            named("{{7*7}}"),
            named("${jndi:ldap://a/b}"),
            named("=cmd|' /C calc'!A0"),
            get("/accounts?name=%3Cscript%3E").with("<script>alert(1)</script>"),
            get("/accounts?name=%7B%7B7").with("{{7*7}}"),
        ]),
    ]
}

fn kinds() -> Vec<Row> {
    let wrong = |mail: &str| person("email", mail).told(422, "command.invalid", "/email");
    let long = format!("{}@{}.com", "a".repeat(64), "b.".repeat(95));
    let address = |country: &str| {
        let record = json!({ "type": "account", "id": ACCOUNT });
        let address = json!({ "country": country });
        let body = json!({ "record": record, "kind": "primary", "address": address });
        command("SetAddress", body.to_string())
    };
    let money = |currency: &str| {
        let revenue = json!({ "amount": "1", "currency": currency });
        create(json!({ "name": "A", "annual_revenue": revenue }).to_string())
    };
    vec![
        row(51, "addresses of mail").asks([
            wrong("a@b"),
            wrong("\"a b\"@x.yz"),
            wrong("a@[127.0.0.1]"),
            wrong("a@127.0.0.1"),
            wrong(&long),
            wrong("a@b@contoso.com"),
            wrong("a@contoso.com."),
            wrong("a.@contoso.com"),
            wrong("a@contoso.com\nBcc: b@contoso.com"),
            wrong("a@-contoso.com"),
            wrong("Ana <a@contoso.com>"),
            wrong("a@contoso.com,b@contoso.com"),
            wrong(""),
            person("email", "ana+crm@CONTOSO.com"),
        ]),
        // A number is kept as it is said, as in Dynamics: fifty characters, extensions and all.
        row(52, "telephone numbers").asks([
            person("phone", &"1".repeat(51)).told(422, "command.invalid", "/phone"),
            person("phone", "+55 11\n1").told(422, "command.invalid", "/phone"),
            person("phone", " ").told(422, "command.invalid", "/phone"),
            person("phone", "+55 11 5555-0100 ext. 7"),
        ]),
        Row::not(53, "CPF and CNPJ", "taxpayers"),
        row(54, "countries, currencies, languages")
            .asks([
                address("XX").told(422, "command.invalid", "/address/country"),
                address("zz").told(422, "command.invalid", "/address/country"),
                money("ABC").told(422, "command.invalid", "/annual_revenue/currency"),
                money("XXX").told(422, "command.invalid", "/annual_revenue/currency"),
                money("brl").told(422, "command.invalid", "/annual_revenue/currency"),
                money("").told(422, "command.invalid", "/annual_revenue/currency"),
            ])
            .without("languages"),
    ]
}

fn identities() -> Vec<Row> {
    let wrong = |id: &str| {
        create(json!({ "name": "A", "account_id": id }).to_string()).told(
            422,
            "command.invalid",
            "/account_id",
        )
    };
    let upper = "ABCDEFAB-CDEF-4BCD-8BCD-ABCDEFABCDEF";
    vec![
        row(55, "ids").asks([
            wrong("00000000-0000-0000-0000-000000000000"),
            wrong("ffffffff-ffff-ffff-ffff-ffffffffffff"),
            wrong(&format!("{{{NOBODY}}}")),
            wrong(&format!("urn:uuid:{NOBODY}")),
            wrong(&NOBODY[..35]),
            wrong(&format!("{NOBODY}9")),
            wrong(&NOBODY.replace('-', "")),
            wrong(&format!(" {NOBODY}")),
            create(json!({ "name": "A", "account_id": upper }).to_string()),
            create(json!({ "name": "A", "account_id": upper.to_lowercase() }).to_string())
                .refused(422, "record.exists"),
            get(format!("/accounts/{upper}?fresh=true"))
                .with("abcdefab-cdef-4bcd-8bcd-abcdefabcdef"),
            get(format!("/accounts/{}", &NOBODY[..35])).refused(404, "record.not_found"),
            get(format!("/accounts/{{{CONTACT}}}").replace('{', "%7B").replace('}', "%7D"))
                .refused(404, "record.not_found"),
            get("/accounts/1%20or%201").refused(404, "record.not_found"),
            get(format!("/accounts/{CONTACT}")).refused(404, "record.not_found"),
        ]),
        Row::not(56, "an id of another tenant", "tenants"),
        Row::not(57, "names of attachments", "attachments"),
    ]
}
