//! Numbers and dates in a named form. What has another form is refused, never guessed.

use command_service::body::cut;
use events::money::{Currency, Money};
use jiff::{
    Timestamp,
    civil::Date,
    fmt::strtime::{self, BrokenDownTime},
    tz::{AmbiguousOffset, TimeZone},
};

/// The forms of numbers a mapping can name, each by this example.
pub const NUMBER_FORMS: [(&str, Option<char>, char); 8] = [
    ("1234.56", None, '.'),
    ("1,234.56", Some(','), '.'),
    ("1 234.56", Some(' '), '.'),
    ("1'234.56", Some('\''), '.'),
    ("1234,56", None, ','),
    ("1.234,56", Some('.'), ','),
    ("1 234,56", Some(' '), ','),
    ("1'234,56", Some('\''), ','),
];

/// The spaces that programs write between groups of digits, and before a unit: plain, no-break, narrow
/// no-break, thin, figure.
const SPACES: [char; 5] = [' ', '\u{A0}', '\u{202F}', '\u{2009}', '\u{2007}'];

/// The apostrophes that Swiss programs write between groups.
const APOSTROPHES: [char; 2] = ['\'', '\u{2019}'];

/// The most digits of a number: beyond it nothing in the product could hold the value.
const MAX_DIGITS: usize = 24;

/// How a column writes its numbers.
#[derive(Clone, Debug)]
pub(super) struct NumberForm {
    example: String,
    group: Option<char>,
    point: char,
    pub(super) prefix: Option<String>,
    pub(super) suffix: Option<String>,
    pub(super) scale: Option<Decimal>,
}

impl NumberForm {
    /// The form that is shown by `example`.
    pub(super) fn new(example: &str) -> Result<Self, String> {
        let (_, group, point) =
            NUMBER_FORMS.iter().find(|(form, ..)| *form == example).ok_or_else(|| {
                let forms: Vec<_> = NUMBER_FORMS.iter().map(|(form, ..)| *form).collect();
                format!("`{example}` is none of the forms `{}`", forms.join("`, `"))
            })?;
        Ok(Self {
            example: example.to_owned(),
            group: *group,
            point: *point,
            prefix: None,
            suffix: None,
            scale: None,
        })
    }

    /// The number that `text` writes in this form.
    pub(super) fn parse(&self, text: &str) -> Result<Decimal, String> {
        let number = self.digits(text).ok_or_else(|| {
            let before = self.prefix.as_deref().unwrap_or_default();
            let after = self.suffix.as_deref().unwrap_or_default();
            format!("`{}` is not of the form `{before}{}{after}`", cut(text), self.example)
        })?;
        match self.scale {
            Some(scale) => {
                number.times(scale).ok_or_else(|| format!("`{}` has too many digits", cut(text)))
            }
            None => Ok(number),
        }
    }

    fn digits(&self, text: &str) -> Option<Decimal> {
        // The sign may stand before the prefix (`-$5`) or after it (`$-5`), once.
        let (mut negative, mut rest) = strip_sign(text);
        if let Some(prefix) = &self.prefix {
            rest = rest.strip_prefix(prefix.as_str())?.trim_start_matches(SPACES);
            if !negative {
                (negative, rest) = strip_sign(rest);
            }
        }
        if let Some(suffix) = &self.suffix {
            rest = rest.strip_suffix(suffix.as_str())?.trim_end_matches(SPACES);
        }
        let (whole, fraction) = match rest.split_once(self.point) {
            Some((_, "")) => return None,
            Some((whole, fraction)) => (whole, fraction),
            None => (rest, ""),
        };
        let whole = self.ungroup(whole)?;
        Decimal::from_digits(negative, &whole, fraction)
    }

    /// The digits before the point. Groups, where there are any, have three digits each.
    fn ungroup(&self, whole: &str) -> Option<String> {
        let written = match &self.group {
            Some(' ') => &SPACES[..],
            Some('\'') => &APOSTROPHES[..],
            Some(group) => std::slice::from_ref(group),
            None => &[],
        };
        // All between the groups of one number are the same.
        let Some(group) = whole.chars().find(|character| written.contains(character)) else {
            return Some(whole.to_owned());
        };
        let mut parts = whole.split(group);
        let first = parts.next()?;
        let right = (1..=3).contains(&first.len()) && parts.all(|part| part.len() == 3);
        right.then(|| whole.replace(group, ""))
    }
}

fn strip_sign(text: &str) -> (bool, &str) {
    text.strip_prefix('-').map_or((false, text), |rest| (true, rest))
}

/// A decimal number, exactly as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    digits: i128,
    decimals: u32,
}

impl Decimal {
    fn from_digits(negative: bool, whole: &str, fraction: &str) -> Option<Self> {
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        // Zeros at the end of a fraction say nothing.
        let fraction = fraction.trim_end_matches('0');
        if whole.len() + fraction.len() > MAX_DIGITS {
            return None;
        }
        let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
        let decimals = u32::try_from(fraction.len()).ok()?;
        Some(Self { digits: if negative { -digits } else { digits }, decimals })
    }

    /// Parses a plain decimal number.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        NumberForm::new("1234.56")?.parse(text)
    }

    fn times(self, other: Self) -> Option<Self> {
        let mut product = Self {
            digits: self.digits.checked_mul(other.digits)?,
            decimals: self.decimals + other.decimals,
        };
        while product.decimals > 0 && product.digits % 10 == 0 {
            product.digits /= 10;
            product.decimals -= 1;
        }
        Some(product)
    }

    /// The number as a plain decimal text.
    pub(super) fn text(self) -> String {
        let sign = if self.digits < 0 { "-" } else { "" };
        let decimals = usize::try_from(self.decimals).unwrap_or(0);
        let digits = format!("{:0>width$}", self.digits.unsigned_abs(), width = decimals + 1);
        let (whole, fraction) = digits.split_at(digits.len() - decimals);
        if fraction.is_empty() {
            format!("{sign}{whole}")
        } else {
            format!("{sign}{whole}.{fraction}")
        }
    }

    /// The number, where it is whole.
    pub(super) fn integer(self) -> Result<i64, String> {
        if self.decimals > 0 {
            return Err(format!("`{}` is not a whole number", self.text()));
        }
        i64::try_from(self.digits).map_err(|_| format!("`{}` is out of range", self.text()))
    }

    /// The number as an amount of money.
    pub(super) fn money(self, currency: Currency) -> Result<Money, String> {
        Money::parse(&self.text(), currency).map_err(|error| format!("`{}` {error}", self.text()))
    }
}

/// The date that `text` writes in the form `format`, exactly.
pub(super) fn date(text: &str, format: &str) -> Result<Date, String> {
    parsed(text, format)?.to_date().map_err(|_| not_of_form(text, format))
}

/// The instant that `text` writes in the form `format`, exactly. A day is its first moment in
/// `zone`; a clock time without an offset is of `zone`. One that the clocks there passed over never
/// was; of one that they showed twice it is the first.
pub(super) fn instant(text: &str, format: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    let wrong = |_| not_of_form(text, format);
    let time = parsed(text, format)?;
    if time.offset().is_some() || time.timestamp().is_some() {
        return time.to_timestamp().map_err(wrong);
    }
    let date = time.to_date().map_err(wrong)?;
    if time.hour().is_none() {
        return Ok(date.to_zoned_datetime(zone.clone()).map_err(wrong)?.timestamp());
    }
    let local = date.to_datetime(time.to_time().map_err(wrong)?);
    let moment = zone.to_ambiguous_timestamp(local);
    if matches!(moment.offset(), AmbiguousOffset::Gap { .. }) {
        return Err(format!("`{}` never was: the clocks of that zone passed over it", cut(text)));
    }
    moment.compatible().map_err(wrong)
}

/// Parses strictly: what is written back in the same form must be the same text. (The parser alone
/// would take `2025-3-4` for `%Y-%m-%d`; `%-m` and `%-d` say that there are no zeros.)
fn parsed(text: &str, format: &str) -> Result<BrokenDownTime, String> {
    let time = strtime::parse(format, text).map_err(|_| not_of_form(text, format))?;
    match time.to_string(format) {
        Ok(again) if again == text => Ok(time),
        _ => Err(not_of_form(text, format)),
    }
}

fn not_of_form(text: &str, format: &str) -> String {
    format!("`{}` is no date of the form `{format}`", cut(text))
}

#[cfg(test)]
#[path = "values_tests.rs"]
mod tests;
