//! The lists of accounts, contacts and connection roles.

use projection_service::customers::{ACCOUNTS, CONNECTION_ROLES, CONTACTS};

use crate::list::{ACTIVE_OR_INACTIVE, List, Test, filter, sort};

/// The names of Dynamics's `customertypecode`.
const CUSTOMER_TYPES: &[&str] = &[
    "Prospect",
    "Customer",
    "Competitor",
    "Consultant",
    "Investor",
    "Partner",
    "Influencer",
    "Press",
    "Reseller",
    "Supplier",
    "Vendor",
    "Other",
];

/// `GET /accounts`.
pub(crate) static ACCOUNT_LIST: List = List {
    path: "/accounts",
    table: &ACCOUNTS,
    filters: &[
        filter("name", "name_folded", Test::Contains),
        filter("email", "email_folded", Test::Folded),
        filter("account_number", "account_number", Test::Text),
        filter("phone", "phone", Test::Text),
        filter("state", "state", Test::OneOf(ACTIVE_OR_INACTIVE)),
        filter("customer_type", "customer_type", Test::OneOf(CUSTOMER_TYPES)),
        filter("industry", "industry", Test::Text),
        filter("owner", "owner_id", Test::Id),
        filter("parent", "parent_id", Test::Id),
        filter("primary_contact", "primary_contact_id", Test::Id),
    ],
    sorts: &[
        sort("name", "name_folded"),
        sort("account_number", "account_number"),
        sort("id", "id"),
    ],
};

/// `GET /contacts`.
pub(crate) static CONTACT_LIST: List = List {
    path: "/contacts",
    table: &CONTACTS,
    filters: &[
        filter("name", "name_folded", Test::Contains),
        filter("email", "email_folded", Test::Folded),
        filter("phone", "phone", Test::Text),
        filter("mobile", "mobile", Test::Text),
        filter("state", "state", Test::OneOf(ACTIVE_OR_INACTIVE)),
        filter("kind", "kind", Test::Text),
        filter("parent", "parent_id", Test::Id),
        filter("owner", "owner_id", Test::Id),
    ],
    sorts: &[sort("name", "name_folded"), sort("last_name", "last_name_folded"), sort("id", "id")],
};

/// `GET /connection-roles`.
pub(crate) static CONNECTION_ROLE_LIST: List = List {
    path: "/connection-roles",
    table: &CONNECTION_ROLES,
    filters: &[
        filter("name", "name_folded", Test::Contains),
        filter("category", "category", Test::Text),
        filter("state", "state", Test::OneOf(ACTIVE_OR_INACTIVE)),
    ],
    sorts: &[sort("name", "name_folded"), sort("id", "id")],
};
