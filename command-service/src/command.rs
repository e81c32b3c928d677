//! The register of commands: the one list that routes, documentation and import go by.

use events::access::Scope;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::aggregate::{Command, Decide};

/// One command that callers can send.
pub struct Entry {
    /// The name in `POST /commands/{Name}`.
    pub name: &'static str,
    /// The scope a token needs for it.
    pub scope: Scope,
    /// Parses its body.
    pub parse: fn(&RawValue) -> Result<Box<dyn Command>, serde_json::Error>,
    /// The JSON Schema of its body.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
}

impl Entry {
    /// A command on one kind of record, for tokens with the scope `write`.
    #[must_use]
    pub fn of<C: Decide>() -> Self {
        Self::any::<C>(C::NAME, Scope::Write)
    }

    /// A command on one kind of record, for tokens with the scope `admin`.
    #[must_use]
    pub fn admin<C: Decide>() -> Self {
        Self::any::<C>(C::NAME, Scope::Admin)
    }

    /// A command on records of several kinds.
    #[must_use]
    pub fn any<C: Command + DeserializeOwned + JsonSchema + 'static>(
        name: &'static str,
        scope: Scope,
    ) -> Self {
        Self {
            name,
            scope,
            parse: |body| Ok(Box::new(serde_json::from_str::<C>(body.get())?)),
            schema: |generator| generator.subschema_for::<C>(),
        }
    }
}

/// Every command there is.
#[must_use]
pub fn commands() -> Vec<Entry> {
    let mut all = crate::customers::commands();
    all.extend(crate::sales::commands());
    all.extend(crate::access::commands());
    all
}
