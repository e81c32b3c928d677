//! What the folds of accounts and contacts have in common.

use std::collections::BTreeMap;

use events::{
    customers::{Address, AddressKind},
    personal::Personal,
};
use serde::Serialize;

use crate::record::Erased;

/// Sets or removes one address.
pub(super) fn address_set(
    addresses: &mut BTreeMap<AddressKind, Option<Address>>,
    erased: &mut Erased,
    kind: AddressKind,
    address: Option<&Personal<Address>>,
) {
    let field = format!("addresses.{}", serde_name(&kind));
    let opened = erased.open(&field, address);
    if address.is_some() {
        addresses.insert(kind, opened);
    } else {
        addresses.remove(&kind);
    }
}

/// The published name of a variant without content: the same in columns, documents and events.
pub(crate) fn serde_name<T: Serialize>(variant: &T) -> String {
    match serde_json::to_value(variant) {
        Ok(serde_json::Value::String(name)) => name,
        Ok(_) | Err(_) => String::new(),
    }
}
