//! What the folds of accounts and contacts have in common.

use std::collections::BTreeMap;

use events::{
    customers::{Address, AddressKind},
    personal::Personal,
};

use crate::record::{Erased, serde_name};

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
