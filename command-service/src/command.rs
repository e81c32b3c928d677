//! The register of commands: the one list that routes, documentation and import go by.

use events::access::{Access, Scope};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::aggregate::{Command, Decide};

/// One command that callers can send.
pub struct Entry {
    /// The name in `POST /commands/{Name}`.
    pub name: &'static str,
    /// Which tokens may send it.
    pub access: Access,
    /// Parses its body.
    pub parse: fn(&RawValue) -> Result<Box<dyn Command>, ParseError>,
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

    /// A command on one kind of record, for every valid token: the command itself says whose record
    /// it may be.
    #[must_use]
    pub fn of_any_token<C: Decide>() -> Self {
        Self { access: Access::AnyToken, ..Self::admin::<C>() }
    }

    /// A command on records of several kinds.
    #[must_use]
    pub fn any<C: Command + DeserializeOwned + JsonSchema + 'static>(
        name: &'static str,
        scope: Scope,
    ) -> Self {
        let access = Access::Scope(scope);
        Self { name, access, parse: parse::<C>, schema: |generator| generator.subschema_for::<C>() }
    }
}

/// A body that is no such command.
#[derive(Debug)]
pub struct ParseError {
    /// Which field, as a JSON pointer; empty for the body as a whole.
    pub pointer: String,
    /// What is wrong with it.
    pub detail: String,
}

/// The longest text an answer gives about a body; what is echoed of it stays short.
pub(crate) const DETAIL_MAX: usize = 300;

/// Whether it is a JSON object.
pub(crate) fn is_object(value: &RawValue) -> bool {
    value.get().trim_start().starts_with('{')
}

fn parse<C: Command + DeserializeOwned + 'static>(
    body: &RawValue,
) -> Result<Box<dyn Command>, ParseError> {
    // A list would be taken for the fields in their order: that is nobody's contract.
    if !is_object(body) {
        let detail = "a command is a JSON object".to_owned();
        return Err(ParseError { pointer: String::new(), detail });
    }
    let mut deserializer = serde_json::Deserializer::from_str(body.get());
    match serde_path_to_error::deserialize::<_, C>(&mut deserializer) {
        Ok(command) => Ok(Box::new(command)),
        Err(error) => {
            let mut pointer = String::new();
            for segment in error.path() {
                if !matches!(segment, serde_path_to_error::Segment::Unknown) {
                    pointer.push('/');
                    pointer.push_str(&segment.to_string());
                }
            }
            let mut detail = error.inner().to_string();
            if let Some((end, _)) = detail.char_indices().nth(DETAIL_MAX) {
                detail.truncate(end);
            }
            Err(ParseError { pointer, detail })
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
