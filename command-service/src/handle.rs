//! The one way a command becomes events: load, decide, seal, append.

use std::{collections::BTreeMap, sync::Arc};

use aws_lc_rs::hmac;
use events::{
    Actor, Cause, Channel, CrmEvent, Instant, NewEvent, Payload, Position, Version,
    evidence::sha256,
    ids::{Category, CommandId, KeyId, OrganizationId, RecordRef, StreamName},
    keys::{KeyError, Keyring},
    personal::Personal,
    store::{Append, AppendError, Appended, Attempt, EventStore, Fingerprint, Receipt, StoreError},
    values::{Day, Prose},
};
use quick_cache::sync::{Cache, EntryAction, EntryResult};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::{
    aggregate::{Command, Facts, Loaded, Record, States},
    refusal::Refusal,
    sales::AllocateNumber,
};

/// A stream that changes under us this often is a modelling mistake, not bad luck.
const MAX_ATTEMPTS: u32 = 5;
/// How many states are kept in memory. A state is a few hundred bytes.
const CACHED_RECORDS: usize = 20_000;
/// Commands on one stream wait for each other here instead of losing races in the store.
const STRIPES: usize = 1_024;
/// Numbers are allocated while the record that asks for one has its turn, so that they wait in
/// turns of their own: with shared ones a record could wait for itself.
const NUMBERING_STRIPES: usize = 16;
/// How many events are read at a time when a stream is loaded.
const PAGE: usize = 1_000;
/// The longest chain of records that a decision may walk (the ancestors of an account).
const MAX_ROUNDS: usize = 128;
/// How far a caller's clock may be ahead of ours, in microseconds.
const CLOCK_SKEW: i64 = 5 * 60 * 1_000_000;

/// The time of day, passed in so that nothing below it asks the system.
pub type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// A command on its way in, with everything that came with it.
pub struct Request {
    /// Makes the command happen once.
    pub command_id: CommandId,
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub command: Box<dyn Command>,
    /// The version the caller has seen (`If-Match`).
    pub expected: Option<Version>,
    /// Business time, when it differs from now.
    pub effective_at: Option<Instant>,
    /// Why.
    pub reason: Option<Prose>,
    /// Who asks.
    pub actor: Actor,
    /// For whom, when a process manager asks.
    pub on_behalf_of: Option<Uuid>,
    /// By which way.
    pub channel: Channel,
    /// What caused the command; the command itself when a caller sent it.
    pub causation_id: Uuid,
    /// What the whole chain of causes shares.
    pub correlation_id: Uuid,
}

/// The command took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The record it was about.
    pub record: RecordRef,
    /// The record's version after it.
    pub version: Version,
    /// A query that has seen this position has seen the effect, reactions included.
    pub position: Position,
    /// Whether it had been accepted before.
    pub replayed: bool,
}

/// Why a command did not take effect.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// A rule said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The id was used for another command, or by somebody else.
    #[error("the command id was used before, for another command")]
    Reused,
    /// The stream kept changing while we decided.
    #[error("the record kept changing while the command was judged")]
    Contended,
    /// More than one append may hold.
    #[error("the command makes more events, or larger ones, than one append may hold")]
    TooLarge,
    /// The event store failed.
    #[error("the event store failed")]
    Store(#[from] StoreError),
    /// The key store failed.
    #[error("the key store failed")]
    Keys(#[from] KeyError),
}

/// The write loop, and the only caller of [`EventStore`].
pub struct Handler {
    pub(crate) store: Arc<dyn EventStore>,
    keys: Keyring,
    pub(crate) clock: Clock,
    fingerprint_key: hmac::Key,
    cache: Cache<StreamName, Loaded>,
    stripes: Vec<Mutex<()>>,
}

/// What was decided and made ready for the log.
struct Prepared {
    events: Vec<NewEvent>,
    after: Record,
    decided: Vec<CrmEvent>,
}

impl Handler {
    /// A write loop on a store. `fingerprint_secret` is the installation's own: it keeps the
    /// ledger's fingerprints from being guessed.
    #[must_use]
    pub fn new(
        store: Arc<dyn EventStore>,
        keys: Keyring,
        clock: Clock,
        fingerprint_secret: &[u8; 32],
    ) -> Self {
        Self {
            store,
            keys,
            clock,
            fingerprint_key: hmac::Key::new(hmac::HMAC_SHA256, fingerprint_secret),
            cache: Cache::new(CACHED_RECORDS),
            stripes: (0..STRIPES + NUMBERING_STRIPES).map(|_| Mutex::new(())).collect(),
        }
    }

    /// Judges one command and, if it is accepted, makes it and its reactions durable.
    ///
    /// # Errors
    /// See [`CommandError`]. A refusal has been written to the attempt log when this returns.
    pub async fn handle(&self, request: Request) -> Result<Accepted, CommandError> {
        let fingerprint = self.fingerprint(&request)?;
        let stream = request.command.stream(request.command_id);
        let judged = self.judge(&request, stream, fingerprint).await;
        match judged {
            Ok((appended, decided)) => {
                let receipt = appended.receipt();
                let position = self.react(&request, receipt, decided).await?;
                Ok(Accepted {
                    record: receipt.stream.into(),
                    version: receipt.version,
                    position,
                    replayed: matches!(appended, Appended::AlreadyStored(_)),
                })
            }
            Err(CommandError::Refused(refusal)) => {
                self.record_refusal(&request, stream, refusal.code()).await?;
                Err(refusal.into())
            }
            Err(CommandError::Reused) => {
                self.record_refusal(&request, stream, "command.reused").await?;
                Err(CommandError::Reused)
            }
            Err(error) => Err(error),
        }
    }

    /// The state of a record, from memory or from its stream.
    ///
    /// # Errors
    /// When the stream cannot be read.
    pub async fn load(&self, stream: StreamName) -> Result<Loaded, CommandError> {
        if let Some(loaded) = self.cache.get(&stream) {
            return Ok(loaded);
        }
        let unborn =
            Loaded { version: Version::NONE, record: Arc::new(Record::unborn(stream.category)) };
        self.catch_up(stream, unborn).await
    }

    /// The state of a record that has come at least to `version`. An event can be followed before
    /// whoever appended it has kept the state that it led to.
    pub(crate) async fn load_at(
        &self,
        stream: StreamName,
        version: Version,
    ) -> Result<Loaded, CommandError> {
        let loaded = self.load(stream).await?;
        if loaded.version < version { self.catch_up(stream, loaded).await } else { Ok(loaded) }
    }

    /// Keeps a state in memory, unless a newer one is there: what was read can be old by now.
    fn keep(&self, stream: StreamName, loaded: Loaded) {
        let entry = self.cache.entry(&stream, None, |_, known| {
            if known.version < loaded.version {
                *known = loaded.clone();
            }
            EntryAction::Retain(())
        });
        if let EntryResult::Vacant(place) = entry {
            // Fails only when the cache was emptied meanwhile; it will be read again then.
            let _kept = place.insert(loaded);
        }
    }

    /// Reads what happened to a record since it was loaded.
    async fn catch_up(&self, stream: StreamName, loaded: Loaded) -> Result<Loaded, CommandError> {
        let Loaded { mut version, record } = loaded;
        let mut record = Arc::unwrap_or_clone(record);
        loop {
            let page = self.store.read_stream(stream, version, PAGE).await?;
            for recorded in &page {
                record.evolve(&decode(&recorded.event)?);
                version = recorded.version;
            }
            if page.len() < PAGE {
                break;
            }
        }
        let loaded = Loaded { version, record: Arc::new(record) };
        if version > Version::NONE {
            self.keep(stream, loaded.clone());
        }
        Ok(loaded)
    }

    async fn judge(
        &self,
        request: &Request,
        stream: StreamName,
        fingerprint: Fingerprint,
    ) -> Result<(Appended, Vec<CrmEvent>), CommandError> {
        let _turn = self.stripes[stripe(stream)].lock().await;
        let mut key = None;
        let mut own = self.load(stream).await?;
        for _ in 0..MAX_ATTEMPTS {
            let prepared = match self.prepare(request, stream, &own, &mut key).await {
                Ok(prepared) => prepared,
                // Whether it was accepted before is asked last, and only here: a repeat of an
                // accepted command is mostly refused by what the first one did.
                Err(CommandError::Refused(refusal)) => {
                    return self.repeat_or(request, fingerprint, refusal.into()).await;
                }
                Err(error) => return Err(error),
            };
            let Prepared { events, after, decided } = prepared;
            let count = events.len() as u64;
            let append = Append {
                command_id: request.command_id,
                fingerprint,
                actor: request.actor,
                stream,
                expected: own.version,
                events,
            };
            let mut answers = self.store.append(vec![append]).await;
            match answers.pop().unwrap_or_else(|| Err(no_answer().into())) {
                Ok(appended @ Appended::Stored(_)) => {
                    if count > 0 {
                        let version = own.version.plus(count);
                        self.keep(stream, Loaded { version, record: Arc::new(after) });
                    }
                    return Ok((appended, decided));
                }
                Ok(appended @ Appended::AlreadyStored(_)) => {
                    return self.replayed(appended).await;
                }
                Err(AppendError::Conflict { .. }) => own = self.catch_up(stream, own).await?,
                Err(AppendError::CommandReused) => return Err(CommandError::Reused),
                Err(AppendError::TooLarge) => return Err(CommandError::TooLarge),
                Err(AppendError::Store(error)) => return Err(error.into()),
            }
        }
        Err(CommandError::Contended)
    }

    /// The first answer, if the ledger has one; otherwise `error`.
    async fn repeat_or(
        &self,
        request: &Request,
        fingerprint: Fingerprint,
        error: CommandError,
    ) -> Result<(Appended, Vec<CrmEvent>), CommandError> {
        let entries = self.store.lookup(vec![request.command_id]).await?;
        match entries.into_iter().next().flatten() {
            None => Err(error),
            Some(entry) if entry.fingerprint == fingerprint && entry.actor == request.actor => {
                self.replayed(Appended::AlreadyStored(entry.receipt)).await
            }
            Some(_) => Err(CommandError::Reused),
        }
    }

    /// The events of a command that was accepted before: its reactions are repeated with it.
    async fn replayed(
        &self,
        appended: Appended,
    ) -> Result<(Appended, Vec<CrmEvent>), CommandError> {
        let Receipt { stream, version, events, .. } = appended.receipt();
        if events == 0 {
            return Ok((appended, Vec::new()));
        }
        let before = Version(version.0.saturating_sub(events.into()));
        let recorded = self.store.read_stream(stream, before, events as usize).await?;
        let decided = recorded.iter().map(|one| decode(&one.event)).collect::<Result<_, _>>()?;
        Ok((appended, decided))
    }

    async fn prepare(
        &self,
        request: &Request,
        stream: StreamName,
        own: &Loaded,
        key: &mut Option<KeyId>,
    ) -> Result<Prepared, CommandError> {
        if let Some(expected) = request.expected.filter(|expected| *expected != own.version) {
            return Err(Refusal::VersionConflict { expected, actual: own.version }.into());
        }
        let command = &*request.command;
        let states = self.load_needs(command, own).await?;
        let organization = self.load(OrganizationId(self.store.log_id().0).stream()).await?;
        let Record::Organization(organization) = &*organization.record else {
            return Err(Refusal::Internal.into());
        };
        if key.is_none() && command.makes_key() && own.version == Version::NONE {
            *key = Some(self.keys.take().await?);
        }
        let mut facts = Facts {
            now: (self.clock)(),
            actor: request.actor,
            command_id: request.command_id,
            organization,
            states: &states,
            new_key: *key,
            number: None,
        };
        if let Some(sequence) = command.number(&own.record, request.command_id, facts.today()) {
            // Judged once without the number, so that a command that is refused burns none.
            facts.number = Some(1);
            command.decide(&own.record, &facts)?;
            facts.number = Some(self.allocate(request, stream, sequence).await?);
        }
        let decided = command.decide(&own.record, &facts)?;
        let effective_at = effective_at(request, &facts)?;
        self.make_ready(request, own, decided, effective_at, &states).await
    }

    /// Loads what a decision needs, again and again until it asks for nothing new.
    async fn load_needs(
        &self,
        command: &dyn Command,
        own: &Loaded,
    ) -> Result<States, CommandError> {
        let mut states = States::default();
        for _ in 0..MAX_ROUNDS {
            let mut wanted = command.needs(&own.record, &states);
            wanted.retain(|stream| !states.has(*stream));
            if wanted.is_empty() {
                return Ok(states);
            }
            for stream in wanted {
                let loaded = self.load(stream).await?;
                states.insert(stream, loaded);
            }
        }
        Err(Refusal::HierarchyTooDeep.into())
    }

    /// Turns decided events into sealed, hashed ones, and folds them.
    async fn make_ready(
        &self,
        request: &Request,
        own: &Loaded,
        decided: Vec<CrmEvent>,
        effective_at: Option<Instant>,
        states: &States,
    ) -> Result<Prepared, CommandError> {
        let mut after = Record::clone(&own.record);
        if decided.is_empty() {
            return Ok(Prepared { events: Vec::new(), after, decided });
        }
        let cause = Cause {
            actor: request.actor,
            on_behalf_of: request.on_behalf_of,
            channel: request.channel,
            command_id: request.command_id,
            causation_id: request.causation_id,
            correlation_id: request.correlation_id,
        };
        let seen: BTreeMap<_, _> =
            states.versions().map(|(stream, version)| (stream.to_string(), version)).collect();
        let mut events = Vec::with_capacity(decided.len());
        let mut sealed = Vec::with_capacity(decided.len());
        for (ordinal, event) in (0_u32..).zip(decided) {
            after.evolve(&event);
            let key = after.key();
            if request.reason.is_some() && key.is_none() {
                return Err(Refusal::ReasonUnsupported.into());
            }
            let event_id = request.command_id.event(ordinal);
            let reason = request.reason.clone().map(Personal::Clear);
            let mut payload = Payload { event, reason, seen: seen.clone() };
            self.keys.seal(&mut payload, event_id, key).await?;
            let bytes = payload.encode().map_err(|_| KeyError::NoPlace)?;
            events.push(NewEvent {
                event_id,
                event_type: payload.event.event_type(),
                effective_at,
                cause,
                payload_sha256: sha256(&bytes),
                payload: bytes.into(),
            });
            sealed.push(payload.event);
        }
        // The state that is kept holds sealed values only, as if it had been read from the log.
        let mut after = Record::clone(&own.record);
        for event in &sealed {
            after.evolve(event);
        }
        Ok(Prepared { events, after, decided: sealed })
    }

    /// Gives the record a number: the same one however often it asks.
    async fn allocate(
        &self,
        request: &Request,
        stream: StreamName,
        sequence: events::sales::NumberSequence,
    ) -> Result<u64, CommandError> {
        let natural_key = format!("number:{}:{stream}", sequence.id());
        let command_id = CommandId(events::ids::derived(&natural_key));
        let request = Request {
            command_id,
            name: "AllocateNumber",
            command: Box::new(AllocateNumber { sequence, record: stream.into() }),
            expected: None,
            effective_at: None,
            reason: None,
            actor: system(),
            on_behalf_of: Some(request.actor.id),
            channel: Channel::System,
            causation_id: request.command_id.0,
            correlation_id: request.correlation_id,
        };
        let fingerprint = self.fingerprint(&request)?;
        let numbering = sequence.id().stream();
        let (appended, _) = Box::pin(self.judge(&request, numbering, fingerprint)).await?;
        Ok(appended.receipt().version.0)
    }

    fn fingerprint(&self, request: &Request) -> Result<Fingerprint, CommandError> {
        let mut context = hmac::Context::with_key(&self.fingerprint_key);
        let canonical = request.command.canonical().map_err(|_| Refusal::Internal)?;
        context.update(request.name.as_bytes());
        context.update(&[0]);
        context.update(&canonical);
        if let Some(effective_at) = request.effective_at {
            context.update(&effective_at.micros().to_be_bytes());
        }
        context.update(request.reason.as_ref().map_or("", Prose::as_str).as_bytes());
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(context.sign().as_ref());
        Ok(Fingerprint(fingerprint))
    }

    async fn record_refusal(
        &self,
        request: &Request,
        stream: StreamName,
        code: &'static str,
    ) -> Result<(), CommandError> {
        metrics::counter!("annals_commands_refused_total", "code" => code).increment(1);
        let attempt = Attempt {
            at: (self.clock)(),
            actor: request.actor,
            command_id: request.command_id,
            command: request.name.into(),
            stream: Some(stream),
            code: code.into(),
        };
        self.store.record_attempts(vec![attempt]).await?;
        Ok(())
    }
}

/// The product itself, when it does something on its own.
#[must_use]
pub fn system() -> Actor {
    Actor { kind: events::ActorKind::System, id: events::ids::derived("system:annals") }
}

/// Business time: what the header says, or the day that the command itself names.
fn effective_at(request: &Request, facts: &Facts<'_>) -> Result<Option<Instant>, Refusal> {
    let day = request.command.effective_day();
    let start = |day: Day| {
        let midnight = facts.organization.zone().rules().to_timestamp(day.date().at(0, 0, 0, 0));
        midnight.ok().map(Instant::from)
    };
    let Some(given) = request.effective_at else {
        return Ok(day.filter(|day| *day < facts.today()).and_then(start));
    };
    if given.micros() > facts.now.micros() {
        let within = given.micros() - facts.now.micros() <= CLOCK_SKEW;
        return if within { Ok(None) } else { Err(Refusal::EffectiveInFuture) };
    }
    let explained = request.channel == Channel::Import
        || request.channel == Channel::Process
        || request.reason.is_some()
        || day.is_some();
    if explained { Ok(Some(given)) } else { Err(Refusal::ReasonRequired) }
}

fn decode(event: &NewEvent) -> Result<CrmEvent, StoreError> {
    let payload =
        Payload::decode(event).map_err(|error| StoreError::Damaged(error.to_string().into()))?;
    Ok(payload.event)
}

fn no_answer() -> StoreError {
    StoreError::Unavailable("the store gave no answer".into())
}

fn stripe(stream: StreamName) -> usize {
    // The last bytes of any uuid version are the most random ones.
    let bytes = stream.id.as_bytes();
    let number = usize::from(u16::from_be_bytes([bytes[14], bytes[15]]));
    if stream.category == Category::Numbering {
        STRIPES + number % NUMBERING_STRIPES
    } else {
        number % STRIPES
    }
}

#[cfg(test)]
#[path = "handle_tests.rs"]
mod tests;
