//! The parameters of a question: each known, each once.

use axum::{extract::Query, http::Uri};
use events::{Instant, money::Currency, values::Day};
use uuid::Uuid;

use super::problem::Problem;

/// The most items of a page.
pub(crate) const MAX_LIMIT: usize = 200;
/// The items of a page where the caller does not say.
pub(crate) const DEFAULT_LIMIT: usize = 50;
/// The longest text of a filter, in characters.
pub(crate) const MAX_TEXT: usize = 300;

/// What stands after the `?`. Whoever knows a parameter takes it out; what is left is unknown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(crate) fn parse(uri: &Uri) -> Result<Self, Problem> {
        let malformed = |_| Problem::bad("query.malformed", "the query string is malformed");
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(malformed)?;
        let mut names: Vec<_> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Problem::bad("parameter.repeated", "a parameter stands twice"));
        }
        Ok(Self(pairs))
    }

    /// What a parameter says; it stays.
    pub(crate) fn look(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
    }

    /// Takes a parameter out.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        let index = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.swap_remove(index).1)
    }

    /// Takes a parameter out and parses it.
    pub(crate) fn parsed<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, Problem>,
    ) -> Result<Option<T>, Problem> {
        self.take(name).map(|text| parse(&text)).transpose()
    }

    /// Takes out whether something is asked for.
    pub(crate) fn flag(&mut self, name: &str) -> Result<Option<bool>, Problem> {
        self.parsed(name, |text| {
            text.parse().map_err(|_| Problem::parameter(name, "is `true` or `false`"))
        })
    }

    /// Takes an id out.
    pub(crate) fn id(&mut self, name: &str) -> Result<Option<Uuid>, Problem> {
        self.parsed(name, |text| parse_id(name, text))
    }

    /// Takes a day out.
    pub(crate) fn day(&mut self, name: &str) -> Result<Option<Day>, Problem> {
        self.parsed(name, |text| {
            Day::parse(text).map_err(|error| Problem::parameter(name, error.to_string()))
        })
    }

    /// Takes a currency out.
    pub(crate) fn currency(&mut self, name: &str) -> Result<Option<Currency>, Problem> {
        self.parsed(name, |text| {
            let unknown = |_| Problem::parameter(name, "is no currency of ISO 4217");
            Currency::new(text).map_err(unknown)
        })
    }

    /// Takes a text out.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, Problem> {
        self.parsed(name, |text| parse_text(name, text))
    }

    /// Takes the size of a page out.
    pub(crate) fn limit(&mut self) -> Result<usize, Problem> {
        let limit = self.parsed("limit", |text| {
            let number = text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
            number.ok_or_else(|| Problem::parameter("limit", "is a number from 1 to 200"))
        })?;
        Ok(limit.unwrap_or(DEFAULT_LIMIT))
    }

    /// What makes this question another one than the same with other parameters: all of them, in
    /// order, but those that only say how much of the answer is wanted, and how fresh.
    pub(crate) fn identity(&self) -> String {
        let mut pairs: Vec<_> = self
            .0
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "cursor" | "limit" | "at_least" | "fresh"))
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.sort_unstable();
        pairs.join("\n")
    }

    /// Refuses what nobody took.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((name, _)) => {
                let name: String = name.chars().take(60).collect();
                let detail = format!("this question takes no parameter `{name}`");
                Err(Problem::refused("parameter.unknown", detail).with("parameter", name))
            }
        }
    }
}

/// An id, in its usual form.
pub(crate) fn parse_id(name: &str, text: &str) -> Result<Uuid, Problem> {
    let id = Uuid::try_parse(text).ok().filter(|_| text.len() == 36);
    id.ok_or_else(|| Problem::parameter(name, "is no UUID"))
}

/// A text of a reasonable length.
pub(crate) fn parse_text(name: &str, text: &str) -> Result<String, Problem> {
    if text.is_empty() || text.chars().count() > MAX_TEXT || text.contains('\0') {
        return Err(Problem::parameter(name, "is empty, too long or no text"));
    }
    Ok(text.to_owned())
}

/// An instant of RFC 3339 from 1900 to 2199. The beginning of a day is not guessed: days are refused.
pub(crate) fn parse_instant(name: &str, text: &str) -> Result<Instant, Problem> {
    Instant::parse(text).map_err(|error| Problem::parameter(name, error.to_string()))
}

/// The pattern of texts that contain `text`: the caller's own wildcards are ordinary letters.
/// To be used with `escape '\'`.
pub(crate) fn containing(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
#[path = "params_tests.rs"]
mod tests;
