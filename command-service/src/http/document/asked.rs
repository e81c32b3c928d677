//! What a new value may be, added to the schemas of what callers send.
//!
//! The schemas of events are locked and stay wide: they say what is read. What is sent is judged more
//! strictly, and here the document says so.

use events::{money::Currency, values::line_pattern};
use serde_json::{Map, Value, json};

/// An id in the one form it is written in.
pub(super) const ID: &str =
    "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";
/// Ids of nothing.
pub(super) const NO_IDS: [&str; 3] = [
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
];
/// The days that there are from 1900 to 2199.
const DAY: &str = "^(?:(?:19|20|21)[0-9]{2}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|\
     (?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))|\
     (?:(?:19|21)(?:0[48]|[2468][048]|[13579][26])|20(?:[02468][048]|[13579][26]))-02-29)$";
/// Addresses as nearly everybody has one; letters beyond ASCII are taken as well.
const EMAIL: &str = "^[A-Za-z0-9_+-]{1,20}([.][A-Za-z0-9_+-]{1,20}){0,2}@\
     ([A-Za-z0-9]([A-Za-z0-9-]{0,20}[A-Za-z0-9])?[.]){1,3}[A-Za-z]{2,20}$";

/// The definitions that narrowed schemas refer to.
const LINE: &str = "NewLine";
const PROSE: &str = "NewText";
const CURRENCY: &str = "CurrencyCode";
const REFERENCE: &str = "#/components/schemas/";

/// Says in every definition what a new value may be, and adds the definitions that this needs.
pub fn narrow(definitions: &mut Map<String, Value>) {
    for schema in definitions.values_mut() {
        narrow_one(schema);
    }
    definitions.insert("Money".to_owned(), money());
    if let Some(country) = definitions
        .get_mut("Address")
        .and_then(|address| address.pointer_mut("/properties/country"))
    {
        country["not"] = json!({ "pattern": no_country() });
    }
    if let Some(address) = definitions.get_mut("Address") {
        // An address says something.
        let texts = ["city", "state", "postal_code", "country"].map(
            |name| json!({ "required": [name], "properties": { name: { "type": "string" } } }),
        );
        let street =
            json!({ "required": ["street"], "properties": { "street": { "minItems": 1 } } });
        address["anyOf"] = texts.into_iter().chain([street]).collect();
    }
    let shared = [
        (
            LINE,
            "One line of text: not blank, without control, invisible or unassigned characters.",
            json!({ "pattern": line_pattern(), "format": "annals-line" }),
        ),
        (
            PROSE,
            "Free text: not blank; of all control characters only breaks of lines and tabs.",
            json!({ "format": "annals-text" }),
        ),
        (CURRENCY, "A currency in use (ISO 4217).", json!({ "enum": currencies(None) })),
    ];
    for (name, description, mut schema) in shared {
        schema["description"] = description.into();
        definitions.insert(name.to_owned(), schema);
    }
}

fn narrow_one(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.values_mut().for_each(narrow_one);
            narrow_number(object);
            narrow_text(object);
        }
        Value::Array(items) => items.iter_mut().for_each(narrow_one),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A whole number is at most what its type holds: the format alone tells no program.
fn narrow_number(schema: &mut Map<String, Value>) {
    let most = match schema.get("format").and_then(Value::as_str) {
        Some("uint8") => u64::from(u8::MAX),
        Some("uint16") => u64::from(u16::MAX),
        Some("uint32") => u64::from(u32::MAX),
        Some("uint64") => u64::MAX,
        _ => return,
    };
    schema.entry("maximum").or_insert(most.into());
}

fn narrow_text(schema: &mut Map<String, Value>) {
    let is_text = schema.get("type").is_some_and(|of| match of {
        Value::Array(types) => types.iter().any(|of| of == "string"),
        of => of == "string",
    });
    if !is_text {
        return;
    }
    let text = |name: &str| schema.get(name).and_then(Value::as_str).map(str::to_owned);
    let (format, pattern) = (text("format"), text("pattern"));
    let max = schema.get("maxLength").and_then(Value::as_u64);
    let refer = |name: &str| json!([{ "$ref": format!("{REFERENCE}{name}") }]);
    match (format.as_deref(), pattern.as_deref(), max) {
        (Some("uuid"), ..) => {
            schema.insert("pattern".to_owned(), ID.into());
            schema.insert("not".to_owned(), json!({ "enum": NO_IDS }));
        }
        (Some("date"), ..) => {
            schema.insert("pattern".to_owned(), DAY.into());
        }
        (Some("email"), ..) => {
            schema.insert("pattern".to_owned(), EMAIL.into());
        }
        (None, Some("^[A-Z]{3}$"), _) => {
            // `null` is allowed beside the codes where the field can be taken away.
            schema.remove("pattern");
            let code = refer(CURRENCY)[0].clone();
            let is_nullable = schema.get("type").is_some_and(Value::is_array);
            schema.remove("type");
            let one = if is_nullable { json!([code, { "type": "null" }]) } else { json!([code]) };
            schema.insert("anyOf".to_owned(), one);
        }
        (None, Some(pattern), _) => {
            if let Some(narrow) = number(pattern) {
                schema.insert("pattern".to_owned(), narrow.into());
            }
        }
        (None, None, Some(20_000)) => {
            schema.insert("allOf".to_owned(), refer(PROSE));
        }
        (None, None, Some(_)) => {
            schema.insert("allOf".to_owned(), refer(LINE));
        }
        (_, None, None) | (Some(_), ..) => {}
    }
}

/// The range of a number that is written as text: by how many decimals it has.
fn number(pattern: &str) -> Option<&'static str> {
    Some(match pattern {
        // A percentage.
        "^-?[0-9]+([.][0-9]{1,4})?$" => "^(100([.]0{1,4})?|[0-9]{1,2}([.][0-9]{1,4})?)$",
        // A quantity: more than nothing.
        "^-?[0-9]+([.][0-9]{1,5})?$" => "^(0[.][0-9]{0,4}[1-9]|[1-9][0-9]{0,8}([.][0-9]{1,5})?)$",
        // A price.
        "^-?[0-9]+([.][0-9]{1,6})?$" => "^[0-9]{1,11}([.][0-9]{1,6})?$",
        _ => return None,
    })
}

/// The currencies that are taken; with a number, those with so many decimals.
fn currencies(decimals: Option<u32>) -> Vec<&'static str> {
    let all = Currency::all().filter(|one| decimals.is_none_or(|it| one.decimals() == it));
    all.map(Currency::code).collect()
}

/// An amount has at most the decimals of its currency.
fn money() -> Value {
    let of = |decimals: u32| {
        let fraction = match decimals {
            0 => String::new(),
            most => format!("([.][0-9]{{1,{most}}})?"),
        };
        let whole = 15 - decimals;
        json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["amount", "currency"],
            "properties": {
                "amount": { "type": "string", "pattern": format!("^-?[0-9]{{1,{whole}}}{fraction}$") },
                "currency": { "type": "string", "enum": currencies(Some(decimals)) },
            },
        })
    };
    let mut decimals: Vec<_> = Currency::all().map(Currency::decimals).collect();
    decimals.sort_unstable();
    decimals.dedup();
    json!({
        "description": "An amount of money, with at most the decimals of its currency.",
        "oneOf": decimals.into_iter().map(of).collect::<Vec<_>>(),
    })
}

/// Two letters that are no country code, in either case.
fn no_country() -> String {
    let known: Vec<_> = events::values::Country::codes().collect();
    let mut unknown = String::new();
    for first in 'A'..='Z' {
        let second: String = ('A'..='Z')
            .filter(|second| !known.contains(&format!("{first}{second}")))
            .flat_map(|second| [second, second.to_ascii_lowercase()])
            .collect();
        if !second.is_empty() {
            let begin = if unknown.is_empty() { "" } else { "|" };
            unknown.push_str(&format!("{begin}[{first}{}][{second}]", first.to_ascii_lowercase()));
        }
    }
    // Blanks around it are cut off.
    format!("^\\s*({unknown})\\s*$")
}
