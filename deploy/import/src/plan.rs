//! A mapping put together with the files it is for: every column found before anything is sent.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use events::{ids::derived, values::Zone};
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    field::{About, Cells, PlannedField, Remark, Surroundings},
    lookup::{Index, Slot, key_text},
    mapping::{Condition, FileFormat, Mapping, ROW_KEY, Step},
    place::{close_gaps, place},
    reader::{Row, Table, sha256},
    refusal::RowRefusal,
    values,
};

/// One file of the import.
pub(super) struct PlannedFile {
    pub(super) path: PathBuf,
    pub(super) format: FileFormat,
    pub(super) columns: Vec<String>,
    /// The identity of its rows where they have no key.
    pub(super) sha256: String,
    /// The columns that no step uses, for the report.
    pub(super) unused: Vec<String>,
}

/// A mapping that fits its files.
pub(super) struct Plan {
    pub(super) files: BTreeMap<String, PlannedFile>,
    pub(super) steps: Vec<PlannedStep>,
    pub(super) slots: Vec<Slot>,
}

enum Key {
    Columns(Vec<usize>),
    Row,
    FileAndRow,
}

struct PlannedCondition {
    column: usize,
    test: Condition,
}

struct PlannedTime {
    column: usize,
    name: String,
    format: String,
    /// Where it is not the import's.
    zone: Option<TimeZone>,
}

/// One pass, with its columns found.
pub(super) struct PlannedStep {
    pub(super) name: String,
    pub(super) file: String,
    pub(super) entity: String,
    /// Whether it is the first step of its entity: the one that makes the records.
    pub(super) creates: bool,
    /// Whether commands of one batch may overtake those of another: each is on its own record.
    pub(super) independent: bool,
    /// The slots whose natural keys its rows hold, each with the columns.
    pub(super) fills: Vec<(usize, Vec<usize>)>,
    source: String,
    record: String,
    command: String,
    key: Key,
    distinct: Vec<usize>,
    when: Vec<PlannedCondition>,
    effective_at: Option<PlannedTime>,
    reason: Option<String>,
    fields: Vec<PlannedField>,
    nulls: Vec<String>,
}

impl Plan {
    /// Finds the files, and in their headers every column the mapping names.
    ///
    /// # Errors
    /// When a file is missing, is no list, or lacks a column; when a look-up leads nowhere.
    pub(super) fn new(
        mapping: &Mapping,
        folder: &Path,
        replaced: &BTreeMap<String, PathBuf>,
    ) -> Result<Self> {
        for file in replaced.keys() {
            let known = mapping.step.iter().any(|step| step.file == *file);
            ensure!(known, "no step of the mapping reads `{file}`");
        }
        let mut plan = Self { files: BTreeMap::new(), steps: Vec::new(), slots: Vec::new() };
        for step in &mapping.step {
            if !plan.files.contains_key(&step.file) {
                let path =
                    replaced.get(&step.file).cloned().unwrap_or_else(|| folder.join(&step.file));
                plan.files.insert(step.file.clone(), open(mapping, &step.file, path)?);
            }
        }
        for (at, step) in mapping.step.iter().enumerate() {
            let planned = plan
                .step(mapping, at)
                .with_context(|| format!("step `{}` on `{}`", step.name(), step.file))?;
            plan.steps.push(planned);
        }
        plan.fill_slots()?;
        plan.find_unused(mapping);
        Ok(plan)
    }

    fn step(&mut self, mapping: &Mapping, at: usize) -> Result<PlannedStep> {
        let step = &mapping.step[at];
        let earlier = &mapping.step[..at];
        let columns = &self.files[&step.file].columns;
        let slots = &mut self.slots;
        let mut slot_of = |entity: &str, by: Option<&[String]>| {
            let creator = earlier
                .iter()
                .find(|other| other.entity == entity)
                .with_context(|| format!("no earlier step makes a `{entity}`"))?;
            let by = by.map_or_else(|| creator.key.clone(), <[String]>::to_vec);
            ensure!(
                !by.is_empty() && !by.iter().any(|column| column == ROW_KEY),
                "`{entity}` has no key of its own: name the columns with `by`"
            );
            let slot = Slot { entity: entity.to_owned(), by };
            let number = slots.iter().position(|other| *other == slot).unwrap_or(slots.len());
            if number == slots.len() {
                slots.push(slot);
            }
            Ok((number, creator.record().to_owned()))
        };
        let mut around = Surroundings { columns, slot_of: &mut slot_of };
        let mut fields = Vec::new();
        for (path, field) in &step.fields {
            let planned = PlannedField::new(path, field, &mut around)
                .with_context(|| format!("field `{path}`"))?;
            fields.push(planned);
        }
        let find = |names: &[String]| -> Result<Vec<usize>> {
            names.iter().map(|name| around.column(name)).collect()
        };
        let key = match step.key.as_slice() {
            [] => Key::FileAndRow,
            [name] if name == ROW_KEY => Key::Row,
            names => Key::Columns(find(names)?),
        };
        let distinct = find(&step.distinct)?;
        let when = step
            .when
            .iter()
            .map(|test| {
                let column = around.column(&test.column)?;
                Ok(PlannedCondition { column, test: test.clone() })
            })
            .collect::<Result<_>>()?;
        let effective_at = effective_at(step, &around)?;
        Ok(PlannedStep {
            name: step.name().to_owned(),
            file: step.file.clone(),
            entity: step.entity.clone(),
            creates: !earlier.iter().any(|other| other.entity == step.entity),
            independent: is_independent(step, &fields),
            fills: Vec::new(),
            source: mapping.source.clone(),
            record: step.record().to_owned(),
            command: step.command.clone(),
            key,
            distinct,
            when,
            effective_at,
            reason: step.reason.clone(),
            fields,
            nulls: mapping.format_of(&step.file).nulls,
        })
    }

    fn fill_slots(&mut self) -> Result<()> {
        for (number, slot) in self.slots.iter().enumerate() {
            let Some(step) =
                self.steps.iter_mut().find(|step| step.creates && step.entity == slot.entity)
            else {
                continue;
            };
            let columns = &self.files[&step.file].columns;
            let find = |name: &String| {
                columns.iter().position(|column| column == name).with_context(|| {
                    format!("look-up of `{}`: `{}` has no column `{name}`", slot.entity, step.file)
                })
            };
            let by = slot.by.iter().map(find).collect::<Result<_>>()?;
            step.fills.push((number, by));
        }
        Ok(())
    }

    fn find_unused(&mut self, mapping: &Mapping) {
        for (name, file) in &mut self.files {
            let mut used: Vec<String> = Vec::new();
            for step in mapping.step.iter().filter(|step| step.file == *name) {
                used.extend(step.key.iter().chain(&step.distinct).cloned());
                used.extend(step.when.iter().map(|condition| condition.column.clone()));
                used.extend(step.effective_at.iter().map(|at| at.column.clone()));
                for field in step.fields.values() {
                    used.extend(field.columns_used());
                    used.extend(field.currency_column.clone());
                }
            }
            file.unused =
                file.columns.iter().filter(|column| !used.contains(column)).cloned().collect();
        }
    }
}

fn open(mapping: &Mapping, name: &str, path: PathBuf) -> Result<PlannedFile> {
    let format = mapping.format_of(name);
    let mut table = Table::open(&path, &format)?;
    let columns = table.columns().to_vec();
    let first = table.next_row().with_context(|| path.display().to_string())?;
    ensure!(first.is_some(), "{}: the file has a header and no rows", path.display());
    let sha256 = sha256(&path)?;
    Ok(PlannedFile { path, format, columns, sha256, unused: Vec::new() })
}

fn effective_at(step: &Step, around: &Surroundings<'_>) -> Result<Option<PlannedTime>> {
    let Some(at) = &step.effective_at else { return Ok(None) };
    Ok(Some(PlannedTime {
        column: around.column(&at.column)?,
        name: at.column.clone(),
        format: at.format.clone(),
        zone: at.zone.as_ref().map(Zone::rules),
    }))
}

/// Each row is about a record of its own when the field that names the stream is the row's record.
fn is_independent(step: &Step, fields: &[PlannedField]) -> bool {
    let own_id = format!("{}_id", step.record());
    fields.iter().any(|field| {
        field.is_own()
            && matches!(field.path.as_slice(), [name] if *name == own_id || name == "record")
    })
}

/// The natural key of a row in these columns; empty when any of them is blank.
pub(super) fn natural_key(cells: Cells<'_>, columns: &[usize]) -> String {
    if columns.iter().any(|column| cells.get(*column).is_empty()) {
        return String::new();
    }
    key_text(columns.iter().map(|column| cells.get(*column)))
}

impl PlannedStep {
    pub(super) fn cells<'a>(&'a self, values: &'a [String]) -> Cells<'a> {
        Cells { values, nulls: &self.nulls }
    }

    /// Whether the step is for this row.
    pub(super) fn applies(&self, cells: Cells<'_>) -> bool {
        self.when.iter().all(|condition| {
            let value = cells.get(condition.column);
            let has = |list: &Vec<String>| list.iter().any(|item| item == value);
            let PlannedCondition { test, .. } = condition;
            test.one_of.as_ref().is_none_or(has)
                && !test.not_in.as_ref().is_some_and(has)
                && test.blank.is_none_or(|blank| blank == value.is_empty())
        })
    }

    /// What makes the row one of its kind, where the step wants only the first of each kind.
    pub(super) fn distinct(&self, cells: Cells<'_>) -> Option<String> {
        (!self.distinct.is_empty())
            .then(|| key_text(self.distinct.iter().map(|column| cells.get(*column))))
    }

    /// Whether the step wants only the first row of each kind.
    pub(super) const fn has_kinds(&self) -> bool {
        !self.distinct.is_empty()
    }

    /// Whether the row's place in the list is its identity: a row that changed may be another.
    pub(super) const fn is_keyed_by_row(&self) -> bool {
        matches!(self.key, Key::Row)
    }

    /// Whether the record is told by the row's place, and not by its values.
    pub(super) const fn is_told_by_place(&self) -> bool {
        matches!(self.key, Key::Row | Key::FileAndRow)
    }

    /// The id of the row's record. `number` is the row's, or that of the first row of its kind.
    pub(super) fn record_id(
        &self,
        row: &Row,
        number: u64,
        sha256: &str,
    ) -> Result<Uuid, RowRefusal> {
        let Self { source, entity, .. } = self;
        let key = match &self.key {
            Key::Columns(columns) => {
                let cells = self.cells(&row.values);
                let key = natural_key(cells, columns);
                if key.is_empty() {
                    return Err(RowRefusal::new("import.blank", "the key must not be blank"));
                }
                if columns.iter().any(|column| cells.get(*column).contains(char::is_control)) {
                    let detail = "the key holds a control character";
                    return Err(RowRefusal::new("import.bad_row", detail));
                }
                key
            }
            Key::Row => format!("{ROW_KEY}:{number}"),
            Key::FileAndRow => format!("{}:{number}", row.origin.as_deref().unwrap_or(sha256)),
        };
        Ok(derived(&format!("{source}:{entity}:{key}")))
    }

    /// The id of the command the row becomes.
    pub(super) fn command_id(&self, record: Uuid) -> Uuid {
        Uuid::new_v5(&record, self.name.as_bytes())
    }

    /// The command the row becomes, as an item of `POST /commands`.
    pub(super) fn item(
        &self,
        row: &Row,
        id: Uuid,
        (zone, index): (&TimeZone, &Index),
        remarks: &mut Vec<Remark>,
    ) -> Result<Value, RowRefusal> {
        let cells = self.cells(&row.values);
        let about = About { record: &self.record, id, zone, index };
        let mut data = json!({});
        for field in &self.fields {
            if let Some(value) = field.value(cells, about, remarks)? {
                place(&mut data, &field.path, value);
            }
        }
        close_gaps(&mut data);
        let mut item = json!({ "id": self.command_id(id), "type": self.command, "data": data });
        if let Some(at) = &self.effective_at {
            let text = cells.get(at.column);
            if !text.is_empty() {
                let zone = at.zone.as_ref().unwrap_or(zone);
                let time = values::instant(text, &at.format, zone).map_err(|detail| {
                    RowRefusal::new("import.bad_date", detail).in_column(Some(&at.name))
                })?;
                item["effective_at"] = json!(time);
            }
        }
        if let Some(reason) = &self.reason {
            item["reason"] = json!(reason);
        }
        Ok(item)
    }

    /// The column behind a JSON pointer of the service's answer.
    pub(super) fn column_of(&self, pointer: &str) -> Option<&str> {
        let pointer = pointer.strip_prefix("/data").unwrap_or(pointer);
        let place: Vec<_> = pointer.trim_start_matches('/').split('/').collect();
        self.fields
            .iter()
            .filter(|field| field.path.iter().zip(&place).all(|(ours, theirs)| ours == theirs))
            .max_by_key(|field| field.path.len())
            .and_then(|field| field.column.as_deref())
    }
}
