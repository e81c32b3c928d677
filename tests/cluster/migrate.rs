//! An installation of one process becomes a cluster that answers as it did; whatever cuts the move
//! off, it goes on; a target that is not empty is left alone.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use events_log::testing::TestDatabase;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tempfile::TempDir;
use tests::{Dice, Http, Process, Role, account, number_from, product, signal, until};

use crate::startup::{REFUSED, refused, sql};

/// The id of a command that is sent to both.
const KEY: [(&str, &str); 1] = [("idempotency-key", "00000000-0000-4000-8000-000000000007")];

/// A folder of the test, and the data folder of one process in it.
pub(crate) struct Before {
    pub(crate) folder: TempDir,
    /// What is asked of it.
    questions: Vec<String>,
    /// What it answered, and what it answered to [`KEY`].
    answers: Vec<Value>,
    repeated: Value,
    head: u64,
}

impl Before {
    /// An installation of one process, with records of all kinds, and what it answers.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let process = Process::start(&folder.path().join("data"));
        let http = process.http();
        let mut questions = fill(&http).await;
        let first =
            http.post("/commands/CreateAccount", &KEY, &json!({ "name": "Repeated" })).await;
        let head = http.settled().await.parse().unwrap();
        questions.push(format!("/expected-revenue?as_of={}", head / 2));
        let mut before =
            Self { folder, questions, answers: Vec::new(), repeated: first.ok(), head };
        before.answers = before.asked(&http).await;
        assert!(process.terminate().success());
        before
    }

    async fn asked(&self, http: &Http) -> Vec<Value> {
        let mut answers = Vec::new();
        for path in &self.questions {
            let mut answer = http.see(path, &self.head.to_string()).await;
            if !path.contains("as_of") && answer["as_of"].is_string() {
                // When it was asked.
                answer["as_of"] = Value::Null;
            }
            answers.push(answer);
        }
        answers.push(Value::from(http.feed("limit=10000").await));
        answers.push(Value::from(http.attempts().await));
        answers
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn secrets(&self) -> PathBuf {
        self.folder.path().join("secrets")
    }

    /// The files that a move must not touch.
    pub(crate) fn files(&self) -> Vec<Vec<u8>> {
        let files = ["log.db", "keys.db", "master.key", "installation.key", "token"];
        files.iter().map(|name| fs::read(self.data().join(name)).unwrap()).collect()
    }

    /// The move to that database, not started yet.
    pub(crate) fn command(&self, url: &str) -> Command {
        let mut command = product();
        command.arg("migrate").arg("--from").arg(self.data()).env("ANNALS_POSTGRES", url);
        command.env("ANNALS_SECRETS", self.secrets()).stdin(Stdio::null());
        command
    }

    pub(crate) fn migrate(&self, url: &str) -> Output {
        self.command(url).output().unwrap()
    }

    /// Runs a move that has to be refused without a word too much; the line it says.
    #[track_caller]
    pub(crate) fn refused(&self, url: &str, code: i32) -> String {
        one_line(&self.migrate(url), url, code)
    }

    /// The services on that database.
    fn cluster(&self, database: &TestDatabase) -> [Role; 3] {
        let environment = [
            ("ANNALS_POSTGRES", database.url()),
            ("ANNALS_SECRETS", self.secrets().display().to_string()),
        ];
        ["command-service", "projection-service", "query-api"].map(|name| {
            let mut role = Role::of(name, &environment);
            role.start();
            role
        })
    }

    /// Demands that the cluster answers as the one process did, and that the log goes on.
    async fn answers_the_same(&self, database: &TestDatabase) {
        let [commands, projection, queries] = self.cluster(database);
        let token = fs::read_to_string(self.data().join("token")).unwrap();
        let http = Http::of_roles(&commands.url(), &queries.url(), &projection.url(), token.trim());
        let answers = self.asked(&http).await;
        for ((path, old), new) in self.questions.iter().zip(&self.answers).zip(&answers) {
            assert_eq!(old, new, "{path}");
        }
        assert_eq!(self.answers, answers);

        let again =
            http.post("/commands/CreateAccount", &KEY, &json!({ "name": "Repeated" })).await;
        assert_eq!(again.ok(), self.repeated);
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        let other = http.post("/commands/CreateAccount", &KEY, &json!({ "name": "Other" })).await;
        other.refused("command.reused");
        let next = http.contact("Nova", "Pessoa", Value::Null).await;
        assert_eq!(next.position, (self.head + 1).to_string());
        let seen = http.see(&format!("/contacts/{}", next.id), &next.position).await;
        assert_eq!(seen["first_name"], "Nova");
        http.replay().await;
        let verified = http.post("/admin/verify", &[], &json!({})).await.text();
        assert!(verified.contains("\"findings\":[]"), "{verified}");
    }
}

/// Records of several kinds, refusals, a person; the questions to ask about them.
async fn fill(http: &Http) -> Vec<String> {
    let contoso = http.account("Contoso").await.id;
    let ana = http.contact("Ana", "Souza", account(contoso)).await.id;
    let address = json!({ "street": ["Rua A"], "city": "Recife" });
    let address = json!({ "record": account(contoso), "kind": "bill_to", "address": address });
    http.accept("SetAddress", address).await;
    let deal = http.deal(account(contoso), "900.00", "40", "2027-12-31").await.id;
    let lost = http.deal(account(contoso), "10.00", "10", "2027-06-30").await.id;
    let lose = json!({ "opportunity_id": lost, "status_reason": "Canceled" });
    http.accept("LoseOpportunity", lose.clone()).await;
    http.command("LoseOpportunity", lose).await;
    let stage = json!({ "opportunity_id": lost, "stage": "Late" });
    http.command("ChangeOpportunityStage", stage).await.refused("opportunity.closed");
    let start = json!({ "customer": account(contoso), "opportunity": deal });
    let quote = http.active_quote(start, "500.00").await;
    http.accept("AcceptQuote", json!({ "quote_id": quote })).await;
    let (_, other) = http.as_user("Bruno").await;
    other.account("Fabrikam").await;
    // Nothing is left to do: the ledger remembers it without an event.
    http.accept("ChangeAccountDetails", json!({ "account_id": contoso, "name": "Contoso" })).await;
    let head = http.head().await;
    let mut questions: Vec<String> = [
        "accounts",
        "contacts",
        "opportunities",
        "quotes",
        "orders",
        "users",
        "pipeline",
        "expected-revenue",
        "expected-revenue?by=owner",
        "organization",
    ]
    .map(|path| format!("/{path}"))
    .into();
    for path in [
        format!("/accounts/{contoso}"),
        format!("/accounts/{contoso}/timeline"),
        format!("/accounts/{contoso}/history"),
        format!("/accounts/{contoso}/sales"),
        format!("/contacts/{ana}"),
        format!("/contacts/{ana}/timeline"),
        format!("/quotes/{quote}"),
        format!("/accounts?as_of={head}"),
    ] {
        questions.push(path);
    }
    questions
}

#[track_caller]
pub(crate) fn one_line(output: &Output, url: &str, code: i32) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    // What takes a while says every few seconds that it is at work.
    let lines = said.split_inclusive('\n').filter(|line| !line.starts_with("annals: at work:"));
    let line: String = lines.collect();
    assert_eq!(output.status.code(), Some(code), "{line}");
    assert_eq!(line.trim_end().lines().count(), 1, "{line}");
    assert!(line.starts_with("annals: "), "{line}");
    let password = url
        .split_once("://")
        .unwrap()
        .1
        .split_once('@')
        .and_then(|(login, _)| login.split_once(':').map(|(_, password)| password.to_owned()));
    assert!(password.is_none_or(|password| !line.contains(&password)), "{line}");
    line
}

#[track_caller]
pub(crate) fn done(output: &Output) -> String {
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// One number from the database; none where there is no such table yet.
async fn number(database: &TestDatabase, query: &str) -> Option<i64> {
    let mut connection = database.server().options("annals").connect().await.unwrap();
    let found =
        sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_one(&mut connection).await;
    connection.close().await.unwrap();
    found.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_becomes_a_cluster_that_answers_the_same() {
    let Some(database) = TestDatabase::new("an_installation_becomes_a_cluster") else { return };
    let before = Before::start().await;
    let files = before.files();
    let said = done(&before.migrate(&database.url()));
    let head = before.head;
    assert!(said.contains(&format!("migrated: {head} events, ")), "{said}");
    assert!(said.contains(" are the same on both sides"), "{said}");
    assert!(before.files() == files, "the data folder has changed");
    let [ours, theirs] = [before.data(), before.secrets()].map(|path| path.join("master.key"));
    assert_ne!(fs::read(ours).unwrap(), fs::read(theirs).unwrap());
    let said = done(&before.migrate(&database.url()));
    assert!(said.contains("migrated already"), "{said}");

    before.answers_the_same(&database).await;
    let line = before.refused(&database.url(), REFUSED);
    assert!(line.contains("has gone on since"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_is_killed_again_and_again_comes_to_the_same() {
    let test = "a_move_that_is_killed_again_and_again";
    let Some(database) = TestDatabase::new(test) else { return };
    let before = Before::start().await;
    let files = before.files();
    let head = i64::try_from(before.head).unwrap();
    let mut dice = Dice::new(number_from("ANNALS_SEED").unwrap_or(7));
    let third = u64::try_from(head / 3).unwrap();
    let cuts = [
        ("select position from log_head", 1 + dice.roll(third)),
        ("select position from log_head", third + dice.roll(third)),
        ("select count(*) from commands", 1 + dice.roll(5)),
        ("select count(*) from annals_keys.keys", 1 + dice.roll(20)),
        ("select coalesce(max(position), 0) from annals_read_1.checkpoint", 0),
    ];
    for (what, count) in cuts {
        let mut command = before.command(&database.url());
        command.args(["--batch", "1"]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let count = i64::try_from(count).unwrap();
        until("it is that far", async || {
            number(&database, what).await.is_some_and(|found| found >= count)
        })
        .await;
        child.kill().unwrap();
        child.wait().unwrap();
        let environment = [
            ("ANNALS_POSTGRES", &*database.url()),
            ("ANNALS_SECRETS", before.secrets().to_str().unwrap()),
        ]
        .map(|(name, value)| (name, value.to_owned()));
        let environment = environment.each_ref().map(|(name, value)| (*name, value.as_str()));
        // The last cut may come too late.
        let begun = "select count(*) from meta where name = 'import'";
        if number(&database, begun).await == Some(0) {
            assert!(what.contains("checkpoint"), "{what}");
            continue;
        }
        for role in ["command-service", "projection-service", "query-api"] {
            let line = refused(role, &environment, REFUSED);
            assert!(line.contains("is being copied"), "{what}: {line}");
        }
    }
    done(&before.migrate(&database.url()));
    assert!(before.files() == files, "the data folder has changed");
    before.answers_the_same(&database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_between_two_runs_is_moved_too() {
    let test = "what_happened_between_two_runs";
    let Some(database) = TestDatabase::new(test) else { return };
    let before = Before::start().await;
    let stopped = begun(&before, &database, "select count(*) from commands", 3).await;
    assert!(stopped.contains("run the same command again"), "{stopped}");
    let process = Process::start(&before.data());
    for number in 0..20 {
        process.http().contact("Later", &format!("{number}"), Value::Null).await;
    }
    process.http().command("CreateAccount", json!({ "name": "" })).await;
    let head = process.http().settled().await;
    assert!(process.terminate().success());
    let said = done(&before.migrate(&database.url()));
    assert!(said.contains(&format!("migrated: {head} events, ")), "{said}");
}

/// Starts a move with small batches, asks it to stop when it is that far, and says what it said.
pub(crate) async fn begun(
    before: &Before,
    database: &TestDatabase,
    what: &str,
    count: i64,
) -> String {
    let mut command = before.command(&database.url());
    command.args(["--batch", "1"]).stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let mut connection = database.server().options("annals").connect().await.unwrap();
    let lock = "begin; lock table annals.events, annals.commands in share row exclusive mode";
    until("it is that far", async || {
        // It stands still while it is looked at: however slow this machine, it has not ended meanwhile.
        let is_held = sqlx::raw_sql(lock).execute(&mut connection).await.is_ok();
        let asked = sqlx::query_scalar(AssertSqlSafe(what.to_owned()));
        let found: Option<i64> =
            if is_held { asked.fetch_one(&mut connection).await.ok() } else { None };
        let is_that_far = found.is_some_and(|found| found >= count);
        if is_that_far {
            signal(child.id(), "INT");
        }
        sqlx::raw_sql("rollback").execute(&mut connection).await.unwrap();
        is_that_far
    })
    .await;
    connection.close().await.unwrap();
    one_line(&child.wait_with_output().unwrap(), &database.url(), 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_database_is_told_and_the_move_goes_on_when_there_is_room() {
    let test = "a_full_database_is_told";
    let Some(database) = TestDatabase::new(test) else { return };
    let before = Before::start().await;
    begun(&before, &database, "select position from log_head", 3).await;
    let full = "create function annals.no_room() returns trigger language plpgsql as \
        'begin raise exception using errcode = ''disk_full''; end'; \
        create trigger no_room before insert on annals.events \
        for each row execute function annals.no_room()";
    sql(&database, full).await;
    let line = before.refused(&database.url(), 1);
    assert!(line.contains("has no room left"), "{line}");
    sql(&database, "drop trigger no_room on annals.events").await;
    done(&before.migrate(&database.url()));
}
