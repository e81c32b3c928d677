//! Imports lists: a client of the running service that turns rows into commands.
//!
//! A mapping file (TOML) says how; `deploy/mappings` holds examples. It names the `source`, and
//! lists steps: each is one pass over one file, and turns every row that `when` lets through into
//! one command. Steps run one after the other, so that a parent may come after its child.
//!
//! ```toml
//! source = "maven"                     # part of every record's id
//! zone = "America/New_York"            # of dates; by default the organisation's
//!
//! [file."accounts.csv"]                # only where it is not plain RFC 4180 in UTF-8
//! delimiter = ";"
//! encoding = "windows-1252"            # or "iso-8859-1"
//! nulls = ["NULL"]                     # words that mean a blank
//! unnamed_columns = "ignore"
//!
//! [[step]]
//! name = "create"                      # by default the command; part of the commands' ids
//! file = "accounts.csv"
//! entity = "account"                   # the kind of record; `record` says it where they differ
//! command = "CreateAccount"
//! key = ["account"]                    # the record's id; none: the file and the row
//! when = [{ column = "account", blank = false }]           # or `in = [..]`, `not_in = [..]`
//! effective_at = { column = "since", format = "%d.%m.%Y" }   # blank: none
//! [step.fields]
//! account_id = { own = "id" }
//! name = { column = "account", max = 160, blank = "refuse" }
//! industry = { column = "sector", replace = { technolgy = "technology" } }
//! annual_revenue = { column = "revenue", number = "1,234.56", scale = "1000000", currency = "USD" }
//! employees = { column = "employees", number = "1234.56", integer = true }
//! customer_type = { column = "kind", map = { C = "Customer", P = "Prospect" } }
//! owner = { lookup = "agent", by = ["name"], column = "agent", as = "ref" }
//! "address.street.0" = { template = "{street} {number}" }
//! ```
//!
//! Ids follow from the list, so that the same list imported twice changes nothing, and an import
//! that was killed goes on where it stopped: record = uuid5(`source:entity:key`), command =
//! uuid5(record, step). A column that feeds a personal field cannot be a key; `key = ["#row"]`
//! tells such rows apart by their place in the list. A row that changed since it was imported is
//! reported as `import.row_changed` and not applied.
//!
//! A form of numbers with a space between groups takes the spaces that programs write there as well
//! (no-break, narrow no-break, thin and figure space), one with `'` also `’`; within one number they
//! are all the same.
//!
//! Refused rows can be written to files of their own (`--rejects`), one for each list, which are
//! corrected and imported like lists. Their last columns say what each row was and must stay as they
//! are: its list and its number there (`annals_file`, `annals_row`), and with `distinct` which rows made
//! the records it shares with others (`annals_key`). The file `<list>.kinds` beside it says that of
//! every row of the list; without it a value in a `distinct` column cannot become one that no refused
//! row had (`import.kind_unknown`). So a corrected row is the row it was, and nothing is made twice.
//!
//! Nothing is guessed: numbers and dates have a named form, a clock time that the clocks of the zone
//! passed over is refused, look-ups find exactly one row of an earlier step
//! (`import.lookup_not_found`, `import.lookup_ambiguous`), values of a `map` are all in it
//! (`import.value_not_mapped`). Replacements are counted. Every row is accounted for. Messages
//! name what nobody sees: `1<U+200B ZERO WIDTH SPACE>234`; of a long value they say the beginning.

mod encoding;
mod scanner;
mod reader;
mod mapping;
mod check;
mod invisible;
mod refusal;
mod values;
mod lookup;
mod place;
mod kinds;
mod field;
mod plan;
mod sink;
mod batch;
mod rejects;
mod report;
mod pass;
mod run;

pub use encoding::Encoding;
pub use mapping::{
    Blank, Condition, EffectiveAt, Field, FileFormat, Form, Mapping, ROW_KEY, Step, UnnamedColumns,
};
pub use reader::REJECT_COLUMNS;
pub use refusal::RowRefusal;
pub use report::{Outcome, StepSummary, Summary, Unfinished};
pub use run::{ImportOptions, Prepared, prepare, run};
pub use sink::{Busy, CommandSink, ItemAnswer, ItemProblem};
pub use values::NUMBER_FORMS;

#[cfg(test)]
mod testing;
#[cfg(test)]
#[path = "import_tests.rs"]
mod tests;
#[cfg(test)]
#[path = "refused_tests.rs"]
mod refused_tests;
