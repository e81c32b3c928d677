//! Starts that have to be refused: one line that says what and where, an exit code, nothing written.

use std::{fs, path::Path, process::Command};

use events_log::testing::{NatsServer, TestDatabase};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Row};
use tests::{binary, free_port, without_settings};

/// The exit code of what must not be used as it is.
pub(crate) const REFUSED: i32 = 3;
/// The exit code of what does not answer.
pub(crate) const UNREACHABLE: i32 = 4;
/// The exit code of a log that is not what it was.
pub(crate) const TAMPERED: i32 = 6;
/// The exit code of a call that makes no sense.
pub(crate) const USAGE: i32 = 2;

/// Starts a role that has to refuse; answers with its line.
#[track_caller]
pub(crate) fn refused(role: &str, environment: &[(&str, &str)], code: i32) -> String {
    // One that is not refused serves: 124 is said then.
    let mut command = without_settings(Command::new("timeout"));
    command.arg("60").arg(binary()).args([role, "--listen", "127.0.0.1:0"]);
    let output = command.envs(environment.iter().copied()).output().expect("the binary runs");
    let line = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(code), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(line.starts_with("annals: "), "{line}");
    for secret in secrets_of(environment) {
        assert!(!line.contains(&secret), "a secret stands in: {line}");
    }
    line
}

fn secrets_of(environment: &[(&str, &str)]) -> Vec<String> {
    let password = |value: &str| {
        let (_, rest) = value.split_once("://")?;
        let (login, _) = rest.split_once('@')?;
        Some(login.split_once(':')?.1.to_owned())
    };
    environment.iter().filter_map(|(_, value)| password(value)).collect()
}

/// Runs statements in a database of the test.
pub(crate) async fn sql(database: &TestDatabase, statements: &str) {
    let mut connection = database.server().options("public").connect().await.unwrap();
    connection.execute(AssertSqlSafe(statements.to_owned())).await.unwrap();
    connection.close().await.unwrap();
}

/// Everything in a database that is ours or could be: schemas, tables and how many rows they hold.
pub(crate) async fn contents(database: &TestDatabase) -> Vec<String> {
    let mut connection = database.server().options("public").connect().await.unwrap();
    let query = "select table_schema || '.' || table_name as name from information_schema.tables \
                 where table_schema not in ('pg_catalog', 'information_schema') order by 1";
    let mut all = Vec::new();
    for row in connection.fetch_all(query).await.unwrap() {
        let name: String = row.get("name");
        let count = format!("select count(*) from {name}");
        let rows: i64 = connection.fetch_one(AssertSqlSafe(count)).await.unwrap().get::<i64, _>(0);
        all.push(format!("{name}: {rows}"));
    }
    connection.close().await.unwrap();
    all
}

/// Ends as soon as it serves: what it leaves is an installation.
pub(crate) fn founded(database: &TestDatabase, secrets: &Path) {
    let mut role = tests::Role::command_service(&[
        ("ANNALS_POSTGRES", database.url()),
        ("ANNALS_SECRETS", secrets.display().to_string()),
    ]);
    role.start();
    role.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_or_lets_nobody_in_is_told() {
    let test = "a_server_that_does_not_answer";
    let Some(database) = TestDatabase::new(test) else { return };
    let folder = tempfile::tempdir().unwrap();
    let secrets = folder.path().join("secrets");
    let secrets = ("ANNALS_SECRETS", secrets.to_str().unwrap());
    let port = free_port();
    let nobody = format!("postgres://me:s3cret@127.0.0.1:{port}/annals");
    for role in ["command-service", "projection-service", "query-api"] {
        let line = refused(role, &[("ANNALS_POSTGRES", &nobody), secrets], UNREACHABLE);
        assert!(line.contains(&format!("127.0.0.1:{port}")), "{line}");
        let url = database.url();
        let (_, rest) = url.split_once('@').unwrap();
        let wrong = format!("postgres://annals:wrong-s3cret@{rest}");
        let line = refused(role, &[("ANNALS_POSTGRES", &wrong), secrets], REFUSED);
        assert!(line.contains("password authentication failed"), "{line}");
        let missing = format!("{url}_gone");
        let line = refused(role, &[("ANNALS_POSTGRES", &missing), secrets], REFUSED);
        assert!(line.contains("does not exist"), "{line}");
        let far = [("ANNALS_POSTGRES", "postgres://me:s3cret@192.0.2.1/annals"), secrets];
        let line = refused(role, &far, USAGE);
        assert!(line.contains("192.0.2.1") && line.contains("sslmode"), "{line}");
    }
    assert_eq!(contents(&database).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_that_only_read_make_no_log() {
    let Some(database) = TestDatabase::new("roles_that_only_read") else { return };
    let folder = tempfile::tempdir().unwrap();
    let secrets = folder.path().join("secrets");
    for role in ["projection-service", "query-api"] {
        let environment =
            [("ANNALS_POSTGRES", &*database.url()), ("ANNALS_SECRETS", secrets.to_str().unwrap())];
        refused(role, &environment, REFUSED);
    }
    assert_eq!(contents(&database).await, Vec::<String>::new());
    assert!(!secrets.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsafe_server_is_refused() {
    let Some(database) = TestDatabase::new("an_unsafe_server") else { return };
    let folder = tempfile::tempdir().unwrap();
    let secrets = folder.path().join("secrets");
    let url = database.url();
    let (_, name) = url.rsplit_once('/').unwrap();
    sql(&database, &format!("alter database {name} set synchronous_commit = off")).await;
    let environment = [("ANNALS_POSTGRES", &*url), ("ANNALS_SECRETS", secrets.to_str().unwrap())];
    let line = refused("command-service", &environment, REFUSED);
    assert!(line.contains("synchronous_commit is off"), "{line}");
    assert_eq!(contents(&database).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_ours_or_newer_is_left_alone() {
    let Some(database) = TestDatabase::new("what_is_not_ours") else { return };
    let folder = tempfile::tempdir().unwrap();
    let secrets = folder.path().join("secrets");
    founded(&database, &secrets);
    let url = database.url();
    let ours = [("ANNALS_POSTGRES", &*url), ("ANNALS_SECRETS", secrets.to_str().unwrap())];

    // The keys of another installation: the same databases, other secrets.
    let other = folder.path().join("other");
    let Some(elsewhere) = TestDatabase::new("what_is_not_ours") else { return };
    founded(&elsewhere, &other);
    let before = contents(&database).await;
    let strange = [("ANNALS_POSTGRES", &*url), ("ANNALS_SECRETS", other.to_str().unwrap())];
    for role in ["command-service", "projection-service", "query-api"] {
        refused(role, &strange, REFUSED);
    }
    // The key store of one log under another log.
    let keys = elsewhere.url();
    let mixed = [&ours[..], &[("ANNALS_KEYS_POSTGRES", &*keys)]].concat();
    refused("command-service", &mixed, REFUSED);
    // Only the first command service makes secrets.
    let none = folder.path().join("none");
    let bare = [("ANNALS_POSTGRES", &*url), ("ANNALS_SECRETS", none.to_str().unwrap())];
    for role in ["command-service", "projection-service", "query-api"] {
        refused(role, &bare, REFUSED);
    }
    assert_eq!(contents(&database).await, before);

    // A newer build was here.
    sql(&database, "update annals.meta set value = '1000' where name = 'format'").await;
    for role in ["command-service", "projection-service", "query-api"] {
        let line = refused(role, &ours, REFUSED);
        assert!(line.contains("format 1000"), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn read_models_of_another_log_are_left_alone() {
    let test = "read_models_of_another_log";
    let (Some(one), Some(other)) = (TestDatabase::new(test), TestDatabase::new(test)) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (mine, theirs) = (folder.path().join("mine"), folder.path().join("theirs"));
    founded(&one, &mine);
    founded(&other, &theirs);
    let role = |database: &TestDatabase, secrets: &Path| {
        tests::Role::of(
            "projection-service",
            &[
                ("ANNALS_POSTGRES", database.url()),
                ("ANNALS_SECRETS", secrets.display().to_string()),
            ],
        )
    };
    let mut projection = role(&other, &theirs);
    projection.start();
    projection.terminate();
    let before = contents(&other).await;
    let (url, read) = (one.url(), other.url());
    let mixed = [
        ("ANNALS_POSTGRES", &*url),
        ("ANNALS_READ_POSTGRES", &*read),
        ("ANNALS_SECRETS", mine.to_str().unwrap()),
    ];
    for role in ["projection-service", "query-api"] {
        let line = refused(role, &mixed, REFUSED);
        assert!(line.contains("read models are made from the log"), "{line}");
    }
    assert_eq!(contents(&other).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_of_another_log_or_without_a_login_is_refused() {
    let test = "a_bus_of_another_log";
    let (Some(one), Some(other)) = (TestDatabase::new(test), TestDatabase::new(test)) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (mine, theirs) = (folder.path().join("mine"), folder.path().join("theirs"));
    let Some(nats) = NatsServer::start(test, &folder.path().join("nats")) else { return };
    let mut owner = tests::Role::of(
        "command-service",
        &[
            ("ANNALS_POSTGRES", other.url()),
            ("ANNALS_SECRETS", theirs.display().to_string()),
            ("ANNALS_NATS", nats.url()),
        ],
    );
    owner.start();
    owner.http(&theirs).account("Contoso").await;
    tests::until("the stream is made", async || {
        owner.metric("annals_relay_position").await.is_some()
    })
    .await;
    owner.terminate();
    founded(&one, &mine);
    let (url, bus) = (one.url(), nats.url());
    let strange = [
        ("ANNALS_POSTGRES", &*url),
        ("ANNALS_SECRETS", mine.to_str().unwrap()),
        ("ANNALS_NATS", &*bus),
    ];
    for role in ["command-service", "projection-service"] {
        let line = refused(role, &strange, REFUSED);
        assert!(line.contains("the stream ANNALS belongs to"), "{line}");
    }

    let login = "authorization { user: annals, password: \"right\" }";
    let guarded = NatsServer::start_with(test, &folder.path().join("guarded"), login);
    let Some(guarded) = guarded else { return };
    let password = folder.path().join("password");
    fs::write(&password, "annals:wrong-s3cret").unwrap();
    let bus = guarded.url();
    let wrong = [
        ("ANNALS_POSTGRES", &*url),
        ("ANNALS_SECRETS", mine.to_str().unwrap()),
        ("ANNALS_NATS", &*bus),
        ("ANNALS_NATS_PASSWORD_FILE", password.to_str().unwrap()),
    ];
    // A password that everybody may read is no password.
    let line = refused("command-service", &wrong, REFUSED);
    assert!(line.contains("its mode must be"), "{line}");
    fs::set_permissions(&password, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let line = refused("command-service", &wrong, REFUSED);
    assert!(line.contains("does not know this login") && !line.contains("s3cret"), "{line}");
}
