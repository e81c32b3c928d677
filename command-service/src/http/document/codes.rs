//! Which refusals a command can meet: those of every command, and those of its kind of record.

use events::ids::Category;

use crate::{http::problem::status_of_code, refusal::Refusal};

/// What any command can be refused with; the rest of a code after the dot is free.
const COMMON: [&str; 4] = ["record.", "effective_at.", "reason.", "access."];
/// What a command on records of several kinds can be refused with, too.
const SEVERAL: [&str; 4] = ["owner.", "customer.", "account.", "opportunity."];

/// The beginnings of the codes of one kind of record.
const fn of_kind(category: Category) -> &'static [&'static str] {
    match category {
        Category::Account => &["account.", "owner.", "customer."],
        Category::Contact => &["contact.", "account.", "owner.", "customer."],
        Category::ConnectionRole => &["connection."],
        Category::Connection => &["connection.", "customer."],
        Category::Opportunity => &["opportunity.", "customer.", "owner.", "document.", "quote."],
        Category::Quote | Category::Order => {
            &["quote.", "opportunity.", "customer.", "owner.", "document."]
        }
        Category::Organization => &["clock."],
        Category::Note | Category::Numbering | Category::Administration => &[],
        Category::User => &["user.", "token."],
        Category::Token => &["token.", "user."],
    }
}

/// The codes with that status that a command on such a record can be refused with; without a
/// category it is about records of several kinds.
pub(super) fn refusals(category: Option<Category>, status: u16) -> Vec<&'static str> {
    let own = category.map_or(&SEVERAL[..], of_kind);
    Refusal::CATALOGUE
        .iter()
        .map(|(code, _)| *code)
        .filter(|code| status_of_code(code) == status)
        .filter(|code| COMMON.iter().chain(own).any(|begin| code.starts_with(begin)))
        .collect()
}
