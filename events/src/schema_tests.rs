//! A kind more is no other schema.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::of;

/// The kinds there are today, and the same with one more.
macro_rules! kinds {
    ($module:ident $($kind:ident),*) => {
        #[expect(dead_code, reason = "only their schemas are made")]
        mod $module {
            use super::*;

            #[derive(Serialize, JsonSchema)]
            #[serde(rename_all = "lowercase")]
            #[schemars(extend("x-open" = true))]
            pub(super) enum Kind { $($kind),* }

            $(
                /// An id.
                #[derive(Serialize, JsonSchema)]
                pub(super) struct $kind(Uuid);
            )*

            #[derive(Serialize, JsonSchema)]
            #[serde(tag = "type", content = "id", rename_all = "lowercase", deny_unknown_fields)]
            #[schemars(extend("x-open" = true))]
            pub(super) enum Reference { $($kind($kind)),* }

            #[derive(Serialize, JsonSchema)]
            pub(super) struct Payload {
                kind: Kind,
                about: Reference,
                others: Vec<Kind>,
            }
        }
    };
}

kinds!(today Account, Contact);
kinds!(tomorrow Account, Contact, Lead);

#[test]
fn a_new_kind_of_record_changes_no_schema() {
    assert_eq!(of::<today::Payload>(), of::<tomorrow::Payload>());
}

#[test]
fn a_reference_is_a_text_and_an_id() {
    let schema = of::<today::Payload>();
    let schema = schema.as_value();
    assert_eq!(schema["$defs"]["Kind"], json!({ "type": "string" }));
    assert_eq!(
        schema["$defs"]["Reference"],
        json!({
            "type": "object",
            "properties": {
                "type": { "type": "string" },
                "id": { "type": "string", "format": "uuid" },
            },
            "required": ["type", "id"],
            "additionalProperties": false,
        })
    );
    assert!(schema["$defs"].get("Account").is_none(), "nothing refers to it");
}
