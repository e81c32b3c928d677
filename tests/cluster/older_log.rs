//! A log in a database that is older than is known of it: refused by whoever writes or projects, and
//! accepted by who repeats what would be lost; read models and bus go with it.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use events_log::testing::{NatsServer, TestDatabase};
use serde_json::{Value, json};
use tests::{Http, Role, binary, until, without_settings};

use crate::startup::{REFUSED, TAMPERED, contents, founded, refused, sql};

/// Takes the last event away, as if the database had been set back to before it.
const SET_BACK: &str = "set search_path = annals; \
    delete from streams where stream_key = (select stream_key from events order by position desc limit 1); \
    delete from commands where position = (select max(position) from events); \
    delete from events where position = (select max(position) from events); \
    update log_head set position = position - 1, streams = streams - 1, turn = turn + 1, \
        recorded_at = (select recorded_at from events order by position desc limit 1)";

/// A role that was started with flags of its own. Killed when it is dropped.
struct Started(Child, String);

impl Started {
    fn new(role: &str, flags: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = without_settings(Command::new(binary()));
        command.args([role, "--listen", "127.0.0.1:0"]).args(flags);
        let mut child = command
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let url = first.trim().rsplit(' ').next().unwrap().to_owned();
        assert!(url.starts_with("http://"), "it did not start: {first:?}");
        Self(child, url)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A projection service that follows up to the end of the log.
async fn projected(environment: &[(&'static str, String)]) -> Role {
    let mut projection = Role::of("projection-service", environment);
    projection.start();
    until("the read models are at the end of the log", async || {
        let state = projection.ready().await;
        state["log"]["head"].is_string() && state["read_side"]["position"] == state["log"]["head"]
    })
    .await;
    projection
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_log_in_a_database_starts_only_for_who_repeats_what_is_lost() {
    let test = "an_older_log_in_a_database";
    let Some(database) = TestDatabase::new(test) else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some(nats) = NatsServer::start(test, &folder.path().join("nats")) else { return };
    let secrets = folder.path().join("secrets");
    let environment = [
        ("ANNALS_POSTGRES", database.url()),
        ("ANNALS_NATS", nats.url()),
        ("ANNALS_SECRETS", secrets.display().to_string()),
    ];
    let plain: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut commands = Role::command_service(&environment);
    commands.start();
    let http = commands.http(&secrets);
    http.accept("CreateAccount", json!({ "name": "Contoso" })).await;
    let lost = http.accept("CreateAccount", json!({ "name": "Fabrikam" })).await.position;
    projected(&environment).await.terminate();
    commands.terminate();

    sql(&database, SET_BACK).await;
    for role in ["command-service", "projection-service"] {
        let line = refused(role, &plain, TAMPERED);
        assert!(line.contains(&format!("--accept-older-log {lost}")), "{line}");
    }
    // Also where only the read models know.
    sql(
        &database,
        "delete from annals_keys.mark; delete from annals.meta where name = 'keeps_mark'",
    )
    .await;
    let line = refused("command-service", &plain, TAMPERED);
    assert!(line.contains("the read models") && line.contains(&lost), "{line}");

    let flag = ["--accept-older-log", &lost];
    let started = Started::new("command-service", &flag, &plain);
    let token = std::fs::read_to_string(secrets.join("token")).unwrap();
    let http = Http::new(&started.1, token.trim());
    let again = http.accept("CreateAccount", json!({ "name": "Again" })).await;
    assert_eq!(again.position.parse::<u64>().unwrap(), lost.parse::<u64>().unwrap() + 1);
    until("the bus carries what is written now", async || {
        http.get("/readyz").await.json()["bus"]["available"] == true
    })
    .await;

    let projection = projected(&environment).await;
    let mut queries = Role::of("query-api", &environment);
    queries.start();
    let http = queries.http(&secrets);
    let accounts = http.get(&format!("/accounts?at_least={}", again.position)).await.ok();
    let names: Vec<_> = accounts["items"].as_array().unwrap().iter().map(|a| &a["name"]).collect();
    assert_eq!(names, [&json!("Again"), &json!("Contoso")], "{accounts}");
    let feed = http.get("/events?category=organization").await.text();
    let last: Value = serde_json::from_str(feed.lines().last().unwrap()).unwrap();
    assert_eq!(last["type"], "organization.older_log_accepted", "{last}");
    assert_eq!(last["data"]["data"]["known_position"].to_string(), lost);
    drop(projection);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_made_anew_beside_what_belonged_to_it() {
    let Some(database) = TestDatabase::new("nothing_is_made_anew") else { return };
    let folder = tempfile::tempdir().unwrap();
    let secrets = folder.path().join("secrets");
    founded(&database, &secrets);
    let url = database.url();
    let environment = [("ANNALS_POSTGRES", &*url), ("ANNALS_SECRETS", secrets.to_str().unwrap())];

    for name in ["installation.key", "master.key"] {
        let (file, away) = (secrets.join(name), folder.path().join(name));
        std::fs::rename(&file, &away).unwrap();
        let line = refused("command-service", &environment, REFUSED);
        assert!(line.contains(name) && !file.exists(), "{line}");
        std::fs::rename(&away, &file).unwrap();
    }
    let away = folder.path().join("away");
    std::fs::rename(&secrets, &away).unwrap();
    refused("command-service", &environment, REFUSED);
    assert!(!secrets.exists(), "a refusal makes no folder");
    std::fs::rename(&away, &secrets).unwrap();

    sql(&database, "drop schema annals cascade").await;
    let before = contents(&database).await;
    let line = refused("command-service", &environment, REFUSED);
    assert!(line.contains("there is no event log"), "{line}");
    assert_eq!(contents(&database).await, before, "a refusal writes nothing");
}
