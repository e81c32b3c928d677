//! Compares what the queries answer with figures that were computed apart, from the same lists.

use std::{collections::BTreeMap, path::Path};

use jiff::civil::Date;
use serde_json::{Value, json};
use tests::Http;

/// The figures of a set of lists, by name.
pub(crate) struct Expected(BTreeMap<String, Value>);

impl Expected {
    /// Reads `expected.json` beside the lists.
    pub(crate) fn read(folder: &Path) -> Self {
        let text = std::fs::read_to_string(folder.join("expected.json")).unwrap();
        let file: Value = serde_json::from_str(&text).unwrap();
        let figures = file["figures"].as_array().unwrap().iter();
        Self(figures.map(|one| (text_of(&one["figure"]), one["value"].clone())).collect())
    }

    fn is(&self, figure: &str, seen: &Value) {
        assert_eq!(seen, &self.0[figure], "{figure}");
    }

    /// The figure in which the words that the mapping corrects are corrected.
    fn corrected(&self, figure: &str, wrong: &str, right: &str) -> Value {
        let mut groups = self.0[figure].as_object().unwrap().clone();
        let group = groups.remove(wrong).unwrap();
        assert!(groups.insert(right.to_owned(), group).is_none(), "{figure}: both are in use");
        groups.into()
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// The position at which the log ends.
pub(crate) async fn head(http: &Http) -> String {
    text_of(&http.get("/readyz").await.json()["log"]["head"])
}

/// Every item of every page of a list, at one position.
pub(crate) async fn all(http: &Http, path: &str, position: &str) -> Vec<Value> {
    let separator = if path.contains('?') { '&' } else { '?' };
    let path = format!("{path}{separator}limit=200");
    let mut page = http.see(&path, position).await;
    let mut items = page["items"].as_array().unwrap().clone();
    while let Some(cursor) = page["next"].as_str() {
        page = http.see(&format!("{path}&cursor={cursor}"), position).await;
        items.extend(page["items"].as_array().unwrap().iter().cloned());
    }
    items
}

/// Dollars without cents.
fn dollars(amount: &Value) -> String {
    assert_eq!(amount["currency"], "USD");
    text_of(&amount["amount"]).strip_suffix(".00").expect("whole dollars").to_owned()
}

/// What was won, by the name of the group.
async fn won_by(http: &Http, by: &str, position: &str) -> BTreeMap<String, (u64, String)> {
    let mut groups = BTreeMap::new();
    for line in all(http, &format!("/pipeline?by={by}"), position).await {
        let group = &line["group"];
        let name = ["name", "from"].iter().find_map(|key| group[*key].as_str()).unwrap_or("");
        let won = (line["won_count"].as_u64().unwrap(), dollars(&line["won_amount"]));
        if won.0 > 0 {
            assert!(groups.insert(name.to_owned(), won).is_none(), "{name} stands twice");
        }
    }
    groups
}

fn as_figure(groups: impl IntoIterator<Item = (String, (u64, String))>) -> Value {
    let groups = groups.into_iter();
    groups.map(|(name, (count, sum))| (name, json!({ "count": count, "sum": sum }))).collect()
}

/// Adds the sums of several groups up under another name.
fn regrouped(
    groups: &BTreeMap<String, (u64, String)>,
    names: &BTreeMap<String, String>,
) -> BTreeMap<String, (u64, String)> {
    let mut sums: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for (name, (count, sum)) in groups {
        let place = sums.entry(names[name].clone()).or_default();
        *place = (place.0 + count, place.1 + sum.parse::<u64>().unwrap());
    }
    sums.into_iter().map(|(name, (count, sum))| (name, (count, sum.to_string()))).collect()
}

/// Compares every figure.
pub(crate) async fn all_agree(http: &Http, folder: &Path) {
    let expected = Expected::read(folder);
    let position = http.settled().await;
    won_agrees(http, &expected, &position).await;
    accounts_agree(http, &expected, &position).await;
    open_agrees(http, &expected, &position, folder).await;
    agents_agree(http, &expected, &position).await;
    past_agrees(http, &expected).await;
    events_agree(http, &expected).await;
}

async fn won_agrees(http: &Http, expected: &Expected, position: &str) {
    let total = &http.see("/pipeline?by=none", position).await["totals"][0];
    expected.is("won_total", &dollars(&total["won_amount"]).into());
    let (won, lost) = (total["won_count"].as_u64().unwrap(), total["lost_count"].as_u64().unwrap());
    expected.is("win_rate", &rate(won, lost).into());
    for (by, figure) in [
        ("account", "won_by_account"),
        ("owner", "won_by_agent"),
        ("manager", "won_by_manager"),
        ("office", "won_by_regional_office"),
    ] {
        expected.is(figure, &as_figure(won_by(http, by, position).await));
    }
    let quarters = won_by(http, "quarter", position).await.into_iter();
    let quarter = |day: &str| match &day[4..] {
        "-01-01" => format!("{}-Q1", &day[..4]),
        "-04-01" => format!("{}-Q2", &day[..4]),
        "-07-01" => format!("{}-Q3", &day[..4]),
        "-10-01" => format!("{}-Q4", &day[..4]),
        _ => panic!("{day} begins no quarter"),
    };
    expected.is("won_by_quarter", &as_figure(quarters.map(|(day, won)| (quarter(&day), won))));
    let months = won_by(http, "month", position).await.into_iter();
    let month = |day: &str| day.strip_suffix("-01").expect("the first of a month").to_owned();
    expected.is("won_by_month", &as_figure(months.map(|(day, won)| (month(&day), won))));
    let products = as_figure(won_by(http, "product", position).await);
    assert_eq!(products, expected.corrected("won_by_product_as_written", "GTXPro", "GTX Pro"));
}

/// Won of decided, to four decimals, half up.
fn rate(won: u64, lost: u64) -> String {
    let decided = won + lost;
    let rate = (won * 20_000 + decided) / (2 * decided);
    format!("{}.{:04}", rate / 10_000, rate % 10_000)
}

async fn accounts_agree(http: &Http, expected: &Expected, position: &str) {
    let accounts = all(http, "/accounts", position).await;
    let name = |account: &Value| text_of(&account["name"]);
    let by_id: BTreeMap<_, _> = accounts.iter().map(|one| (text_of(&one["id"]), one)).collect();
    let parents: BTreeMap<String, String> = accounts
        .iter()
        .filter_map(|one| Some((name(one), name(by_id[one["parent"].as_str()?]))))
        .collect();
    expected.is("subsidiary_of", &json!(parents));
    let cents: u64 = accounts
        .iter()
        .map(|one| text_of(&one["annual_revenue"]["amount"]).replace('.', ""))
        .map(|cents| cents.parse::<u64>().unwrap())
        .sum();
    // In millions, to two decimals.
    let revenue = cents / 1_000_000;
    let revenue = format!("{}.{:02}", revenue / 100, revenue % 100);
    expected.is("accounts_total_revenue_millions", &revenue.into());

    let won = won_by(http, "account", position).await;
    let sectors = accounts.iter().map(|one| (name(one), text_of(&one["industry"]))).collect();
    assert_eq!(
        as_figure(regrouped(&won, &sectors)),
        expected.corrected("won_by_sector_as_written", "technolgy", "technology")
    );
    let country = |one: &Value| text_of(&one["addresses"]["primary"]["country"]);
    let countries = accounts.iter().map(|one| (name(one), country(one))).collect();
    assert_eq!(
        as_figure(regrouped(&won, &countries)),
        expected.corrected("won_by_office_location_as_written", "Philipines", "Philippines")
    );

    let families = expected.0["won_rollup_parent_and_subsidiaries"].as_object().unwrap();
    for (parent, family) in families {
        let id = accounts.iter().find(|one| &name(one) == parent).unwrap();
        let id = text_of(&id["id"]);
        let path = format!("/pipeline?by=none&account={id}&subtree=true");
        let total = &http.see(&path, position).await["totals"][0];
        assert_eq!(total["won_count"], family["won_count"], "{parent}");
        assert_eq!(dollars(&total["won_amount"]), family["won_sum"], "{parent}");
        let below = parents.iter().filter(|(_, of)| *of == parent).count();
        assert_eq!(family["family"].as_array().unwrap().len(), below + 1, "{parent}");
    }
}

async fn open_agrees(http: &Http, expected: &Expected, position: &str, folder: &Path) {
    let mut stages = BTreeMap::from([("Won", 0_u64), ("Lost", 0), ("Engaging", 0)]);
    stages.insert("Prospecting", 0);
    let mut without_account: BTreeMap<String, u64> = BTreeMap::new();
    let mut at_list_price: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let prices = std::fs::read_to_string(folder.join("products.csv")).unwrap();
    let prices: BTreeMap<&str, u64> = prices
        .lines()
        .skip(1)
        .map(|line| line.split(',').collect::<Vec<_>>())
        .map(|cells| (cells[0], cells[2].parse().unwrap()))
        .collect();
    for one in all(http, "/opportunities", position).await {
        let (state, stage) = (text_of(&one["state"]), text_of(&one["stage"]));
        let written = if state == "Open" { &stage } else { &state };
        *stages.get_mut(written.as_str()).unwrap() += 1;
        if state != "Open" {
            continue;
        }
        if one["customer"].is_null() {
            *without_account.entry(stage.clone()).or_default() += 1;
        }
        let place = at_list_price.entry(stage).or_default();
        let price = prices[one["product"].as_str().unwrap()];
        *place = (place.0 + 1, place.1 + price);
    }
    expected.is("opportunities_by_stage", &json!(stages));
    expected.is("open_without_account", &json!(without_account));
    let prices =
        at_list_price.into_iter().map(|(stage, (count, sum))| (stage, (count, sum.to_string())));
    expected.is("open_pipeline_at_list_price", &as_figure(prices));
    let none = &all(http, "/pipeline?by=account", position).await;
    let none = none.iter().find(|line| line["group"] == json!({})).unwrap();
    let blanks: u64 = without_account.values().sum();
    assert_eq!(none["open_count"], blanks);
    for line in all(http, "/pipeline", position).await {
        let stage = line["group"]["name"].as_str().unwrap();
        assert_eq!(line["open_count"], stages[stage], "{stage}");
    }
}

async fn agents_agree(http: &Http, expected: &Expected, position: &str) {
    let lines = all(http, "/pipeline?by=owner", position).await;
    let mut rates = serde_json::Map::new();
    for line in &lines {
        let (won, lost) =
            (line["won_count"].as_u64().unwrap(), line["lost_count"].as_u64().unwrap());
        let figure = json!({ "won": won, "lost": lost, "rate": rate(won, lost) });
        rates.insert(text_of(&line["group"]["name"]), figure);
    }
    let users = all(http, "/users", position).await;
    let mut idle: Vec<_> = users
        .iter()
        .filter(|user| !user["manager"].is_null())
        .map(|user| text_of(&user["name"]))
        .filter(|name| !rates.contains_key(name))
        .collect();
    idle.sort();
    expected.is("win_rate_by_agent", &rates.into());
    expected.is("agents_without_opportunity", &json!(idle));
}

async fn past_agrees(http: &Http, expected: &Expected) {
    for (day, figure) in expected.0["as_of"].as_object().unwrap() {
        let path = format!("/pipeline?by=none&sense=effective&as_of={day}");
        let total = &http.get(&path).await.ok()["totals"][0];
        let seen = json!({
            "open": total["open_count"],
            "won_to_date": total["won_count"],
            "won_value_to_date": dollars(&total["won_amount"]),
            "lost_to_date": total["lost_count"],
        });
        assert_eq!(&seen, figure, "as of {day}");
    }
}

/// How long deals took, from the events themselves.
async fn events_agree(http: &Http, expected: &Expected) {
    let feed = http.get("/events?category=opportunity&limit=1000000").await;
    let mut engaged: BTreeMap<String, Date> = BTreeMap::new();
    let mut cycles: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for line in feed.text().lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let subject = text_of(&event["subject"]);
        let day: Date = event["time"].as_str().unwrap()[..10].parse().unwrap();
        let figure = match event["type"].as_str().unwrap() {
            "opportunity.created" if event["time"] != event["recordedtime"] => {
                engaged.insert(subject, day);
                continue;
            }
            "opportunity.won" => "cycle_days_won",
            "opportunity.lost" => "cycle_days_lost",
            _ => continue,
        };
        let days = day.duration_since(engaged[&subject]).as_hours() / 24;
        cycles.entry(figure).or_default().push(days);
    }
    let closed: usize = cycles.values().map(Vec::len).sum();
    expected.is("events_if_replayed", &json!({ "engaged": engaged.len(), "closed": closed }));
    for (figure, mut days) in cycles {
        days.sort_unstable();
        let (low, high) = (days[(days.len() - 1) / 2], days[days.len() / 2]);
        let figure_of = |name: &str| expected.0[figure][name].as_f64().unwrap();
        assert_eq!(figure_of("min"), f64::from(i32::try_from(days[0]).unwrap()), "{figure}");
        let max = *days.last().unwrap();
        assert_eq!(figure_of("max"), f64::from(i32::try_from(max).unwrap()), "{figure}");
        let middle = i32::try_from(low + high).unwrap();
        assert_eq!(figure_of("median") * 2.0, f64::from(middle), "{figure}");
        assert_eq!(expected.0[figure]["sum"], days.iter().sum::<i64>(), "{figure}");
    }
}
