//! The register of commands: the one list that routes, documentation and import go by.

use events::{
    access::{Access, Scope},
    category::CategoryEvents,
    ids::Category,
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

pub use crate::body::ParseError;
use crate::{
    aggregate::{Aggregate, Command, Decide},
    body,
};

/// One command that callers can send.
pub struct Entry {
    /// The name in `POST /commands/{Name}`.
    pub name: &'static str,
    /// Which tokens may send it.
    pub access: Access,
    /// The kind of record it is about; none where it may be about several.
    pub category: Option<Category>,
    /// Parses its body.
    pub parse: fn(&RawValue) -> Result<Box<dyn Command>, ParseError>,
    /// The JSON Schema of its body.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
}

impl Entry {
    /// A command on one kind of record, for tokens with the scope `write`.
    #[must_use]
    pub fn of<C: Decide>() -> Self {
        Self { category: category::<C>(), ..Self::any::<C>(C::NAME, Scope::Write) }
    }

    /// A command on one kind of record, for tokens with the scope `admin`.
    #[must_use]
    pub fn admin<C: Decide>() -> Self {
        Self { category: category::<C>(), ..Self::any::<C>(C::NAME, Scope::Admin) }
    }

    /// A command on one kind of record, for every valid token: the command itself says whose record
    /// it may be.
    #[must_use]
    pub fn of_any_token<C: Decide>() -> Self {
        Self { access: Access::AnyToken, ..Self::admin::<C>() }
    }

    /// A command on records of several kinds.
    #[must_use]
    pub fn any<C: Command + DeserializeOwned + Serialize + JsonSchema + 'static>(
        name: &'static str,
        scope: Scope,
    ) -> Self {
        let schema = |generator: &mut SchemaGenerator| generator.subschema_for::<C>();
        let access = Access::Scope(scope);
        Self { name, access, category: None, parse: parse::<C>, schema }
    }
}

const fn category<C: Decide>() -> Option<Category> {
    Some(<<C::Aggregate as Aggregate>::Event as CategoryEvents>::CATEGORY)
}

fn parse<C: Command + DeserializeOwned + Serialize + 'static>(
    body: &RawValue,
) -> Result<Box<dyn Command>, ParseError> {
    body::parse::<C>(body).map(|command| Box::new(command) as Box<dyn Command>)
}

/// Every command there is.
#[must_use]
pub fn commands() -> Vec<Entry> {
    let mut all = crate::customers::commands();
    all.extend(crate::sales::commands());
    all.extend(crate::access::commands());
    all
}
