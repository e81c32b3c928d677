//! The way to the servers: opened once, looked after for as long as the bus is used.

use std::{
    error::Error,
    io,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use async_nats::{
    Client, ConnectErrorKind, Event,
    connection::State,
    jetstream::{Context, context::ContextBuilder, stream::Config},
};
use events::ids::LogId;
use tokio::{sync::watch, time::timeout};

use super::{
    BusStatus, NatsError,
    options::{NatsOptions, Servers},
    stream::{self, Api},
};
use crate::bus::BusError;

/// How long a start waits for the servers.
const AT_START: Duration = Duration::from_secs(2);
/// How long an answer may take.
pub(super) const ANSWER: Duration = Duration::from_secs(2);
/// How often the servers are looked at: while all is well, and while it is not.
const HEALTHY: Duration = Duration::from_secs(5);
const UNWELL: Duration = Duration::from_millis(500);
/// How long after a subscription failed the next is refused without a try.
const HOLD_OFF: Duration = Duration::from_millis(500);
/// The oldest server whose answers are what this build expects.
const OLDEST: (u64, u64) = (2, 9);
/// From how many unanswered questions in a row the client is thought to hang.
const HANGS: u32 = 2;

/// What everything that uses the servers shares.
pub(super) struct Link {
    pub(super) options: NatsOptions,
    pub(super) servers: Servers,
    pub(super) log: LogId,
    pub(super) config: Config,
    context: OnceLock<Context>,
    status: watch::Sender<BusStatus>,
    /// How often the connection came up or went down.
    changes: watch::Sender<u64>,
    distrusted: Mutex<Option<Arc<str>>>,
    hold_off: Mutex<Option<Instant>>,
    warned: Mutex<Vec<String>>,
    /// The last sequence of the stream, as far as the publisher knows.
    pub(super) sequence: tokio::sync::Mutex<Option<u64>>,
}

impl Link {
    pub(super) fn new(options: NatsOptions, log: LogId) -> Result<Self, NatsError> {
        let servers = options.servers()?;
        let name = &options.stream;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || !name.chars().all(is_plain) {
            return Err(servers.refused("a stream's name consists of letters, digits, - and _"));
        }
        let away = BusStatus::Away { since: Instant::now(), why: "it was not reached yet".into() };
        Ok(Self {
            config: stream::config(&options, log),
            options,
            servers,
            log,
            context: OnceLock::new(),
            status: watch::Sender::new(away),
            changes: watch::Sender::new(0),
            distrusted: Mutex::default(),
            hold_off: Mutex::default(),
            warned: Mutex::default(),
            sequence: tokio::sync::Mutex::default(),
        })
    }

    pub(super) fn status(&self) -> watch::Receiver<BusStatus> {
        self.status.subscribe()
    }

    /// Tells whenever the connection comes up or goes down.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// JetStream, while it can be used.
    pub(super) fn context(&self) -> Result<&Context, BusError> {
        match (&*self.status.borrow(), self.context.get()) {
            (BusStatus::Connected, Some(context)) => Ok(context),
            (BusStatus::Away { why, .. } | BusStatus::Refused { why }, _) => {
                Err(BusError(Arc::clone(why)))
            }
            (BusStatus::Connected, None) => Err(BusError("it was not reached yet".into())),
        }
    }

    /// JetStream as long as it answers, also where what it holds is not trusted: to look again.
    pub(super) fn reachable(&self) -> Result<&Context, BusError> {
        let is_distrusted = self.distrusted().is_some();
        match self.context.get() {
            Some(context)
                if is_distrusted && context.client().connection_state() == State::Connected =>
            {
                Ok(context)
            }
            _ => self.context(),
        }
    }

    fn distrusted(&self) -> Option<Arc<str>> {
        self.distrusted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn api<'a>(&'a self, context: &'a Context) -> Api<'a> {
        Api { context, servers: &self.servers, warned: &self.warned }
    }

    /// Whether it is worth trying to subscribe now.
    pub(super) fn may_listen(&self) -> Result<(), BusError> {
        self.context()?;
        let hold_off = self.hold_off.lock().unwrap_or_else(PoisonError::into_inner);
        if hold_off.is_some_and(|failed| failed.elapsed() < HOLD_OFF) {
            return Err(BusError("a subscription has just failed".into()));
        }
        Ok(())
    }

    /// A subscription failed: the next has to wait a moment.
    pub(super) fn hold_off(&self) {
        *self.hold_off.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// What the relay thinks of the stream.
    pub(super) fn distrust(&self, why: Option<Arc<str>>) {
        let mut distrusted = self.distrusted.lock().unwrap_or_else(PoisonError::into_inner);
        if *distrusted == why {
            return;
        }
        distrusted.clone_from(&why);
        // Whoever asked just now was answered.
        self.set(why.map_or(BusStatus::Connected, |why| BusStatus::Refused { why }));
    }

    fn set(&self, status: BusStatus) {
        let is_connected = status == BusStatus::Connected;
        metrics::gauge!("annals_bus_connected").set(f64::from(u8::from(is_connected)));
        let server = &self.servers.shown;
        let mut is_news = false;
        self.status.send_if_modified(|now| {
            let status = match (&*now, status) {
                // Still away, since then.
                (BusStatus::Away { since, why: old }, BusStatus::Away { why, .. }) => {
                    is_news = *old != why;
                    BusStatus::Away { since: *since, why }
                }
                (old, status) => {
                    is_news = *old != status;
                    status
                }
            };
            *now = status;
            is_news
        });
        match &*self.status.borrow() {
            _ if !is_news => {}
            BusStatus::Connected => tracing::info!(%server, "the bus is there"),
            BusStatus::Away { why, .. } => tracing::warn!(%server, %why, "the bus is away"),
            BusStatus::Refused { why } => tracing::error!(%server, %why, "the bus is refused"),
        }
    }

    fn note(&self, looked: &Result<(), NatsError>) {
        self.set(match (looked, self.distrusted()) {
            (Ok(()), Some(why)) => BusStatus::Refused { why },
            (Ok(()), None) => BusStatus::Connected,
            (Err(NatsError::Refused { why, .. }), _) => BusStatus::Refused { why: Arc::clone(why) },
            (Err(NatsError::Unreachable { why, .. }), _) => {
                BusStatus::Away { since: Instant::now(), why: Arc::clone(why) }
            }
        });
    }

    /// Reaches the servers, if they can be within moments.
    ///
    /// # Errors
    /// What does not mend itself.
    pub(super) async fn reach_at_start(self: &Arc<Self>) -> Result<(), NatsError> {
        let looked = match timeout(AT_START, self.look()).await {
            Ok(looked) => looked,
            Err(_) => Err(self.servers.unreachable("it does not answer")),
        };
        match looked {
            // Whoever opens the bus is told, and says so: once is enough.
            Err(error @ NatsError::Refused { .. }) => Err(error),
            looked => {
                self.note(&looked);
                Ok(())
            }
        }
    }

    /// Connects, if that was not done yet, and looks at the server and the stream.
    async fn look(self: &Arc<Self>) -> Result<(), NatsError> {
        let context = match self.context.get() {
            Some(context) => context,
            None => {
                let client = self.connect().await?;
                self.context.get_or_init(|| {
                    ContextBuilder::new().timeout(ANSWER).ack_timeout(ANSWER).build(client)
                })
            }
        };
        let client = context.client();
        if client.connection_state() != State::Connected {
            return Err(self.servers.unreachable("the connection was lost"));
        }
        let version = client.server_info().version;
        if is_too_old(&version) {
            let why = format!("it is version {version}, 2.9 is needed");
            return Err(self.servers.refused(why));
        }
        self.api(context).find(&self.config).await.map(drop)
    }

    async fn connect(self: &Arc<Self>) -> Result<Client, NatsError> {
        let options = self.options.connect_options(&self.servers)?;
        let link = Arc::downgrade(self);
        let options = options.event_callback(move |event| {
            let link = link.clone();
            async move {
                if let Some(link) = link.upgrade() {
                    link.happened(&event);
                }
            }
        });
        let connected = options.connect(&self.servers.addresses[..]).await;
        connected.map_err(|error| self.cannot_connect(&error))
    }

    fn happened(&self, event: &Event) {
        match event {
            Event::Connected => {}
            Event::Disconnected | Event::Closed | Event::LameDuckMode => {
                let why = Arc::from("the connection was lost");
                self.set(BusStatus::Away { since: Instant::now(), why });
            }
            Event::ServerError(error) => {
                tracing::warn!(server = %self.servers.shown, %error, "NATS complains");
                return;
            }
            _ => return,
        }
        self.changes.send_modify(|count| *count += 1);
    }

    fn cannot_connect(&self, error: &async_nats::ConnectError) -> NatsError {
        match error.kind() {
            ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
                self.servers.refused("it does not know this login")
            }
            ConnectErrorKind::Tls => self.servers.refused(said(error)),
            ConnectErrorKind::ServerParse => self.servers.refused("its address cannot be read"),
            ConnectErrorKind::Io if is_about_tls(error) => {
                self.servers.refused(format!("TLS is not possible: {}", said(error)))
            }
            _ => self.servers.unreachable(said(error)),
        }
    }
}

/// Keeps looking after the servers.
pub(super) async fn supervise(link: Arc<Link>) {
    let mut changes = link.changes();
    let mut unanswered = 0;
    loop {
        let is_well = *link.status.borrow() == BusStatus::Connected;
        let pause = if is_well { HEALTHY } else { UNWELL };
        // Something happened, or time for another look.
        let _changed = timeout(pause, changes.changed()).await.is_ok();
        changes.mark_unchanged();
        let looked = match timeout(2 * ANSWER, link.look()).await {
            Ok(looked) => looked,
            Err(_) => Err(link.servers.unreachable("it does not answer")),
        };
        let is_answered = !matches!(looked, Err(NatsError::Unreachable { .. }));
        unanswered = if is_answered { 0 } else { unanswered + 1 };
        link.note(&looked);
        if unanswered >= HANGS
            && let Some(context) = link.context.get()
            && context.client().connection_state() == State::Connected
        {
            // The client believes in a connection that carries nothing.
            let _asked = context.client().force_reconnect().await.is_ok();
            unanswered = 0;
        }
    }
}

/// Whether a server of that version lacks what this build needs. One that does not say is new.
pub(super) fn is_too_old(version: &str) -> bool {
    let mut numbers = version.split(['.', '-']).map(str::parse::<u64>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) < OLDEST,
        _ => false,
    }
}

fn is_about_tls(error: &async_nats::ConnectError) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::InvalidData)
}

/// What an error and its causes say, each once.
fn said(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
