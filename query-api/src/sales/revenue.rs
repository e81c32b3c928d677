//! Expected revenue and the pipeline: sums of the revenue ledger at any moment.

use std::collections::{BTreeMap, HashMap};

use axum::extract::{Path, State};
use events::{
    Instant,
    money::{Currency, ExactShare, format_minor},
    values::Day,
};
use projection_service::{
    customers::{AccountRecord, ContactRecord},
    record::Record,
    table::Value,
};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::{
    checkpoints::{Measures, Sums, add},
    ledger::{self, By, Narrowed, Party, names},
};
use crate::{
    as_of::Sense,
    customers::timeline::require_known,
    http::{
        App,
        answer::{self, Answered},
        moment::{Ask, Moment, Senses},
        params::Params,
        problem::Problem,
    },
    records::known_id,
};

/// A sum of money: it may be larger than one amount can be.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Amount {
    /// A decimal number, `12.34`.
    amount: String,
    currency: Currency,
}

/// What a sum is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Group {
    /// A record.
    Record {
        id: Uuid,
        /// Its name as of the answer's position; none once it was erased.
        name: Option<String>,
    },
    /// The period that begins on this day.
    Period { from: Day },
    /// A stage, a state, an office or a product.
    Named { name: String },
    /// What has none, or everything where nothing is split.
    None {},
}

/// One line: sums in one currency.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Line {
    group: Group,
    currency: Currency,
    /// How many sales are open.
    open_count: i64,
    /// What they would bring.
    open_amount: Amount,
    /// The same, each weighted by its probability: added up exactly, then rounded half to even. Lines
    /// of a split may therefore differ from their total by less than a minor unit each.
    weighted: Amount,
    /// How many orders are booked.
    booked_count: i64,
    booked: Amount,
    /// Weighted and booked.
    expected: Amount,
    won_count: i64,
    /// The actual value of what was won: beside expected revenue, never in it.
    won_amount: Amount,
    lost_count: i64,
}

/// Sums of the revenue ledger.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Revenue {
    /// By what the lines are split.
    by: &'static str,
    /// `recorded`: what was known. `effective`: what was true.
    sense: &'static str,
    /// The instant the answer is about.
    as_of: Instant,
    /// Its day in the organisation's zone: later business days do not count.
    day: Day,
    /// The largest expected amount first, currency by currency.
    items: Vec<Line>,
    /// Everything that was asked about, one line a currency, over all pages.
    totals: Vec<Line>,
    next: Option<String>,
    position: String,
}

/// How long a period is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grain {
    Month,
    Quarter,
    Year,
}

impl Grain {
    /// The first day of the period a month belongs to.
    fn begin(self, month: Day) -> Day {
        let date = month.date();
        let first = match self {
            Self::Month => date.month(),
            Self::Quarter => (date.month() - 1) / 3 * 3 + 1,
            Self::Year => 1,
        };
        Day::new(jiff::civil::Date::constant(date.year(), first, 1)).unwrap_or(month)
    }
}

/// What a question about revenue asks for.
struct Wish {
    by: By,
    name: &'static str,
    grain: Grain,
    narrowed: Narrowed,
    limit: usize,
}

impl Wish {
    fn take(
        mut params: Params,
        default: &'static str,
        party: Option<Party>,
    ) -> Result<Self, Problem> {
        let wanted = params.take("by");
        let wanted = wanted.as_deref().unwrap_or(default);
        let known = By::ALL.into_iter().find(|(_, name)| *name == wanted);
        let (by, name, grain) = match (known, wanted) {
            (Some((by, name)), _) => (by, name, Grain::Month),
            (None, "quarter") => (By::Period, "quarter", Grain::Quarter),
            (None, "year") => (By::Period, "year", Grain::Year),
            (None, _) => return Err(unknown_split()),
        };
        let limit = params.limit()?;
        let party = party_of(&mut params, party)?;
        let narrowed = Narrowed { party, conditions: conditions(&mut params)? };
        params.finish()?;
        Ok(Self { by, name, grain, narrowed, limit })
    }
}

fn unknown_split() -> Problem {
    let mut names: Vec<_> = By::ALL.iter().map(|(_, name)| *name).collect();
    names.extend(["quarter", "year"]);
    let detail = format!("revenue is split by one of: {}", names.join(", "));
    Problem::refused("by.unknown", detail).with("by", names)
}

fn party_of(params: &mut Params, given: Option<Party>) -> Result<Option<Party>, Problem> {
    let subtree = params.flag("subtree")?;
    let party = match given {
        Some(party) => Some(party),
        None => match (params.id("account")?, params.id("contact")?) {
            (Some(_), Some(_)) => {
                let detail = "cannot stand beside `account`";
                return Err(Problem::parameter("contact", detail));
            }
            (account, contact) => account.map(Party::Account).or(contact.map(Party::Contact)),
        },
    };
    match (party, subtree) {
        (Some(Party::Account(id)), Some(true)) => Ok(Some(Party::Subtree(id))),
        (None | Some(Party::Contact(_)), Some(true)) => {
            Err(Problem::parameter("subtree", "is only for an account"))
        }
        (party, _) => Ok(party),
    }
}

fn conditions(params: &mut Params) -> Result<Vec<(&'static str, Value)>, Problem> {
    let mut conditions = Vec::new();
    for (parameter, condition) in [("owner", "d.owner_id = ?"), ("manager", "u.manager_id = ?")] {
        conditions.extend(params.id(parameter)?.map(|id| (condition, id.into())));
    }
    for (parameter, condition) in
        [("office", "u.office = ?"), ("stage", "d.stage = ?"), ("product", "d.product = ?")]
    {
        conditions.extend(params.text(parameter)?.map(|text| (condition, text.into())));
    }
    let currency = params.currency("currency")?;
    conditions.extend(currency.map(|currency| ("d.currency = ?", currency.code().into())));
    let from = params.day("period_from")?.map(|day| Grain::Month.begin(day).number());
    conditions.extend(from.map(|day| ("d.period >= ?", day.into())));
    let to = params.day("period_to")?.map(Day::number);
    conditions.extend(to.map(|day| ("d.period <= ?", day.into())));
    Ok(conditions)
}

/// `GET /expected-revenue`.
pub(crate) async fn expected_revenue(State(app): State<App>, ask: Ask) -> Answered {
    let (moment, params) = app.open(&ask, Senses::Both).await?;
    let wish = Wish::take(params, "none", None)?;
    sum_up(&app, moment, &wish).await
}

/// `GET /pipeline`: the same ledger, split by stage where the caller does not say.
pub(crate) async fn pipeline(State(app): State<App>, ask: Ask) -> Answered {
    let (moment, params) = app.open(&ask, Senses::Both).await?;
    let wish = Wish::take(params, "stage", None)?;
    sum_up(&app, moment, &wish).await
}

/// `GET /accounts/{id}/expected-revenue`.
pub(crate) async fn of_account(
    State(app): State<App>,
    Path(id): Path<String>,
    ask: Ask,
) -> Answered {
    of_party::<AccountRecord>(&app, &id, &ask, Party::Account).await
}

/// `GET /contacts/{id}/expected-revenue`.
pub(crate) async fn of_contact(
    State(app): State<App>,
    Path(id): Path<String>,
    ask: Ask,
) -> Answered {
    of_party::<ContactRecord>(&app, &id, &ask, Party::Contact).await
}

async fn of_party<R: Record>(app: &App, id: &str, ask: &Ask, party: fn(Uuid) -> Party) -> Answered {
    let (mut moment, params) = app.open(ask, Senses::Both).await?;
    let id = known_id(id)?;
    let wish = Wish::take(params, "none", Some(party(id)))?;
    require_known::<R>(&mut moment, id).await?;
    sum_up(app, moment, &wish).await
}

async fn sum_up(app: &App, mut moment: Moment, wish: &Wish) -> Answered {
    let day = moment.day();
    let (mut sums, after) = app.checkpoints.begin(&moment, wish.by, &wish.narrowed);
    let position = moment.position.sql();
    let statement = ledger::sums(wish.by, after, position, day.number(), &wish.narrowed);
    for row in moment.rows(&statement.text, &statement.binds).await? {
        let group = (row.value("key")?, row.text("currency")?.to_owned());
        add(sums.entry(group).or_default(), &ledger::summed(&row)?);
    }
    let mut groups = Sums::new();
    let mut totals: BTreeMap<String, Measures> = BTreeMap::new();
    for ((key, currency), sum) in sums {
        add(totals.entry(currency.clone()).or_default(), &sum);
        let key = match key {
            Value::Int(month) if wish.by == By::Period => {
                Day::from_number(month).map(|month| wish.grain.begin(month).number()).into()
            }
            key @ (Value::Null | Value::Int(_) | Value::Text(_) | Value::Id(_)) => key,
        };
        add(groups.entry((key, currency)).or_default(), &sum);
    }
    let groups = groups.into_iter().map(|((key, currency), sum)| (currency, key, sum));
    let mut groups: Vec<_> = groups.filter(|(_, _, sum)| *sum != Measures::default()).collect();
    // Currency by currency, the most to expect first; periods as they follow each other.
    groups.sort_by_cached_key(|(currency, key, sum)| {
        let most_first = if wish.by == By::Period { 0 } else { -expected(sum) };
        (currency.clone(), most_first, key.clone())
    });
    answer_page(moment, wish, day, groups, totals).await
}

/// Weighted and booked, rounded once.
const fn expected(sum: &Measures) -> i128 {
    let [_, _, weighted, millionths, _, booked, _, _, _] = *sum;
    ExactShare::rounded(weighted, millionths) + booked
}

async fn answer_page(
    mut moment: Moment,
    wish: &Wish,
    day: Day,
    groups: Vec<(String, Value, Measures)>,
    totals: BTreeMap<String, Measures>,
) -> Answered {
    let start = moment
        .begins_after(|key| matches!(key, [Value::Int(_)]))?
        .and_then(|key| key.first().and_then(Value::int));
    let start = start.and_then(|start| usize::try_from(start).ok()).unwrap_or(0);
    let end = groups.len().min(start.saturating_add(wish.limit));
    let page = groups.get(start..end).unwrap_or_default();
    let known = names_of(&mut moment, wish.by, page).await?;
    let items =
        page.iter().map(|(currency, key, sum)| line(group(key, wish.by, &known), currency, sum));
    let items = items.collect::<Result<Vec<_>, _>>()?;
    let totals = totals.iter().filter(|(_, sum)| **sum != Measures::default());
    let totals = totals.map(|(currency, sum)| line(Group::None {}, currency, sum));
    let next = (end < groups.len()).then(|| i64::try_from(end).ok()).flatten();
    let revenue = Revenue {
        by: wish.name,
        sense: match moment.sense {
            Sense::Recorded => "recorded",
            Sense::Effective => "effective",
        },
        as_of: moment.instant,
        day,
        items,
        totals: totals.collect::<Result<_, _>>()?,
        next: next.map(|next| moment.cursor(vec![next.into()])).transpose()?,
        position: moment.position.to_string(),
    };
    answer::json(&moment, &revenue)
}

async fn names_of(
    moment: &mut Moment,
    by: By,
    page: &[(String, Value, Measures)],
) -> Result<HashMap<Uuid, String>, Problem> {
    let Some(table) = by.names() else { return Ok(HashMap::new()) };
    let ids: Vec<_> = page.iter().filter_map(|(_, key, _)| key.id()).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let statement = names(table, &ids, moment.position.sql());
    let rows = moment.rows(&statement.text, &statement.binds).await?;
    let mut known = HashMap::new();
    for row in &rows {
        if let Some(name) = row.text_or_none("name")? {
            known.insert(row.id("id")?, name.to_owned());
        }
    }
    Ok(known)
}

fn group(key: &Value, by: By, known: &HashMap<Uuid, String>) -> Group {
    match key {
        Value::Null => Group::None {},
        Value::Id(id) => Group::Record { id: *id, name: known.get(id).cloned() },
        Value::Text(name) => Group::Named { name: name.to_string() },
        Value::Int(number) => match Day::from_number(*number) {
            Some(from) if by == By::Period => Group::Period { from },
            Some(_) | None => Group::Named { name: number.to_string() },
        },
    }
}

fn line(group: Group, currency: &str, sum: &Measures) -> Result<Line, Problem> {
    let currency = Currency::new(currency).map_err(Problem::damaged)?;
    let amount = |minor: i128| Amount { amount: format_minor(minor, currency), currency };
    let count = |number: i128| i64::try_from(number).map_err(Problem::damaged);
    let [open_count, open, weighted, millionths, booked_count, booked, won_count, won, lost_count] =
        *sum;
    Ok(Line {
        group,
        currency,
        open_count: count(open_count)?,
        open_amount: amount(open),
        weighted: amount(ExactShare::rounded(weighted, millionths)),
        booked_count: count(booked_count)?,
        booked: amount(booked),
        expected: amount(expected(sum)),
        won_count: count(won_count)?,
        won_amount: amount(won),
        lost_count: count(lost_count)?,
    })
}
