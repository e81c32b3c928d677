//! A pipeline made up by a seed: its figures as they are answered, and as they are computed apart.
//!
//! The fold below is as naive as can be: to know what a deal was worth it plays its moves one by
//! one and adds up what stands at the end.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tests::{Annals, Dice, Http, account, user};
use uuid::Uuid;

const DEALS: usize = 300;
const STAGES: [&str; 5] = ["Qualify", "Develop", "Propose", "Close", "Demo; drop 100%"];
/// One a week; days are counted from 1 January 2026.
const ROUNDS: u32 = 31;

/// What happens to a deal.
#[derive(Clone, Debug)]
enum Move {
    Stage(&'static str),
    /// In cents.
    Estimate(Option<i64>),
    /// In ten-thousandths of a percent.
    Probability(Option<i64>),
    Close(Option<u32>),
    Owner(Uuid),
    Customer(Uuid),
    Win(i64),
    Lose,
    Reopen,
}

/// One move, when it happened, and where it was recorded.
struct Happened {
    deal: usize,
    day: u32,
    position: u64,
    change: Move,
}

/// A deal as it stands.
#[derive(Clone)]
struct Deal {
    owner: Uuid,
    customer: Uuid,
    stage: &'static str,
    estimate: Option<i64>,
    probability: Option<i64>,
    close: Option<u32>,
    /// Won with so much, or lost, on which day.
    ending: Option<(Option<i64>, u32)>,
}

/// Open count, open, weighted (in millionths of a cent until all is added up), won count, won, lost
/// count.
type Figures = [i64; 6];

fn date(day: u32) -> String {
    let start = jiff::civil::date(2026, 1, 1);
    (start + jiff::Span::new().days(i64::from(day))).to_string()
}

/// What a sum of exact shares is told as: rounded half to even, once.
fn rounded(millionths: i64) -> i64 {
    let whole = 1_000_000;
    let (quotient, rest) = (millionths / whole, millionths % whole);
    quotient + i64::from(rest * 2 > whole || (rest * 2 == whole && quotient % 2 == 1))
}

impl Deal {
    fn apply(&mut self, day: u32, change: &Move) {
        match change {
            Move::Stage(stage) => self.stage = stage,
            Move::Estimate(cents) => self.estimate = *cents,
            Move::Probability(percent) => self.probability = *percent,
            Move::Close(day) => self.close = *day,
            Move::Owner(owner) => self.owner = *owner,
            Move::Customer(customer) => self.customer = *customer,
            Move::Win(cents) => self.ending = Some((Some(*cents), day)),
            Move::Lose => self.ending = Some((None, day)),
            Move::Reopen => self.ending = None,
        }
    }

    fn figures(&self) -> Figures {
        match self.ending {
            Some((Some(cents), _)) => [0, 0, 0, 1, cents, 0],
            Some((None, _)) => [0, 0, 0, 0, 0, 1],
            None => {
                let open = self.estimate.unwrap_or(0);
                [1, open, open * self.probability.unwrap_or(0), 0, 0, 0]
            }
        }
    }

    fn group(&self, by: &str) -> String {
        match by {
            "owner" => self.owner.to_string(),
            "account" => self.customer.to_string(),
            "stage" => self.stage.to_owned(),
            "month" => {
                let day = self.ending.map_or(self.close, |(_, day)| Some(day));
                day.map_or(String::new(), |day| format!("{}-01", &date(day)[..7]))
            }
            _ => String::new(),
        }
    }
}

/// The pipeline: each deal as it began, and what happened to it, in the order of recording.
#[derive(Default)]
struct Pipeline {
    owners: Vec<Uuid>,
    accounts: Vec<Uuid>,
    begins: Vec<(u32, u64, Deal)>,
    happened: Vec<Happened>,
    /// Each deal as it stands now, by the order of recording, and its version.
    current: Vec<(Deal, u64)>,
    /// The day of each round, and the last position of the log after it.
    rounds: Vec<(u32, u64)>,
}

impl Pipeline {
    /// Sums by group of those deals and moves that count, by their day and position.
    fn sums(&self, by: &str, counts: impl Fn(u32, u64) -> bool) -> BTreeMap<String, Figures> {
        let mut sums = BTreeMap::new();
        for (number, (begin, position, deal)) in self.begins.iter().enumerate() {
            // A deal began no later than the first thing that happened to it.
            let of_deal = || self.happened.iter().filter(|one| one.deal == number);
            let begin = of_deal().map(|one| one.day).fold(*begin, u32::min);
            if !counts(begin, *position) {
                continue;
            }
            let mut deal = deal.clone();
            let mut moves: Vec<_> = of_deal().filter(|one| counts(one.day, one.position)).collect();
            moves.sort_by_key(|one| (one.day, one.position));
            moves.iter().for_each(|one| deal.apply(one.day, &one.change));
            // Whether it is decided goes by the order of recording, whatever day was given.
            let turns = moves.iter().filter(|one| is_turn(&one.change));
            if let Some(last) = turns.max_by_key(|one| one.position) {
                deal.apply(last.day, &last.change);
            }
            let sum: &mut Figures = sums.entry(deal.group(by)).or_default();
            sum.iter_mut().zip(deal.figures()).for_each(|(total, figure)| *total += figure);
        }
        sums.retain(|_, figures| *figures != Figures::default());
        sums.values_mut().for_each(|[_, _, weighted, ..]| *weighted = rounded(*weighted));
        sums
    }
}

const fn is_turn(change: &Move) -> bool {
    matches!(change, Move::Win(_) | Move::Lose | Move::Reopen)
}

fn money(cents: i64) -> Value {
    tests::brl(&format!("{}.{:02}", cents / 100, cents % 100))
}

fn percent(scaled: i64) -> String {
    format!("{}.{:04}", scaled / 10_000, scaled % 10_000)
}

/// A command of the list endpoint, dated at noon of the day it happened.
fn item(kind: &str, day: u32, data: impl Into<Value>) -> Value {
    let data = data.into();
    json!({ "type": kind, "data": data, "effective_at": format!("{}T15:00:00Z", date(day)) })
}

fn command(deal: Uuid, day: u32, change: &Move) -> Value {
    let id = |field: &str, value: Value| json!({ "opportunity_id": deal, field: value });
    match change {
        Move::Stage(stage) => item("ChangeOpportunityStage", day, id("stage", json!(stage))),
        Move::Estimate(cents) => {
            item("ChangeOpportunityEstimate", day, id("estimated_value", json!(cents.map(money))))
        }
        Move::Probability(scaled) => {
            item("ChangeOpportunityProbability", day, id("probability", json!(scaled.map(percent))))
        }
        Move::Close(close) => {
            item("MoveCloseDate", day, id("estimated_close_date", json!(close.map(date))))
        }
        Move::Owner(owner) => {
            let record = json!({ "type": "opportunity", "id": deal });
            item("AssignOwner", day, json!({ "record": record, "owner": user(*owner) }))
        }
        Move::Customer(customer) => {
            item("ChangeOpportunityDetails", day, id("customer", account(*customer)))
        }
        Move::Win(cents) => {
            let mut body = id("actual_value", money(*cents));
            body["close_date"] = json!(date(day));
            item("WinOpportunity", day, body)
        }
        Move::Lose => {
            let mut body = id("close_date", json!(date(day)));
            body["status_reason"] = json!("OutSold");
            item("LoseOpportunity", day, body)
        }
        Move::Reopen => item("ReopenOpportunity", day, json!({ "opportunity_id": deal })),
    }
}

fn random_move(dice: &mut Dice, deal: &Deal, pipeline: &Pipeline) -> Move {
    if deal.ending.is_some() {
        return Move::Reopen;
    }
    let (cents, scaled) = (dice.number(10_000_000), dice.number(1_000_001));
    match dice.roll(13) {
        0 | 1 => Move::Stage(dice.pick(&STAGES)),
        2 | 3 => Move::Estimate(Some(cents)),
        4 => Move::Estimate(None),
        5 | 6 => Move::Probability(Some(scaled)),
        7 => Move::Probability(None),
        8 => Move::Close(Some(dice.day(500))),
        9 => Move::Close(None),
        10 => Move::Owner(dice.pick(&pipeline.owners)),
        11 => Move::Customer(dice.pick(&pipeline.accounts)),
        _ => dice.pick(&[Move::Win(cents), Move::Lose]),
    }
}

fn id_of(deal: usize) -> Uuid {
    Uuid::from_u128(0xdea1_0000 + deal as u128)
}

/// A new deal that began on `day`, and the command that creates it.
fn random_deal(dice: &mut Dice, pipeline: &Pipeline, number: usize, day: u32) -> (Deal, Value) {
    let deal = Deal {
        owner: dice.pick(&pipeline.owners),
        customer: dice.pick(&pipeline.accounts),
        stage: dice.pick(&STAGES),
        estimate: (dice.roll(4) > 0).then(|| dice.number(50_000_000)),
        probability: (dice.roll(4) > 0).then(|| dice.number(1_000_001)),
        close: (dice.roll(4) > 0).then(|| dice.day(500)),
        ending: None,
    };
    let body = json!({
        "opportunity_id": id_of(number), "topic": format!("Deal {number}"),
        "owner": user(deal.owner), "customer": account(deal.customer), "stage": deal.stage,
        "estimated_value": deal.estimate.map(money), "probability": deal.probability.map(percent),
        "estimated_close_date": deal.close.map(date),
    });
    (deal, item("CreateOpportunity", day, body))
}

/// What was asked for with one command of a list.
enum Asked {
    Begin(u32, Deal),
    Change(usize, u32, Move),
}

/// Plays one round, all of it recorded on the day `today`.
async fn play(http: &Http, dice: &mut Dice, pipeline: &mut Pipeline, today: u32) {
    let (mut items, mut asked) = (Vec::new(), Vec::new());
    let mut states: Vec<Deal> = pipeline.current.iter().map(|(deal, _)| deal.clone()).collect();
    for _ in 0..80 {
        // Half of it is entered late.
        let day = today - if dice.roll(2) == 0 { 0 } else { dice.day(today.min(90)) };
        if states.len() < DEALS && dice.roll(3) == 0 {
            let (deal, item) = random_deal(dice, pipeline, states.len(), day);
            states.push(deal.clone());
            items.push(item);
            asked.push(Asked::Begin(day, deal));
        } else if !states.is_empty() {
            let number = usize::try_from(dice.roll(states.len() as u64)).expect("small");
            let change = random_move(dice, &states[number], pipeline);
            states[number].apply(day, &change);
            items.push(command(id_of(number), day, &change));
            asked.push(Asked::Change(number, day, change));
        }
    }
    let answers = http.post("/commands", &[("annals-channel", "import")], &json!(items)).await.ok();
    let answers = answers.as_array().expect("a list").clone();
    for ((asked, answer), item) in asked.into_iter().zip(&answers).zip(&items) {
        assert_eq!(answer["status"], "accepted", "{item}: {answer}");
        let position = answer["position"].as_str().and_then(|text| text.parse().ok());
        let position: u64 = position.expect("a position");
        let version = answer["version"].as_u64().expect("a version");
        match asked {
            Asked::Begin(day, deal) => {
                pipeline.begins.push((day, position, deal.clone()));
                pipeline.current.push((deal, version));
            }
            Asked::Change(deal, day, change) => {
                let (state, known) = &mut pipeline.current[deal];
                state.apply(day, &change);
                // What changed nothing did not happen.
                if version > *known {
                    *known = version;
                    pipeline.happened.push(Happened { deal, day, position, change });
                }
            }
        }
    }
    let head = http.head().await.parse().expect("a number");
    pipeline.rounds.push((today, head));
}

fn cents(amount: &Value) -> i64 {
    let text = amount["amount"].as_str().expect("an amount");
    text.replace('.', "").parse().expect("cents")
}

/// The figures that are answered, by group.
async fn answered(http: &Http, path: &str) -> BTreeMap<String, Figures> {
    let lines = http.all(path).await;
    let line = |line: &Value| {
        let group = &line["group"];
        let names = ["id", "from", "name"];
        let key = match names.iter().find_map(|name| group[name].as_str()) {
            Some(id) if group["id"].is_string() => id.to_owned(),
            Some(other) => other.to_owned(),
            None => String::new(),
        };
        let count = |name: &str| line[name].as_i64().expect("a count");
        let figures = [
            count("open_count"),
            cents(&line["open_amount"]),
            cents(&line["weighted"]),
            count("won_count"),
            cents(&line["won_amount"]),
            count("lost_count"),
        ];
        (key, figures)
    };
    lines.iter().map(line).collect()
}

async fn made_up(annals: &Annals) -> Pipeline {
    let mut pipeline = Pipeline::default();
    for number in 0..6 {
        pipeline.owners.push(annals.user(&format!("Owner {number}")).await);
    }
    for number in 0..12 {
        pipeline.accounts.push(annals.account(&format!("Account {number}")).await.id);
    }
    let mut dice = Dice::new(20_260_101);
    for round in 0..ROUNDS {
        let today = 7 * (round + 1);
        annals.set_clock(&format!("{}T20:00:00Z", date(today)));
        play(annals, &mut dice, &mut pipeline, today).await;
    }
    annals.set_clock(&format!("{}T20:00:00Z", date(7 * ROUNDS + 10)));
    pipeline
}

#[tokio::test]
async fn the_figures_of_a_made_up_pipeline_are_right_to_the_cent() {
    let annals = Annals::start_at("2026-01-01T12:00:00Z").await;
    let pipeline = made_up(&annals).await;
    assert_eq!(pipeline.begins.len(), DEALS);
    assert!(pipeline.happened.len() > 1_000, "{} moves", pipeline.happened.len());
    let turns = pipeline.happened.iter().filter(|one| is_turn(&one.change)).count();
    assert!(turns > 100, "{turns} deals won, lost or opened again");

    for by in ["none", "owner", "account", "stage", "month"] {
        for (today, head) in pipeline.rounds.iter().step_by(5) {
            let known = pipeline.sums(by, |_, position| position <= *head);
            for as_of in [head.to_string(), date(*today), date(*today + 3)] {
                let path = format!("/expected-revenue?by={by}&as_of={as_of}");
                assert_eq!(answered(&annals, &path).await, known, "known: {path}");
            }
        }
        for day in (0..7 * ROUNDS).step_by(23) {
            let was = pipeline.sums(by, |when, _| when <= day);
            let path = format!("/pipeline?by={by}&sense=effective&as_of={}", date(day));
            assert_eq!(answered(&annals, &path).await, was, "true: {path}");
        }
        let now = pipeline.sums(by, |_, _| true);
        assert_eq!(answered(&annals, &format!("/pipeline?by={by}")).await, now, "now by {by}");
    }
    for owner in &pipeline.owners {
        let line = pipeline.sums("owner", |_, _| true).remove(&owner.to_string());
        let path = format!("/expected-revenue?by=none&owner={owner}");
        assert_eq!(answered(&annals, &path).await.remove(""), line, "{path}");
    }
}
