//! Metrics: each says what it is, and nobody who asks can make a new one.

use std::collections::{BTreeMap, BTreeSet};

use hyper::Method;
use serde_json::json;
use tests::Annals;

/// One line of the exposition: the metric and its labels.
fn samples(text: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let sample = |line: &str| {
        let Some((name, rest)) = line.split_once('{') else {
            let name = line.split(' ').next().expect("a name");
            return (name.to_owned(), BTreeMap::new());
        };
        let (labels, _) = rest.rsplit_once("} ").expect("labels");
        let labels = labels.split("\",").map(|label| {
            let (name, value) = label.split_once("=\"").expect("a label");
            (name.to_owned(), value.trim_end_matches('"').to_owned())
        });
        (name.to_owned(), labels.collect())
    };
    lines.map(sample).collect()
}

/// The metric that a line belongs to.
fn family<'a>(name: &'a str, known: &BTreeSet<String>) -> &'a str {
    let parts = ["_bucket", "_sum", "_count"].iter().filter_map(|part| name.strip_suffix(part));
    parts.into_iter().find(|family| known.contains(*family)).unwrap_or(name)
}

async fn ask_what_nobody_asks(annals: &Annals) {
    for number in 0..300 {
        let method = format!("METHOD{number}").parse::<Method>().expect("a method");
        annals.send(method, "/accounts", &[], Vec::new()).await;
        let path = format!("/invented-{number}?invented={number}");
        annals.get(&path).await;
        annals.get(&format!("/accounts/invented-{number}")).await;
        annals.command(&format!("Invented{number}"), json!({})).await;
        let name = format!("invented-{number}");
        annals.send(Method::GET, "/livez", &[(&name, &name), ("host", &name)], Vec::new()).await;
    }
}

#[tokio::test]
async fn every_label_comes_from_a_closed_set_whatever_is_asked() {
    let annals = Annals::start().await;
    ask_what_nobody_asks(&annals).await;
    annals.accept("CreateAccount", json!({ "name": "Contoso" })).await;
    let document = annals.get("/openapi.json").await.ok();
    let paths: BTreeSet<_> =
        document["paths"].as_object().expect("paths").keys().cloned().collect();
    let is_command = |name: &str| paths.contains(&format!("/commands/{name}"));
    // What process managers send has no route.
    let inner = [
        "PlaceOrder",
        "AllocateNumber",
        "NoteQuote",
        "ReleasePrimaryContact",
        "BreakParentLoop",
        "FoundOrganization",
        "AcceptOlderLog",
        "RecordAct",
    ];
    let is_code =
        |code: &str| code.bytes().all(|byte| byte.is_ascii_lowercase() || b"._".contains(&byte));
    for base in [annals.commands_url(), annals.queries_url()] {
        let text = tests::Http::new(base, "").get("/metrics").await.text();
        let of = |what: &str| -> BTreeSet<String> {
            let lines = text.lines().filter_map(|line| line.strip_prefix(what));
            lines.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
        };
        let (helped, typed) = (of("# HELP "), of("# TYPE "));
        let mut series = BTreeSet::new();
        for (name, labels) in samples(&text) {
            let family = family(&name, &typed);
            assert!(helped.contains(family) && typed.contains(family), "{name} says what it is");
            for (label, value) in &labels {
                let is_known = match label.as_str() {
                    "method" => {
                        ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "other"]
                            .contains(&value.as_str())
                    }
                    "route" => {
                        value == "unmatched" || value.starts_with('/') && !value.contains("nvented")
                    }
                    "status" => ["1xx", "2xx", "3xx", "4xx", "5xx"].contains(&value.as_str()),
                    "command" => is_command(value) || inner.contains(&value.as_str()),
                    "kind" => ["command", "question"].contains(&value.as_str()),
                    "answered" => ["401", "429"].contains(&value.as_str()),
                    "code" | "reason" | "why" => is_code(value) && value.len() < 40,
                    "le" | "generation" => value == "+Inf" || value.parse::<f64>().is_ok(),
                    _ => false,
                };
                assert!(is_known, "{name}: {label}={value}");
            }
            let mut labels = labels;
            labels.remove("le");
            series.insert((family.to_owned(), labels));
        }
        // 1,500 hostile requests and all tests beside this one: some hundred, not thousands.
        assert!(series.len() < 600, "{} series", series.len());
    }
    let text = tests::Http::new(annals.commands_url(), "").get("/metrics").await.text();
    let accepted = "annals_commands_accepted_total{command=\"CreateAccount\"} ";
    let count = text.lines().find_map(|line| line.strip_prefix(accepted)).expect("a count");
    assert!(count.parse::<u64>().expect("a number") > 0);
    assert!(text.contains("annals_http_refused_total{code=\"host.unknown\"} "));
}
