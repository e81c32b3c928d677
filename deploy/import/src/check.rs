//! What makes a mapping wrong before anything is sent.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, anyhow, ensure};
use command_service::command::commands;
use events::ids::Category;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value};

use super::mapping::{Field, Form, Mapping, ROW_KEY, Step};

/// What a command is made of.
struct Shape {
    fields: BTreeSet<String>,
    required: BTreeSet<String>,
    /// The fields that are sealed under a person's key.
    personal: BTreeSet<String>,
}

/// The commands of this version, from the register that also documents them.
fn shapes() -> BTreeMap<&'static str, Shape> {
    commands().into_iter().map(|entry| (entry.name, Shape::of(entry.schema))).collect()
}

impl Shape {
    fn of(schema: fn(&mut SchemaGenerator) -> Schema) -> Self {
        // Each on its own: names of definitions are then the same for every command.
        let mut generator = SchemaGenerator::default();
        let root = schema(&mut generator).to_value();
        let definitions = generator.definitions();
        let body = root
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| definitions.get(reference.rsplit('/').next()?))
            .unwrap_or(&root);
        let properties = body.get("properties").and_then(Value::as_object);
        let names = |field: &str| body.get(field).and_then(Value::as_array).into_iter().flatten();
        Self {
            fields: properties.into_iter().flat_map(Map::keys).cloned().collect(),
            required: names("required").filter_map(Value::as_str).map(str::to_owned).collect(),
            personal: properties
                .into_iter()
                .flatten()
                .filter(|(_, schema)| is_personal(schema))
                .map(|(name, _)| name.clone())
                .collect(),
        }
    }
}

/// Whether a field holds a value of the type [`events::personal::Clear`], as it is documented.
fn is_personal(schema: &Value) -> bool {
    match schema {
        Value::Object(object) => object.iter().any(|(key, value)| {
            let personal = value.as_str().and_then(|text| text.strip_prefix("#/$defs/Clear"));
            let numbered = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_digit());
            (key == "$ref" && personal.is_some_and(numbered)) || is_personal(value)
        }),
        Value::Array(list) => list.iter().any(is_personal),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

impl Mapping {
    pub(super) fn check(&self) -> Result<()> {
        ensure!(!self.source.trim().is_empty(), "`source` must not be blank");
        ensure!(!self.source.contains(':'), "`source` must not contain a colon");
        ensure!(!self.step.is_empty(), "a mapping needs a `[[step]]`");
        for (file, format) in &self.file {
            format.delimiter_byte()?;
            ensure!(self.step.iter().any(|step| step.file == *file), "no step reads `{file}`");
        }
        let shapes = shapes();
        let mut names = BTreeSet::new();
        for step in &self.step {
            let name = step.name();
            ensure!(names.insert((&step.entity, name)), "two steps are named `{name}`");
            let checked = match shapes.get(step.command.as_str()) {
                Some(shape) => step.check().and_then(|()| step.check_command(shape)),
                None => Err(anyhow!("there is no command `{}`", step.command)),
            };
            checked.with_context(|| format!("step `{name}`"))?;
        }
        Ok(())
    }
}

impl Step {
    fn check(&self) -> Result<()> {
        ensure!(!self.entity.contains(':'), "`entity` must not contain a colon");
        ensure!(
            !self.key.iter().any(|column| column == ROW_KEY) || self.key.len() == 1,
            "`{ROW_KEY}` is a key by itself"
        );
        for condition in &self.when {
            let tests = usize::from(condition.one_of.is_some())
                + usize::from(condition.not_in.is_some())
                + usize::from(condition.blank.is_some());
            ensure!(tests == 1, "`when` needs one of `in`, `not_in`, `blank`");
        }
        for (path, field) in &self.fields {
            field.check().with_context(|| format!("field `{path}`"))?;
            if field.own == Some(Form::Ref) {
                ensure!(
                    Category::from_name(self.record()).is_some(),
                    "`{}` is no kind of record: name one with `record`",
                    self.record()
                );
            }
        }
        Ok(())
    }

    /// Whether the command exists and has these fields, and that no key is personal.
    fn check_command(&self, shape: &Shape) -> Result<()> {
        let top = |path: &str| path.split('.').next().unwrap_or(path).to_owned();
        for (path, field) in &self.fields {
            let name = top(path);
            ensure!(shape.fields.contains(&name), "{} has no field `{name}`", self.command);
            if !shape.personal.contains(&name) {
                continue;
            }
            for column in field.columns_used() {
                ensure!(
                    !self.key.contains(&column),
                    "the column `{column}` is personal (`{path}` of {}) and cannot be a key: the \
                     id would outlive its erasure; `key = [\"{ROW_KEY}\"]` counts rows instead",
                    self.command
                );
            }
        }
        for name in &shape.required {
            let given = self.fields.keys().any(|path| top(path) == *name);
            ensure!(given, "{} needs the field `{name}`", self.command);
        }
        Ok(())
    }
}

impl Field {
    fn check(&self) -> Result<()> {
        let sources = usize::from(self.column.is_some())
            + usize::from(self.columns.is_some())
            + usize::from(self.value.is_some())
            + usize::from(self.template.is_some())
            + usize::from(self.own.is_some());
        ensure!(
            sources == 1,
            "one of `column`, `columns`, `value`, `template`, `own` says where it comes from"
        );
        let conversions = usize::from(self.lookup.is_some())
            + usize::from(self.map.is_some())
            + usize::from(self.date.is_some())
            + usize::from(self.instant.is_some())
            + usize::from(self.number.is_some());
        ensure!(conversions <= 1, "only one of `lookup`, `map`, `date`, `instant`, `number`");
        ensure!(
            self.lookup.is_some() || (self.by.is_none() && self.form.is_none()),
            "`by` and `as` belong to a `lookup`"
        );
        ensure!(
            self.columns.is_none() || self.lookup.is_some(),
            "`columns` belongs to a `lookup`; a `template` puts columns together"
        );
        ensure!(
            self.lookup.is_none() || self.value.as_ref().is_none_or(toml::Value::is_str),
            "a fixed value that is looked up is a text"
        );
        let of_numbers = self.scale.is_some()
            || self.prefix.is_some()
            || self.suffix.is_some()
            || self.currency.is_some()
            || self.currency_column.is_some()
            || self.integer;
        ensure!(self.number.is_some() || !of_numbers, "how is the `number` written?");
        let money = self.currency.is_some() || self.currency_column.is_some();
        ensure!(!(self.integer && money), "money is no `integer`");
        ensure!(
            self.currency.is_none() || self.currency_column.is_none(),
            "only one of `currency`, `currency_column`"
        );
        let fixed = self.own.is_some() || (self.value.is_some() && self.lookup.is_none());
        ensure!(!fixed || conversions == 0, "a fixed value is written as it is");
        Ok(())
    }
}
