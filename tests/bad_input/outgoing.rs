//! 3.9: calls to others. The product makes none: it listens, and speaks to its own servers only.

use crate::row::Row;

pub(crate) fn rows() -> Vec<Row> {
    vec![
        Row::not(137, "addresses of this machine", "webhooks"),
        Row::not(138, "addresses of the network inside", "webhooks"),
        Row::not(139, "names that lead inside", "webhooks"),
        Row::not(140, "redirections", "webhooks"),
        Row::not(141, "other schemes and ports", "webhooks"),
        Row::not(142, "answers without an end", "webhooks"),
        Row::not(143, "answers with scripts", "webhooks"),
        Row::not(144, "calls that are replayed", "webhooks"),
    ]
}
