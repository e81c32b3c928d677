//! Turns the cells of a row into one field of a command.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow, ensure};
use command_service::body::cut;
use events::money::Currency;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    lookup::{Index, key_text},
    mapping::{Blank, Field, Form},
    place::path_of,
    refusal::RowRefusal,
    values::{self, Decimal, NumberForm},
};

/// The cells of one row, with what stands for a blank.
#[derive(Clone, Copy)]
pub(super) struct Cells<'a> {
    pub(super) values: &'a [String],
    pub(super) nulls: &'a [String],
}

impl<'a> Cells<'a> {
    /// A cell, without the blanks around it; empty where it is blank.
    pub(super) fn get(self, index: usize) -> &'a str {
        self.read(index, true)
    }

    fn read(self, index: usize, trim: bool) -> &'a str {
        let value = self.values[index].as_str();
        let trimmed = value.trim();
        if trimmed.is_empty() || self.nulls.iter().any(|null| null == trimmed) {
            ""
        } else if trim {
            trimmed
        } else {
            value
        }
    }
}

/// What the report says of a row besides what became of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Remark {
    /// A value was replaced, as the mapping says.
    Replaced { column: String, from: String, to: String },
    /// A blank was left out.
    Blank { column: String },
}

enum Part {
    Text(String),
    Column(usize),
}

enum Source {
    Columns(Vec<usize>),
    Template(Vec<Part>),
    Text(String),
    Fixed(Value),
    Own(Form),
}

enum NumberShape {
    Text,
    Integer,
    Money(Currency),
    MoneyIn(usize),
}

enum Conversion {
    Text,
    Map(BTreeMap<String, Value>),
    Date(String),
    Instant(String),
    Number(NumberForm, NumberShape),
    Lookup { slot: usize, entity: String, record: String, form: Form },
}

/// One field of a command, with its columns found in the file's header.
pub(super) struct PlannedField {
    pub(super) path: Vec<String>,
    /// The columns it is made of, for reports.
    pub(super) column: Option<String>,
    source: Source,
    conversion: Conversion,
    trim: bool,
    replace: BTreeMap<String, String>,
    blank: Blank,
    max: Option<usize>,
}

type SlotOf<'a> = dyn FnMut(&str, Option<&[String]>) -> Result<(usize, String)> + 'a;

/// What a row is about, and what is known besides it.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    /// The kind of the row's record.
    pub(super) record: &'a str,
    /// The row's record.
    pub(super) id: Uuid,
    /// The zone of clock times and days.
    pub(super) zone: &'a TimeZone,
    /// The records of earlier steps.
    pub(super) index: &'a Index,
}

/// What a field needs to know of the rest of the plan.
pub(super) struct Surroundings<'a> {
    pub(super) columns: &'a [String],
    /// The slot of a look-up, and the kind of record it finds.
    pub(super) slot_of: &'a mut SlotOf<'a>,
}

impl Surroundings<'_> {
    pub(super) fn column(&self, name: &str) -> Result<usize> {
        self.columns
            .iter()
            .position(|column| column == name)
            .with_context(|| format!("the file has no column `{name}`"))
    }
}

impl PlannedField {
    pub(super) fn new(path: &str, field: &Field, around: &mut Surroundings<'_>) -> Result<Self> {
        let used = field.columns_used();
        let source = if let Some(form) = field.own {
            Source::Own(form)
        } else if let Some(template) = &field.template {
            Source::Template(parts(template, around)?)
        } else if let Some(value) = &field.value {
            match value {
                toml::Value::String(text) if field.lookup.is_some() => Source::Text(text.clone()),
                _ => Source::Fixed(json_of(value)?),
            }
        } else {
            let indexes = used.iter().map(|name| around.column(name)).collect::<Result<_>>()?;
            Source::Columns(indexes)
        };
        Ok(Self {
            path: path_of(path)?,
            column: (!used.is_empty()).then(|| used.join(", ")),
            source,
            conversion: conversion(field, around)?,
            trim: field.trim,
            replace: field.replace.clone(),
            blank: field.blank,
            max: field.max,
        })
    }

    /// Whether it names the row's own record.
    pub(super) const fn is_own(&self) -> bool {
        matches!(self.source, Source::Own(_))
    }

    /// The value for one row; none where the field is left out.
    pub(super) fn value(
        &self,
        cells: Cells<'_>,
        about: About<'_>,
        remarks: &mut Vec<Remark>,
    ) -> Result<Option<Value>, RowRefusal> {
        let text = match &self.source {
            Source::Fixed(value) => return Ok(Some(value.clone())),
            Source::Own(form) => return Ok(Some(name_record(*form, about.record, about.id))),
            Source::Text(text) => text.clone(),
            Source::Columns(columns) => {
                let values: Vec<_> =
                    columns.iter().map(|column| self.cell(cells, *column, remarks)).collect();
                // A key is blank when all of it is; half a key finds nothing.
                if values.iter().all(|value| value.is_empty()) {
                    String::new()
                } else {
                    key_text(values.iter().map(String::as_str))
                }
            }
            Source::Template(parts) => self.fill(parts, cells, remarks),
        };
        if text.is_empty() {
            return self.blank(remarks);
        }
        let within = self.max.is_none_or(|max| text.chars().count() <= max);
        let value = if within {
            self.convert(text, cells, about)
        } else {
            let max = self.max.unwrap_or(0);
            Err(RowRefusal::new("import.too_long", format!("more than {max} characters")))
        };
        value.map(Some).map_err(|refusal| refusal.in_column(self.column.as_deref()))
    }

    fn cell(&self, cells: Cells<'_>, column: usize, remarks: &mut Vec<Remark>) -> String {
        let value = cells.read(column, self.trim);
        let Some(to) = self.replace.get(value) else { return value.to_owned() };
        remarks.push(Remark::Replaced {
            column: self.column.clone().unwrap_or_default(),
            from: value.to_owned(),
            to: to.clone(),
        });
        to.clone()
    }

    /// The text of a template; empty when one of its columns is blank.
    fn fill(&self, parts: &[Part], cells: Cells<'_>, remarks: &mut Vec<Remark>) -> String {
        let mut text = String::new();
        for part in parts {
            match part {
                Part::Text(fixed) => text.push_str(fixed),
                Part::Column(column) => {
                    let value = self.cell(cells, *column, remarks);
                    if value.is_empty() {
                        return value;
                    }
                    text.push_str(&value);
                }
            }
        }
        text
    }

    fn blank(&self, remarks: &mut Vec<Remark>) -> Result<Option<Value>, RowRefusal> {
        match self.blank {
            Blank::Omit => {}
            Blank::Report => {
                remarks.push(Remark::Blank { column: self.column.clone().unwrap_or_default() });
            }
            Blank::Refuse => {
                return Err(RowRefusal::new("import.blank", "must not be blank")
                    .in_column(self.column.as_deref()));
            }
        }
        Ok(None)
    }

    fn convert(
        &self,
        text: String,
        cells: Cells<'_>,
        about: About<'_>,
    ) -> Result<Value, RowRefusal> {
        let bad_date = |detail| RowRefusal::new("import.bad_date", detail);
        match &self.conversion {
            Conversion::Text => Ok(Value::String(text)),
            Conversion::Map(map) => map.get(&text).cloned().ok_or_else(|| {
                RowRefusal::new(
                    "import.value_not_mapped",
                    format!("the mapping does not say what `{}` becomes", cut(&text)),
                )
            }),
            Conversion::Date(format) => {
                values::date(&text, format).map(|date| json!(date)).map_err(bad_date)
            }
            Conversion::Instant(format) => {
                values::instant(&text, format, about.zone).map(|time| json!(time)).map_err(bad_date)
            }
            Conversion::Number(form, shape) => form
                .parse(&text)
                .and_then(|number| shape.json(number, cells))
                .map_err(|detail| RowRefusal::new("import.bad_number", detail)),
            Conversion::Lookup { slot, entity, record, form } => {
                let id = about.index.find(*slot, entity, &text)?;
                Ok(name_record(*form, record, id))
            }
        }
    }
}

impl NumberShape {
    fn json(&self, number: Decimal, cells: Cells<'_>) -> Result<Value, String> {
        let currency = match self {
            Self::Text => return Ok(json!(number.text())),
            Self::Integer => return Ok(json!(number.integer()?)),
            Self::Money(currency) => *currency,
            Self::MoneyIn(column) => {
                let code = cells.get(*column);
                Currency::new(code).map_err(|error| format!("`{}` {error}", cut(code)))?
            }
        };
        Ok(json!(number.money(currency)?))
    }
}

fn name_record(form: Form, record: &str, id: Uuid) -> Value {
    match form {
        Form::Id => json!(id),
        Form::Ref => json!({ "type": record, "id": id }),
    }
}

fn conversion(field: &Field, around: &mut Surroundings<'_>) -> Result<Conversion> {
    if let Some(entity) = &field.lookup {
        let (slot, record) = (around.slot_of)(entity, field.by.as_deref())?;
        let form = field.form.unwrap_or(Form::Id);
        return Ok(Conversion::Lookup { slot, entity: entity.clone(), record, form });
    }
    if let Some(map) = &field.map {
        let map = map.iter().map(|(from, to)| Ok((from.clone(), json_of(to)?)));
        return Ok(Conversion::Map(map.collect::<Result<_>>()?));
    }
    if let Some(format) = &field.date {
        return Ok(Conversion::Date(format.clone()));
    }
    if let Some(format) = &field.instant {
        return Ok(Conversion::Instant(format.clone()));
    }
    let Some(example) = &field.number else { return Ok(Conversion::Text) };
    let wrong = |error: String| anyhow!(error);
    let mut form = NumberForm::new(example).map_err(wrong)?;
    form.prefix.clone_from(&field.prefix);
    form.suffix.clone_from(&field.suffix);
    form.scale = field.scale.as_deref().map(Decimal::parse).transpose().map_err(wrong)?;
    let shape = if let Some(code) = &field.currency {
        NumberShape::Money(Currency::new(code).with_context(|| format!("`{code}`"))?)
    } else if let Some(column) = &field.currency_column {
        NumberShape::MoneyIn(around.column(column)?)
    } else if field.integer {
        NumberShape::Integer
    } else {
        NumberShape::Text
    };
    Ok(Conversion::Number(form, shape))
}

fn parts(template: &str, around: &Surroundings<'_>) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        let (column, after) = after.split_once('}').context("a `{` without a `}`")?;
        parts.push(Part::Column(around.column(column)?));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    Ok(parts)
}

fn json_of(value: &toml::Value) -> Result<Value> {
    ensure!(
        !matches!(value, toml::Value::Datetime(_) | toml::Value::Float(_)),
        "dates and decimal numbers are written as text"
    );
    serde_json::to_value(value).context("a fixed value")
}
