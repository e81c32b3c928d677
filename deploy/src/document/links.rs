//! Where an accepted command leads: to the record that it was about, and to the history of that.

use command_service::command::commands;
use events::ids::Category;
use serde_json::{Map, Value, json};

/// Adds links to the answers of the commands on one kind of record.
pub(super) fn add(paths: &mut Map<String, Value>) {
    for entry in commands() {
        let Some(records) = entry.category.and_then(records) else { continue };
        let link = |operation: &str, description: &str| {
            json!({
                "operationId": format!("{records}-{operation}"),
                "description": description,
                "parameters": {
                    "id": "$response.body#/record/id",
                    "at_least": "$response.body#/position",
                },
            })
        };
        let accepted = &mut paths[&format!("/commands/{}", entry.name)]["post"]["responses"]["200"];
        accepted["links"] = json!({
            "record": link("one", "The record, with what the command changed."),
            "history": link("history", "Every event of the record."),
        });
    }
}

/// The folder of the records of a kind; none where the query API has no record of that kind.
const fn records(category: Category) -> Option<&'static str> {
    match category {
        Category::Account => Some("accounts"),
        Category::Contact => Some("contacts"),
        Category::ConnectionRole => Some("connection-roles"),
        Category::Connection => Some("connections"),
        Category::Opportunity => Some("opportunities"),
        Category::Quote => Some("quotes"),
        Category::Order => Some("orders"),
        Category::Note => Some("notes"),
        Category::User => Some("users"),
        Category::Token
        | Category::Organization
        | Category::Numbering
        | Category::Administration => None,
    }
}
