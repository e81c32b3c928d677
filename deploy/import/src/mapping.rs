//! What a mapping file may say, and what makes one wrong before anything is sent.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Result, bail};
use command_service::body::{ParseError, explain_tree};
use deploy_console::regular;
use events::values::Zone;
use serde::Deserialize;

use super::encoding::Encoding;

/// Stands in `key` for the number of the row: for lists whose only natural key is personal.
pub const ROW_KEY: &str = "#row";

/// A mapping file: how the rows of lists become commands.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// The system the lists come from: part of every record's id.
    pub source: String,
    /// The zone of dates that become instants; by default the organisation's.
    pub zone: Option<Zone>,
    /// How files are written, by name; what is not said is plain RFC 4180 in UTF-8.
    #[serde(default)]
    pub file: BTreeMap<String, FileFormat>,
    /// The passes, in order.
    pub step: Vec<Step>,
}

/// How one file is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FileFormat {
    /// What separates its fields: one ASCII character.
    pub delimiter: String,
    /// How its characters are written.
    pub encoding: Encoding,
    /// Words that stand for a blank (`NULL`).
    pub nulls: Vec<String>,
    /// What becomes of columns without a name.
    pub unnamed_columns: UnnamedColumns,
}

impl Default for FileFormat {
    fn default() -> Self {
        Self {
            delimiter: ",".to_owned(),
            encoding: Encoding::Utf8,
            nulls: Vec::new(),
            unnamed_columns: UnnamedColumns::Refuse,
        }
    }
}

impl FileFormat {
    /// The delimiter as a byte.
    ///
    /// # Errors
    /// When it is not one ASCII character that can separate fields.
    pub fn delimiter_byte(&self) -> Result<u8> {
        match self.delimiter.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n' | 0) => Ok(*byte),
            _ => bail!("`{}` cannot separate fields", self.delimiter.escape_default()),
        }
    }
}

/// What becomes of columns without a name in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnnamedColumns {
    /// The file is refused.
    Refuse,
    /// They are left out.
    Ignore,
}

/// One pass over one file: every row that `when` lets through becomes one command.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Its name, part of the commands' ids; by default the command.
    pub name: Option<String>,
    /// The file it reads.
    pub file: String,
    /// What a row is about, in the words of the source: part of the record's id.
    pub entity: String,
    /// The kind of record, where it has another name than the entity.
    pub record: Option<String>,
    /// The command each row becomes.
    pub command: String,
    /// The columns that identify the record; none: the file and the row do.
    #[serde(default)]
    pub key: Vec<String>,
    /// Only the first row of each combination of these columns counts.
    #[serde(default)]
    pub distinct: Vec<String>,
    /// Which rows the step is for: all conditions must hold.
    #[serde(default)]
    pub when: Vec<Condition>,
    /// When it happened, as the list says.
    pub effective_at: Option<EffectiveAt>,
    /// Why, the same for every row.
    pub reason: Option<String>,
    /// The fields of the command, by their path (`currency`, `"address.country"`, `"street.0"`).
    pub fields: BTreeMap<String, Field>,
}

impl Step {
    /// The name of the step.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.command)
    }

    /// The kind of record it is about.
    #[must_use]
    pub fn record(&self) -> &str {
        self.record.as_deref().unwrap_or(&self.entity)
    }
}

/// A condition on one column. Exactly one of the three tests is given.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The column.
    pub column: String,
    /// It has one of these values.
    #[serde(rename = "in")]
    pub one_of: Option<Vec<String>>,
    /// It has none of these values.
    pub not_in: Option<Vec<String>>,
    /// It is blank, or it is not.
    pub blank: Option<bool>,
}

/// Business time from a column. A day is its first moment in the zone; a blank gives none.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EffectiveAt {
    /// The column.
    pub column: String,
    /// Its form, in the notation of `strftime`.
    pub format: String,
    /// Its zone, where it is not the mapping's.
    pub zone: Option<Zone>,
}

/// Where one field of a command comes from. Exactly one of `column`, `columns`, `value`,
/// `template` and `own` is given.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// One column.
    pub column: Option<String>,
    /// Several columns: the natural key of a look-up.
    pub columns: Option<Vec<String>>,
    /// A fixed value.
    pub value: Option<toml::Value>,
    /// Text with `{column}`s in it; blank when one of them is.
    pub template: Option<String>,
    /// The record of the row itself.
    pub own: Option<Form>,
    /// The entity that is looked up by this value; an earlier step makes its records.
    pub lookup: Option<String>,
    /// The columns of that entity's file that hold the value, where they are not its key.
    pub by: Option<Vec<String>>,
    /// How a looked-up record is written.
    #[serde(rename = "as")]
    pub form: Option<Form>,
    /// Whether blanks at both ends are cut off.
    #[serde(default = "yes")]
    pub trim: bool,
    /// Values that are replaced before anything else; each replacement is counted and reported.
    #[serde(default)]
    pub replace: BTreeMap<String, String>,
    /// The values the column may have, with what each becomes; any other is refused.
    pub map: Option<BTreeMap<String, toml::Value>>,
    /// What a blank means.
    #[serde(default)]
    pub blank: Blank,
    /// The most characters.
    pub max: Option<usize>,
    /// The form of a date; it becomes `YYYY-MM-DD`.
    pub date: Option<String>,
    /// The form of a point in time; it becomes an instant.
    pub instant: Option<String>,
    /// The form of a number: one of [`super::values::NUMBER_FORMS`].
    pub number: Option<String>,
    /// What the number is multiplied with (`1000000` for a column in millions).
    pub scale: Option<String>,
    /// What stands before the number (`$`).
    pub prefix: Option<String>,
    /// What stands after the number (`%`).
    pub suffix: Option<String>,
    /// The currency: the number becomes an amount of money.
    pub currency: Option<String>,
    /// The column with the currency: the number becomes an amount of money.
    pub currency_column: Option<String>,
    /// Whether the number becomes a JSON integer instead of a decimal text.
    #[serde(default)]
    pub integer: bool,
}

const fn yes() -> bool {
    true
}

/// How a record is named in a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Its id.
    Id,
    /// `{"type": .., "id": ..}`.
    Ref,
}

/// What a blank means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Blank {
    /// The field is left out.
    #[default]
    Omit,
    /// The field is left out, and the blanks are counted and reported.
    Report,
    /// The row is refused.
    Refuse,
}

/// No mapping is longer.
const MAX_BYTES: u64 = 1024 * 1024;

/// What is wrong with a mapping, in plain words where it is TOML at all.
fn plain(text: &str, message: &str) -> String {
    let table = toml::from_str::<toml::Table>(text).ok();
    let tree = table.and_then(|table| serde_json::to_value(table).ok());
    match tree.and_then(|tree| explain_tree::<Mapping>(&tree)) {
        Some(ParseError { pointer, detail }) if pointer.is_empty() => detail,
        Some(ParseError { pointer, detail }) => format!("`{pointer}` {detail}"),
        None => message.replace('\n', " "),
    }
}

impl Mapping {
    /// Reads and checks a mapping file.
    ///
    /// # Errors
    /// When it cannot be read or says something that makes no sense. One line each.
    pub fn load(path: &Path) -> Result<Self> {
        let name = path.display();
        let text = regular::read(path, MAX_BYTES).with_context(|| format!("cannot open {name}"))?;
        Self::parse(&text).with_context(|| name.to_string())
    }

    /// Parses and checks the text of a mapping file.
    ///
    /// # Errors
    /// When it says something that makes no sense.
    pub fn parse(text: &str) -> Result<Self> {
        let mapping: Self = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
            anyhow::anyhow!("line {line}: {}", plain(text, error.message()))
        })?;
        mapping.check()?;
        Ok(mapping)
    }

    /// How a file is written.
    #[must_use]
    pub fn format_of(&self, file: &str) -> FileFormat {
        self.file.get(file).cloned().unwrap_or_default()
    }
}

impl Field {
    /// Every column it reads, without the currency's.
    #[must_use]
    pub fn columns_used(&self) -> Vec<String> {
        let mut columns: Vec<String> = self.column.iter().cloned().collect();
        columns.extend(self.columns.iter().flatten().cloned());
        if let Some(template) = &self.template {
            columns.extend(
                template
                    .split('{')
                    .skip(1)
                    .filter_map(|rest| rest.split_once('}'))
                    .map(|(name, _)| name.to_owned()),
            );
        }
        columns
    }
}

#[cfg(test)]
#[path = "mapping_tests.rs"]
mod tests;
