//! 3.2: JSON that is none, that means two things, or says what no field can hold.

use crate::{
    row::{Ask, Row, command, create, post, row},
    world::{ACCOUNT, NOBODY},
};

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = syntax();
    rows.extend(encodings());
    rows.extend(sizes());
    rows.extend(values());
    rows
}

/// A body that is no JSON; the answer says where.
fn malformed(body: impl Into<Vec<u8>>) -> Ask {
    create(body).told(400, "json.malformed", "line 1, column")
}

fn syntax() -> Vec<Row> {
    vec![
        row(26, "a body that is no object").asks([
            create("").told(400, "json.malformed", "line"),
            create(" \n ").told(400, "json.malformed", "line"),
            create("null").told(422, "command.invalid", "JSON object"),
            create("[]").told(422, "command.invalid", "JSON object"),
            create("\"x\"").told(422, "command.invalid", "JSON object"),
            create("1").told(422, "command.invalid", "JSON object"),
            create("true").told(422, "command.invalid", "JSON object"),
            post("/commands", "").refused(400, "json.malformed"),
            post("/commands", "null").refused(422, "list.invalid"),
            post("/commands", "{}").refused(422, "list.invalid"),
            post("/commands", "[1]").told(422, "list.invalid", "\"/0\""),
            post("/commands", "[null]").told(422, "list.invalid", "\"/0\""),
        ]),
        row(27, "almost JSON").asks([
            malformed(r#"{"name":"A"#),
            malformed(r#"{"name":"#),
            malformed(r#"{"name":"A",}"#),
            malformed(r#"{"name":"A"/* b */}"#),
            malformed(r#"{"name":"A"} // b"#),
            malformed(r#"{"name":"A","employees":NaN}"#),
            malformed(r#"{"name":"A","employees":Infinity}"#),
            malformed(r#"{"name":"A","employees":-Infinity}"#),
            malformed(r#"{"name":"A","employees":0x10}"#),
            malformed(r#"{"name":"A","employees":010}"#),
            malformed(r#"{"name":"A","employees":+1}"#),
            malformed(r#"{"name":"A","employees":.5}"#),
            malformed("{'name':'A'}"),
            malformed("{name:\"A\"}"),
            malformed("{\"name\":\"A\nB\"}").told(400, "json.malformed", "line"),
            malformed(r#"{"name":"\x41"}"#),
            malformed(r#"{"name":undefined}"#),
            post("/commands", r#"[{"type":"CreateAccount","data":{"name":"A"},}]"#).told(
                400,
                "json.malformed",
                "line 1, column",
            ),
        ]),
        row(28, "two documents").asks([
            malformed(r#"{"name":"A"}{"name":"B"}"#),
            create("{\"name\":\"A\"}\n{\"name\":\"B\"}").told(400, "json.malformed", "line 2"),
            malformed(r#"{"name":"A"} x"#),
            malformed("{\"name\":\"A\"}\0"),
            post("/commands", "[] []").refused(400, "json.malformed"),
        ]),
    ]
}

fn encodings() -> Vec<Row> {
    vec![
        row(29, "a byte order mark").asks([
            malformed("\u{feff}{\"name\":\"A\"}"),
            post("/commands", "\u{feff}[]").refused(400, "json.malformed"),
        ]),
        row(30, "text that is no UTF-8").asks([
            malformed(b"{\"name\":\"\xff\xfe\"}".as_slice()),
            malformed(b"{\"name\":\"\xc0\xaf\"}".as_slice()),
            malformed(b"{\"name\":\"\xe0\x80\xaf\"}".as_slice()),
            malformed(b"{\"name\":\"\xed\xa0\x80\"}".as_slice()),
            malformed(b"{\"name\":\"\xf4\x90\x80\x80\"}".as_slice()),
            malformed(b"{\"n\xe3me\":\"A\"}".as_slice()),
            malformed(r#"{"name":"\ud800"}"#),
            malformed(r#"{"name":"\udc00\ud800"}"#),
            malformed(r#"{"\ud800":"A"}"#),
        ]),
        row(31, "nesting").asks([
            create(nested(31)).told(422, "command.invalid", "/name"),
            create(nested(32)).refused(400, "json.too_deep"),
            create(nested(127)).refused(400, "json.too_deep"),
            create(nested(128)).refused(400, "json.too_deep"),
            create(nested(129)).refused(400, "json.too_deep"),
            create(nested(100_000)).refused(400, "json.too_deep"),
            create("[".repeat(100_000)).refused(400, "json.too_deep"),
            create(r#"{"a":"#.repeat(40_000)).refused(400, "json.too_deep"),
            post("/commands", "[".repeat(1_000_000)).refused(400, "json.too_deep"),
        ]),
        row(32, "a key that stands twice").asks([
            create(r#"{"name":"A","name":"B"}"#).told(400, "json.duplicate_key", "line 1"),
            create(r#"{"name":"A","name":"A"}"#).refused(400, "json.duplicate_key"),
            create(r#"{"name":"A","n\u0061me":"B"}"#).refused(400, "json.duplicate_key"),
            create(r#"{"name":"A","annual_revenue":{"amount":"1","amount":"9","currency":"BRL"}}"#)
                .refused(400, "json.duplicate_key"),
            post("/commands", r#"[{"type":"A","type":"B","data":{}}]"#)
                .refused(400, "json.duplicate_key"),
        ]),
    ]
}

/// A name within so many brackets.
fn nested(levels: usize) -> Vec<u8> {
    format!(r#"{{"name":{}{}}}"#, "[".repeat(levels), "]".repeat(levels)).into_bytes()
}

fn sizes() -> Vec<Row> {
    let keys: Vec<_> = (0..10_000).map(|number| format!("\"k{number}\":1")).collect();
    let keys = format!("{{\"name\":\"A\",{}}}", keys.join(","));
    let numbers = |count: usize| format!("[{}1]", "1,".repeat(count - 1));
    vec![
        row(33, "a field that is not there").asks([
            create(r#"{"name":"A","indsutry":"Wood"}"#).told(422, "command.invalid", "industry"),
            create(r#"{"name":"A","Name":"B"}"#).told(422, "command.invalid", "/Name"),
            create(r#"{"name":"A","":1}"#).invalid(),
            create(format!(r#"{{"name":"A","{}":1}}"#, "x".repeat(10_000))).invalid(),
            post("/commands", r#"[{"type":"CreateAccount","data":{"name":"A"},"force":true}]"#)
                .told(422, "list.invalid", "/0/force"),
        ]),
        // There are no custom fields.
        row(34, "keys that programs interpret").asks([
            create(r#"{"name":"A","__proto__":{"admin":true}}"#).invalid(),
            create(r#"{"name":"A","constructor":{"prototype":{}}}"#).invalid(),
            create(r##"{"name":"A","$ref":"#/definitions/x"}"##).invalid(),
            create(r#"{"name":{"$gt":""}}"#).told(422, "command.invalid", "must be a text"),
            create(r#"{"name":"A","@type":"java.lang.Runtime"}"#).invalid(),
        ]),
        row(35, "much").asks([
            create(numbers(100_000)).invalid(),
            create(numbers(1_000_000)).refused(413, "body.too_large"),
            create(format!(r#"{{"name":"{}"}}"#, "x".repeat(200_000))).invalid(),
            create(format!(r#"{{"name":"{}"}}"#, "x".repeat(300 * 1024)))
                .refused(413, "body.too_large"),
            create(" ".repeat(257 * 1024)).refused(413, "body.too_large"),
            post("/commands", numbers(1_000_000)).refused(422, "list.invalid"),
            post("/commands", " ".repeat(16 * 1024 * 1024 + 1)).refused(413, "body.too_large"),
        ]),
        row(36, "ten thousand keys").asks([create(keys).invalid()]),
    ]
}

fn values() -> Vec<Row> {
    let employees = |number: &str| create(format!(r#"{{"name":"A","employees":{number}}}"#));
    let field =
        |name: &str, value: &str| create(format!(r#"{{"name":"A","{name}":{value}}}"#)).invalid();
    let change = |fields: &str| {
        command("ChangeAccountDetails", format!(r#"{{"account_id":"{ACCOUNT}",{fields}}}"#))
    };
    let digits = "9".repeat(400);
    let whole = "whole number from 0 to 4294967295";
    vec![
        // What no computer reads as a number is refused as a text that is no JSON.
        row(37, "numbers that fit nowhere").asks([
            employees("1e400").refused(400, "json.malformed"),
            employees("-0").told(422, "command.invalid", whole),
            employees("1.0").told(422, "command.invalid", whole),
            employees("1e2").told(422, "command.invalid", whole),
            employees("4294967296").told(422, "command.invalid", whole),
            employees("9007199254740993").told(422, "command.invalid", whole),
            employees("18446744073709551616").told(422, "command.invalid", whole),
            employees(&digits).refused(400, "json.malformed"),
            employees(&format!("0.{digits}")).told(422, "command.invalid", whole),
            employees("4294967295"),
        ]),
        row(38, "one type for another").asks([
            field("employees", r#""5""#),
            field("name", "5").refused(400, "json.duplicate_key"),
            create(r#"{"name":5}"#).invalid(),
            create(r#"{"name":true}"#).invalid(),
            create(r#"{"name":["A"]}"#).invalid(),
            field("annual_revenue", r#""5.00 BRL""#),
            field("annual_revenue", "5"),
            field("annual_revenue", r#"["5.00","BRL"]"#),
            field("owner", &format!("\"{NOBODY}\"")),
            command(
                "SetPrimaryContact",
                format!(r#"{{"account_id":"{ACCOUNT}","contact":"{NOBODY}","replace":"true"}}"#),
            )
            .invalid(),
            command(
                "SetPrimaryContact",
                format!(r#"{{"account_id":"{ACCOUNT}","contact":"{NOBODY}","replace":1}}"#),
            )
            .invalid(),
        ]),
        // Absent keeps, null clears, and only what may be without a value.
        row(39, "null, and nothing").asks([
            create(r#"{"name":null}"#).told(422, "command.invalid", "/name"),
            create("{}").told(422, "command.invalid", "`name` is missing"),
            change(r#""industry":null"#),
            change(r#""industry":null"#).quiet(),
            change(r#""name":null"#).told(422, "command.invalid", "/name"),
            change(r#""industry":"""#).told(422, "command.invalid", "/industry"),
            create(r#"{"name":"A","industry":null}"#),
        ]),
        row(40, "words that are none of a few").asks([
            field("customer_type", r#""customer""#).told(422, "command.invalid", "Customer"),
            field("customer_type", r#""CUSTOMER""#).told(422, "command.invalid", "must be one of"),
            field("customer_type", r#""Enemy""#).told(422, "command.invalid", "must be one of"),
            field("customer_type", "0").told(422, "command.invalid", "must be one of"),
            field("customer_type", r#""""#).told(422, "command.invalid", "must be one of"),
            field("customer_type", r#""Customer ""#).told(422, "command.invalid", "must be one of"),
        ]),
    ]
}
