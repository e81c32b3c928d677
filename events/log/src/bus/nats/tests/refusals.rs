//! What must not be used is refused at the start, with a reason and without a secret.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::Instant,
};

use async_nats::jetstream::stream::Config;
use uuid::Uuid;

use super::*;

const OTHER: LogId = LogId(Uuid::from_u128(0xbad));

async fn refusal(options: NatsOptions) -> String {
    match NatsBus::open(options, LOG).await {
        Err(error @ NatsError::Refused { .. }) => error.to_string(),
        Err(error) => panic!("{error}"),
        Ok(bus) => panic!("{:?}", *bus.status().borrow()),
    }
}

async fn works(options: NatsOptions) {
    let bus = NatsBus::open(options, LOG).await.unwrap();
    assert_eq!(*bus.status().borrow(), BusStatus::Connected);
    contract::what_is_published_arrives_in_order(&Ready::of(bus).await).await;
}

/// A bus whose end was asked for.
struct Ready(NatsBus);

impl Ready {
    async fn of(bus: NatsBus) -> Self {
        bus.last().await.unwrap();
        Self(bus)
    }
}

impl Bus for Ready {
    fn subscribe(&self, position: Position) -> Answer<'_, Result<Box<dyn Subscription>, BusError>> {
        self.0.subscribe(position)
    }
}

impl Publisher for Ready {
    fn last(&self) -> Answer<'_, Result<Option<Last>, BusError>> {
        self.0.last()
    }

    fn publish(&self, messages: Vec<Message>) -> Answer<'_, Result<(), BusError>> {
        self.0.publish(messages)
    }
}

/// A file with that text and mode.
fn file(test: &Test, name: &str, text: &str, mode: u32) -> PathBuf {
    let path = test.path().join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

#[tokio::test]
async fn another_logs_stream_is_refused_and_left_alone() {
    let Some(test) = Test::start("nats::another_logs_stream") else { return };
    let other = NatsBus::open(test.options(), OTHER).await.unwrap();
    other.last().await.unwrap();
    let mut stream = test.context().await.get_stream("ANNALS").await.unwrap();
    let before = stream.info().await.unwrap().clone();
    let why = refusal(test.options()).await;
    assert!(why.contains(&format!("belongs to the log {OTHER}")), "{why}");
    assert!(why.contains(&format!("this is annals log {LOG}")), "{why}");
    assert!(!why.contains('\n'), "{why}");
    assert_eq!(*stream.info().await.unwrap(), before);
}

#[tokio::test]
async fn a_stream_that_nobody_here_made_is_refused() {
    let Some(test) = Test::start("nats::a_stream_of_others") else { return };
    let subjects = vec!["annals.ev.>".to_owned()];
    let config = Config { name: "ANNALS".to_owned(), subjects, ..Config::default() };
    test.context().await.create_stream(config).await.unwrap();
    let why = refusal(test.options()).await;
    assert!(why.contains("is not one that Annals made"), "{why}");
}

#[tokio::test]
async fn a_stream_that_takes_our_subjects_is_refused_and_named() {
    for subjects in ["annals.>", "annals.ev.07.note.added", "*.ev.>"] {
        let Some(test) = Test::start("nats::a_stream_that_takes_our_subjects") else { return };
        let context = test.context().await;
        let subjects = vec![subjects.to_owned()];
        let config = Config { name: "EAR".to_owned(), subjects, ..Config::default() };
        context.create_stream(config).await.unwrap();
        let why = refusal(test.options()).await;
        assert!(why.contains("the stream EAR takes the subjects"), "{why}");
        assert!(context.get_stream("ANNALS").await.is_err(), "nothing was made");
    }
}

#[tokio::test]
async fn a_stream_that_is_kept_in_a_way_that_cannot_work_is_refused() {
    let Some(test) = Test::start("nats::a_stream_that_cannot_work") else { return };
    let _made = test.bus().await;
    let context = test.context().await;
    let stream = context.get_stream("ANNALS").await.unwrap();
    let mut config = stream.cached_info().config.clone();
    config.discard = async_nats::jetstream::stream::DiscardPolicy::New;
    config.max_bytes = 1_000_000;
    context.update_stream(config).await.unwrap();
    let why = refusal(test.options()).await;
    assert!(why.contains("it discards new messages when it is full"), "{why}");
}

#[tokio::test]
async fn a_login_is_needed_and_kept_in_a_file_of_its_owner() {
    let config = "authorization { user: annals, password: \"se:cret\" }";
    let Some(test) = Test::start_with("nats::a_login_is_needed", config) else { return };
    let with = |password| NatsOptions { password: Some(password), ..test.options() };
    assert!(refusal(test.options()).await.contains("does not know this login"));
    let wrong = refusal(with(file(&test, "wrong", "annals:guess", 0o600))).await;
    assert!(wrong.contains("does not know this login") && !wrong.contains("guess"), "{wrong}");
    let open = refusal(with(file(&test, "open", "annals:se:cret", 0o644))).await;
    assert!(open.contains("others may read it") && !open.contains("se:cret"), "{open}");
    let none = refusal(with(file(&test, "none", "secret", 0o600))).await;
    assert!(none.contains("`user:password`") && !none.contains("secret"), "{none}");
    assert!(refusal(with(test.path().join("missing"))).await.contains("missing"));
    works(with(file(&test, "right", "annals:se:cret\n", 0o600))).await;
}

#[tokio::test]
async fn a_token_is_a_login_too() {
    let Some(test) = Test::start_with("nats::a_token", "authorization { token: t0ken }") else {
        return;
    };
    let with = |token| NatsOptions { token: Some(token), ..test.options() };
    assert!(refusal(with(file(&test, "wrong", "guess", 0o600))).await.contains("this login"));
    let right = file(&test, "right", "t0ken\n", 0o600);
    let both = NatsOptions { password: Some(right.clone()), ..with(right.clone()) };
    assert!(refusal(both).await.contains("exclude each other"));
    let credentials = NatsOptions { credentials: Some(right.clone()), ..test.options() };
    assert!(refusal(credentials).await.contains("holds no credentials"));
    works(with(right)).await;
}

#[tokio::test]
async fn without_jetstream_it_is_refused() {
    let config = "accounts { PLAIN { users: [{ user: a, password: b }] } }";
    let Some(test) = Test::start_with("nats::without_jetstream", config) else { return };
    let password = Some(file(&test, "login", "a:b", 0o600));
    let why = refusal(NatsOptions { password, ..test.options() }).await;
    assert!(why.contains("it offers no JetStream"), "{why}");
}

/// A server that only says which version it is.
fn says(version: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let info = format!(
                "INFO {{\"server_id\":\"S\",\"server_name\":\"S\",\"version\":\"{version}\",\
                 \"go\":\"go1\",\"host\":\"127.0.0.1\",\"port\":{port},\"headers\":true,\
                 \"max_payload\":1048576,\"proto\":1,\"jetstream\":true}}\r\n"
            );
            connection.write_all(info.as_bytes()).unwrap();
            let mut read = [0; 4_096];
            while connection.read(&mut read).is_ok_and(|count| count > 0) {
                let is_asked = read.windows(4).any(|bytes| bytes == b"PING");
                if is_asked && connection.write_all(b"PONG\r\n").is_err() {
                    break;
                }
            }
        }
    });
    format!("nats://127.0.0.1:{port}")
}

#[tokio::test]
async fn a_server_that_is_too_old_is_refused() {
    let servers = says("2.8.4");
    let why = refusal(NatsOptions { servers, ..NatsOptions::default() }).await;
    assert!(why.contains("it is version 2.8.4, 2.9 is needed"), "{why}");
}

#[test]
fn versions_are_compared_as_numbers() {
    for old in ["2.8.4", "2.8.0-beta", "1.4.1", "0.9.6"] {
        assert!(link::is_too_old(old), "{old}");
    }
    for new in ["2.9.0", "2.9.10", "2.10.26", "2.15.1-RC", "3.0.0", "dev", ""] {
        assert!(!link::is_too_old(new), "{new}");
    }
}

#[tokio::test]
async fn beyond_this_machine_tls_is_demanded_or_the_network_vouched_for() {
    let Some(test) = Test::start("nats::beyond_this_machine") else { return };
    // It is this machine, but the address does not say so.
    let servers = test.server.url().replace("127.0.0.1", "0.0.0.0");
    let mut options = NatsOptions { servers, ..NatsOptions::default() };
    let why = refusal(options.clone()).await;
    assert!(why.contains("TLS is not possible"), "{why}");
    options.trust_network = true;
    works(options).await;
}

#[tokio::test]
async fn addresses_are_servers_and_nothing_else() {
    let addresses = [
        "",
        " , ",
        "nats://",
        "nats://user:pa55@localhost:1",
        "user@localhost",
        "http://localhost",
        "ws://localhost",
        "nats://localhost:70000",
        "nats://[::1",
        "localhost:1,tls://:pa55@x",
    ];
    for servers in addresses {
        let options = NatsOptions { servers: servers.to_owned(), ..NatsOptions::default() };
        let why = refusal(options).await;
        assert!(why.contains("address") && !why.contains("pa55"), "{servers}: {why}");
    }
    for stream in ["", "A.B", "A B", "A>", "a/b"] {
        let options = NatsOptions { stream: stream.to_owned(), ..NatsOptions::default() };
        assert!(refusal(options).await.contains("a stream's name"), "{stream}");
    }
}

#[tokio::test]
async fn servers_that_do_not_answer_hold_up_no_start_and_are_tried_again() {
    let Some(mut test) = Test::start("nats::servers_that_do_not_answer") else { return };
    test.server.kill();
    let since = Instant::now();
    let bus = NatsBus::open(test.options(), LOG).await.unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let servers = silent.local_addr().unwrap().to_string();
    let unheard =
        NatsBus::open(NatsOptions { servers, ..NatsOptions::default() }, LOG).await.unwrap();
    assert!(since.elapsed() < Duration::from_secs(6), "{:?}", since.elapsed());
    for bus in [&bus, &unheard] {
        assert!(matches!(*bus.status().borrow(), BusStatus::Away { .. }));
        assert!(bus.subscribe(Position::START).await.is_err());
        assert!(bus.last().await.is_err());
    }
    test.server.restart();
    until(&bus, |status| *status == BusStatus::Connected).await;
    contract::what_is_published_arrives_in_order(&Ready::of(bus).await).await;
}

#[tokio::test]
async fn a_foreign_stream_that_is_found_later_is_refused_then_and_taken_when_it_is_gone() {
    let Some(mut test) = Test::start("nats::a_foreign_stream_later") else { return };
    let other = NatsBus::open(test.options(), OTHER).await.unwrap();
    other.last().await.unwrap();
    test.server.kill();
    let bus = NatsBus::open(test.options(), LOG).await.unwrap();
    test.server.restart();
    let status = until(&bus, |status| matches!(status, BusStatus::Refused { .. })).await;
    assert!(format!("{status:?}").contains("belongs to the log"), "{status:?}");
    assert!(bus.last().await.is_err() && bus.subscribe(Position::START).await.is_err());
    test.context().await.delete_stream("ANNALS").await.unwrap();
    until(&bus, |status| *status == BusStatus::Connected).await;
    contract::what_is_published_arrives_in_order(&Ready::of(bus).await).await;
}

/// Makes an authority of the test's own and what it signs; whether that was possible.
fn certificates(folder: &Path) -> bool {
    let script = "set -e; \
        openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca; \
        for who in server client; do \
        openssl req -newkey rsa:2048 -nodes -keyout $who.key -out $who.csr -subj /CN=$who; \
        printf 'subjectAltName=IP:127.0.0.1\\n' > $who.ext; \
        openssl x509 -req -in $who.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
        -extfile $who.ext -out $who.pem; \
        chmod 600 $who.key; done";
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
    shell.status().is_ok_and(|status| status.success())
}

#[tokio::test]
async fn tls_is_checked_on_both_sides() {
    let name = "nats::tls_is_checked_on_both_sides";
    let folder = tempfile::tempdir().unwrap();
    if !certificates(folder.path()) {
        crate::testing::skipped(name, "no openssl is installed");
        return;
    }
    let at = |name: &str| folder.path().join(name);
    let config = format!(
        "tls {{ cert_file: {:?}, key_file: {:?}, ca_file: {:?}, verify: true }}",
        at("server.pem"),
        at("server.key"),
        at("ca.pem"),
    );
    let Some(test) = Test::start_with(name, &config) else { return };
    let stranger = refusal(test.options()).await;
    assert!(stranger.contains("TLS is not possible"), "{stranger}");
    let mut options = NatsOptions { ca: Some(at("ca.pem")), ..test.options() };
    let unnamed = NatsBus::open(options.clone(), LOG).await;
    let is_connected = unnamed.is_ok_and(|bus| *bus.status().borrow() == BusStatus::Connected);
    assert!(!is_connected, "the server asks who comes");
    options.certificate = Some((at("client.pem"), at("client.key")));
    works(options.clone()).await;
    fs::set_permissions(at("client.key"), fs::Permissions::from_mode(0o640)).unwrap();
    assert!(refusal(options.clone()).await.contains("others may read it"));
    options.certificate = Some((at("client.pem"), at("missing.key")));
    assert!(refusal(options.clone()).await.contains("missing.key"));
    options.certificate = None;
    options.servers = options.servers.replace("127.0.0.1", "localhost");
    let misnamed = refusal(options).await;
    assert!(misnamed.contains("TLS is not possible"), "{misnamed}");
}
