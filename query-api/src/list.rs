//! Lists: which columns a list filters and sorts by, and the statement that reads a page of it.

use projection_service::{
    record::folded,
    table::{ColumnType, Table, Value},
};

use crate::http::{
    params::{Params, containing, parse_id, parse_instant, parse_text},
    problem::Problem,
};

/// One kind of record as a list.
pub(crate) struct List {
    /// The path: `/accounts`.
    pub(crate) path: &'static str,
    /// A history table with the key `id` and a column `document`.
    pub(crate) table: &'static Table,
    /// What it can be filtered by, besides what every list can.
    pub(crate) filters: &'static [Filter],
    /// What it can be sorted by; the first where the caller does not say.
    pub(crate) sorts: &'static [Sort],
}

/// One parameter that leaves rows out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filter {
    pub(crate) parameter: &'static str,
    pub(crate) column: &'static str,
    pub(crate) test: Test,
}

/// How a filter compares.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Test {
    /// The column is this id.
    Id,
    /// The column is this text.
    Text,
    /// The column is this text in lower case.
    Folded,
    /// The column, in lower case, contains this text.
    Contains,
    /// The column is one of these names.
    OneOf(&'static [&'static str]),
    /// The column is this currency.
    Currency,
    /// The column is this day or later.
    FromDay,
    /// The column is this day or earlier.
    ToDay,
    /// The column is this instant or later.
    From,
    /// The column is earlier than this instant.
    Before,
}

/// One order of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sort {
    pub(crate) parameter: &'static str,
    pub(crate) column: &'static str,
    /// The filter without which no index gives this order.
    pub(crate) needs: Option<&'static str>,
}

/// A filter on a column.
pub(crate) const fn filter(parameter: &'static str, column: &'static str, test: Test) -> Filter {
    Filter { parameter, column, test }
}

/// An order that an index gives.
pub(crate) const fn sort(parameter: &'static str, column: &'static str) -> Sort {
    Sort { parameter, column, needs: None }
}

/// What every list can be filtered by.
const COMMON: &[Filter] = &[
    filter("created_from", "created_at", Test::From),
    filter("created_before", "created_at", Test::Before),
    filter("changed_from", "changed_at", Test::From),
    filter("changed_before", "changed_at", Test::Before),
];

/// The name of the two states that most records have.
pub(crate) const ACTIVE_OR_INACTIVE: &[&str] = &["Active", "Inactive"];

/// A statement in the making: its text, and the values that are bound to it.
#[derive(Debug, Default)]
pub(crate) struct Statement {
    pub(crate) text: String,
    pub(crate) binds: Vec<Value>,
}

impl Statement {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), binds: Vec::new() }
    }

    /// Adds text; each `?` in it stands for the next of the values.
    pub(crate) fn push<V: Into<Value>>(&mut self, text: &str, values: impl IntoIterator<Item = V>) {
        let mut values = values.into_iter().map(Into::into);
        for (index, piece) in text.split('?').enumerate() {
            if index > 0 {
                self.binds.extend(values.next());
                self.text.push_str(&format!("${}", self.binds.len()));
            }
            self.text.push_str(piece);
        }
    }
}

/// Which part of an order is read: rows without a value in the sorting column come last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Rows that have a value.
    Valued,
    /// Rows that have none, by id.
    Empty,
}

/// What a caller wants of a list.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) filters: Vec<(Filter, Value)>,
    pub(crate) sort: Sort,
    pub(crate) descending: bool,
    pub(crate) limit: usize,
}

impl List {
    pub(crate) fn filters(&self) -> impl Iterator<Item = &'static Filter> {
        self.filters.iter().chain(COMMON)
    }

    /// Takes the parameters of this list; whatever is left is unknown.
    pub(crate) fn wish(&self, mut params: Params) -> Result<Wish, Problem> {
        let limit = params.limit()?;
        let mut filters = Vec::new();
        for filter in self.filters() {
            if let Some(value) = params.parsed(filter.parameter, |text| filter.parse(text))? {
                filters.push((*filter, value));
            }
        }
        let wanted = params.take("sort");
        params.finish()?;
        let (name, descending) = match wanted.as_deref() {
            None => (None, false),
            Some(text) => (Some(text.trim_start_matches('-')), text.starts_with('-')),
        };
        let sort = self.sorts.iter().find(|sort| name.is_none_or(|name| sort.parameter == name));
        let sort = *sort.ok_or_else(|| self.unknown_sort())?;
        if let Some(needed) = sort.needs
            && !filters.iter().any(|(filter, _)| filter.parameter == needed)
        {
            let detail = format!("`sort={}` needs the filter `{needed}`", sort.parameter);
            return Err(Problem::refused("sort.needs_filter", detail).with("filter", needed));
        }
        Ok(Wish { filters, sort, descending, limit })
    }

    fn unknown_sort(&self) -> Problem {
        let names: Vec<_> = self.sorts.iter().map(|sort| sort.parameter).collect();
        let detail = format!("this list is sorted by one of: {}", names.join(", "));
        Problem::refused("sort.unknown", detail).with("sorts", names)
    }

    fn is_nullable(&self, column: &str) -> bool {
        self.table.columns.iter().any(|known| known.name == column && known.nullable)
    }

    /// Whether that is the key of a row in this order.
    pub(crate) fn fits(&self, wish: &Wish, key: &[Value]) -> bool {
        let [sorted_by, Value::Id(_)] = key else { return false };
        let mut columns = self.table.key.iter().chain(self.table.columns);
        columns.find(|column| column.name == wish.sort.column).is_some_and(|column| match sorted_by
        {
            Value::Null => column.nullable,
            Value::Int(_) => column.of == ColumnType::Int,
            Value::Text(_) => column.of == ColumnType::Text,
            Value::Id(_) => column.of == ColumnType::Id,
        })
    }

    /// Which parts of the order there are after `after`.
    pub(crate) fn parts(&self, wish: &Wish, after: Option<&[Value]>) -> &'static [Part] {
        let is_nullable = self.is_nullable(wish.sort.column);
        match after {
            Some([Value::Null, ..]) => &[Part::Empty],
            _ if is_nullable => &[Part::Valued, Part::Empty],
            _ => &[Part::Valued],
        }
    }

    /// The statement that reads at most `limit` rows of one part, after the row with the key `after`.
    pub(crate) fn statement(
        &self,
        wish: &Wish,
        part: Part,
        position: i64,
        after: Option<&[Value]>,
        limit: usize,
    ) -> Statement {
        let Sort { column, .. } = wish.sort;
        let (comparison, direction) = if wish.descending { ("<", " desc") } else { (">", "") };
        let mut statement = Statement::new(&format!(
            "select id, {column} as sorted_by, document from {} where ",
            self.table.name
        ));
        statement.push("from_position <= ? and to_position > ?", [position; 2]);
        for (filter, value) in &wish.filters {
            statement.push(&format!(" and {}", filter.condition()), [value.clone()]);
        }
        let by_id_alone = column == "id";
        match part {
            Part::Empty => statement.text.push_str(&format!(" and {column} is null")),
            Part::Valued if self.is_nullable(column) => {
                statement.text.push_str(&format!(" and {column} is not null"));
            }
            Part::Valued => {}
        }
        match (part, after) {
            (_, None)
            | (Part::Empty, Some([Value::Int(_) | Value::Text(_) | Value::Id(_), ..])) => {}
            (Part::Valued, Some(key)) if !by_id_alone => {
                statement.push(&format!(" and ({column}, id) {comparison} (?, ?)"), key.to_vec());
            }
            (_, Some(key)) => {
                statement.push(&format!(" and id {comparison} ?"), key.get(1).cloned());
            }
        }
        let order = match part {
            Part::Valued if !by_id_alone => format!("{column}{direction}, id{direction}"),
            Part::Valued | Part::Empty => format!("id{direction}"),
        };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        statement.push(&format!(" order by {order} limit ?"), [limit]);
        statement
    }
}

impl Filter {
    fn condition(&self) -> String {
        let column = self.column;
        match self.test {
            Test::Id | Test::Text | Test::Folded | Test::OneOf(_) | Test::Currency => {
                format!("{column} = ?")
            }
            Test::Contains => format!("{column} like ? escape '\\'"),
            Test::FromDay | Test::From => format!("{column} >= ?"),
            Test::ToDay => format!("{column} <= ?"),
            Test::Before => format!("{column} < ?"),
        }
    }

    fn parse(&self, text: &str) -> Result<Value, Problem> {
        let name = self.parameter;
        let invalid = |detail: &str| Problem::parameter(name, detail);
        Ok(match self.test {
            Test::Id => parse_id(name, text)?.into(),
            Test::Text => parse_text(name, text)?.into(),
            Test::Folded => folded(&parse_text(name, text)?).into(),
            Test::Contains => containing(&folded(&parse_text(name, text)?)).into(),
            Test::OneOf(names) => {
                let known = names.iter().find(|known| **known == text);
                let known =
                    known.ok_or_else(|| invalid(&format!("is one of {}", names.join(", "))))?;
                (*known).into()
            }
            Test::Currency => {
                let currency = events::money::Currency::new(text);
                currency.map_err(|_| invalid("is no currency of ISO 4217"))?.code().into()
            }
            Test::FromDay | Test::ToDay => {
                let day = events::values::Day::parse(text);
                day.map_err(|error| invalid(&error.to_string()))?.number().into()
            }
            Test::From | Test::Before => parse_instant(name, text)?.micros().into(),
        })
    }
}

#[cfg(test)]
#[path = "list_tests.rs"]
mod tests;
