//! The lists of opportunities, quotes and orders.

use projection_service::sales::{OPPORTUNITIES, ORDERS, QUOTES};

use crate::list::{List, Sort, Test, filter, sort};

/// `GET /opportunities`.
pub(crate) static OPPORTUNITY_LIST: List = List {
    path: "/opportunities",
    table: &OPPORTUNITIES,
    filters: &[
        filter("name", "name_folded", Test::Contains),
        filter("state", "state", Test::OneOf(&["Open", "Won", "Lost"])),
        filter("stage", "stage", Test::Text),
        filter("customer", "customer_id", Test::Id),
        filter("contact", "contact_id", Test::Id),
        filter("product", "product", Test::Text),
        filter("rating", "rating", Test::OneOf(&["Hot", "Warm", "Cold"])),
        filter("owner", "owner_id", Test::Id),
        filter("currency", "currency", Test::Currency),
        filter("estimated_close_from", "estimated_close_day", Test::FromDay),
        filter("estimated_close_to", "estimated_close_day", Test::ToDay),
        filter("closed_from", "close_day", Test::FromDay),
        filter("closed_to", "close_day", Test::ToDay),
    ],
    sorts: &[
        sort("name", "name_folded"),
        Sort {
            parameter: "estimated_close_date",
            column: "estimated_close_day",
            needs: Some("state"),
        },
        sort("id", "id"),
    ],
};

/// `GET /quotes`.
pub(crate) static QUOTE_LIST: List = List {
    path: "/quotes",
    table: &QUOTES,
    filters: &[
        filter("name", "name_folded", Test::Contains),
        filter("number", "number", Test::Text),
        filter("state", "state", Test::OneOf(&["Draft", "Active", "Won", "Closed"])),
        filter("customer", "customer_id", Test::Id),
        filter("contact", "contact_id", Test::Id),
        filter("opportunity", "opportunity_id", Test::Id),
        filter("owner", "owner_id", Test::Id),
        filter("currency", "currency", Test::Currency),
        filter("valid_from", "valid_until_day", Test::FromDay),
        filter("valid_to", "valid_until_day", Test::ToDay),
    ],
    sorts: &[
        sort("number", "number"),
        Sort { parameter: "valid_until", column: "valid_until_day", needs: Some("state") },
        sort("id", "id"),
    ],
};

/// `GET /orders`.
pub(crate) static ORDER_LIST: List = List {
    path: "/orders",
    table: &ORDERS,
    filters: &[
        filter("name", "name_folded", Test::Contains),
        filter("number", "number", Test::Text),
        filter("state", "state", Test::Text),
        filter("customer", "customer_id", Test::Id),
        filter("contact", "contact_id", Test::Id),
        filter("opportunity", "opportunity_id", Test::Id),
        filter("quote", "quote_id", Test::Id),
        filter("owner", "owner_id", Test::Id),
        filter("currency", "currency", Test::Currency),
        filter("ordered_from", "ordered_day", Test::FromDay),
        filter("ordered_to", "ordered_day", Test::ToDay),
    ],
    sorts: &[sort("number", "number"), sort("ordered_on", "ordered_day"), sort("id", "id")],
};
