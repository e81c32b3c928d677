//! Judging a command and making ready what it decided: load, decide, seal.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use events::{
    Cause, Channel, CrmEvent, Instant, NewEvent, Payload, Version,
    evidence::sha256,
    ids::{CommandId, KeyId, OrganizationId, StreamName, derived},
    personal::Personal,
    sales::NumberSequence,
    values::{Day, Prose},
};
use events_log::{keys::KeyError, store::Fingerprint};

use super::{CommandError, Handler, Request, load::Own, system};
use crate::{
    access::Organization,
    aggregate::{Before, Command, Facts, Loaded, Record, States},
    refusal::Refusal,
    sales::AllocateNumber,
};

/// The longest chain of records that a decision may walk (the ancestors of an account).
const MAX_ROUNDS: usize = 128;
/// How far a caller's clock may be ahead of ours, in microseconds.
const CLOCK_SKEW: i64 = 5 * 60 * 1_000_000;

/// What one command is judged by, from one attempt to the next.
#[derive(Default)]
pub(super) struct Basis {
    /// The key that was taken for the record it makes.
    key: Option<KeyId>,
    /// The states of other records that the last judgement went by.
    pub(super) states: States,
}

/// What was decided and made ready for the log.
pub(super) struct Prepared {
    pub(super) events: Vec<NewEvent>,
    pub(super) after: Record,
    pub(super) decided: Vec<CrmEvent>,
}

impl Handler {
    /// Judges a command and makes ready what it decided; none when the record has to be read
    /// before it can be judged.
    pub(super) async fn prepare(
        &self,
        request: &Request,
        stream: StreamName,
        own: &Own,
        basis: &mut Basis,
    ) -> Result<Option<Prepared>, CommandError> {
        let Own { loaded: own, is_read } = own;
        basis.states = States::default();
        if let Some(expected) = request.expected.as_ref().filter(|it| !it.allows(own.version)) {
            let expected = expected.clone();
            return Err(Refusal::VersionConflict { expected, actual: own.version }.into());
        }
        let command = &*request.command;
        let Basis { key, states } = basis;
        self.load_needs(command, own, states).await?;
        let organization = self.load(OrganizationId(self.store.log_id().0).stream()).await?;
        let Record::Organization(organization) = &*organization.record else {
            return Err(Refusal::Internal.into());
        };
        if let Some(before) = command.before(request.command_id, request.actor) {
            let facts = facts(request, (self.clock)(), organization, states);
            // Judged once before, so that a command that is refused leaves nothing there.
            command.decide(&own.record, &facts)?;
            self.run_before(request, before).await?;
            *states = States::default();
            self.load_needs(command, own, states).await?;
        }
        let states = &*states;
        if key.is_none() && command.makes_key() && own.version == Version::NONE {
            *key = Some(self.keys.take().await?);
        }
        let mut facts = facts(request, (self.clock)(), organization, states);
        facts.new_key = *key;
        facts.clock = self.doubt();
        if let Some(sequence) = command.number(&own.record, request.command_id, facts.today()) {
            // A number is for ever: none is drawn for a record that may be there already.
            if !is_read {
                return Ok(None);
            }
            // Judged once without the number, so that a command that is refused burns none.
            facts.number = Some(1);
            command.decide(&own.record, &facts)?;
            facts.number = Some(self.allocate(request, stream, sequence).await?);
        }
        let decided = command.decide(&own.record, &facts)?;
        let effective_at = effective_at(request, &facts)?;
        self.make_ready(request, own, decided, effective_at, states).await.map(Some)
    }

    /// Loads what a decision needs, again and again until it asks for nothing new.
    async fn load_needs(
        &self,
        command: &dyn Command,
        own: &Loaded,
        states: &mut States,
    ) -> Result<(), CommandError> {
        for _ in 0..MAX_ROUNDS {
            let mut wanted = command.needs(&own.record, states);
            wanted.retain(|stream| !states.has(*stream));
            if wanted.is_empty() {
                return Ok(());
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
            let key = key_of(&after, &event);
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
            // The state that is kept holds sealed values only, as if it had been read from the log.
            after.evolve(&payload.event);
            sealed.push(payload.event);
        }
        Ok(Prepared { events, after, decided: sealed })
    }

    /// Runs what has to stand on another stream first: once, however often it is asked for.
    async fn run_before(&self, request: &Request, before: Before) -> Result<(), CommandError> {
        let Before { name, command } = before;
        let stream = command.stream(request.command_id);
        let request = Request {
            command_id: CommandId(derived(&format!("before:{}:{name}", request.command_id.0))),
            name,
            command,
            expected: None,
            effective_at: None,
            reason: None,
            actor: request.actor,
            authority: request.authority.clone(),
            on_behalf_of: request.on_behalf_of,
            channel: request.channel,
            causation_id: request.command_id.0,
            correlation_id: request.correlation_id,
            freshened: None,
        };
        let fingerprint = self.fingerprint(&request)?;
        Box::pin(self.judge(&request, stream, fingerprint)).await?;
        Ok(())
    }

    /// Gives the record a number: the same one however often it asks.
    async fn allocate(
        &self,
        request: &Request,
        stream: StreamName,
        sequence: NumberSequence,
    ) -> Result<u64, CommandError> {
        let natural_key = format!("number:{}:{stream}", sequence.id());
        let command_id = CommandId(derived(&natural_key));
        let request = Request {
            command_id,
            name: "AllocateNumber",
            command: Box::new(AllocateNumber { sequence, record: stream.into() }),
            expected: None,
            effective_at: None,
            reason: None,
            actor: system(),
            authority: None,
            on_behalf_of: Some(request.actor.id),
            channel: Channel::System,
            causation_id: request.command_id.0,
            correlation_id: request.correlation_id,
            freshened: None,
        };
        let fingerprint = self.fingerprint(&request)?;
        let numbering = sequence.id().stream();
        let (appended, _) = Box::pin(self.judge(&request, numbering, fingerprint)).await?;
        Ok(appended.receipt().version.0)
    }

    pub(super) fn fingerprint(&self, request: &Request) -> Result<Fingerprint, CommandError> {
        let mut context = hmac::Context::with_key(&self.fingerprint_key);
        let canonical = request.command.canonical().map_err(|_| Refusal::Internal)?;
        context.update(request.name.as_bytes());
        context.update(&[0]);
        context.update(&canonical);
        context.update(&[u8::from(request.effective_at.is_some())]);
        if let Some(effective_at) = request.effective_at {
            context.update(&effective_at.micros().to_be_bytes());
        }
        context.update(request.reason.as_ref().map_or("", Prose::as_str).as_bytes());
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(context.sign().as_ref());
        Ok(Fingerprint(fingerprint))
    }
}

/// What a decision may know, but for a key and a number.
fn facts<'a>(
    request: &'a Request,
    now: Instant,
    organization: &'a Organization,
    states: &'a States,
) -> Facts<'a> {
    Facts {
        now,
        actor: request.actor,
        authority: request.authority.as_ref(),
        command_id: request.command_id,
        organization,
        states,
        new_key: None,
        clock: None,
        number: None,
    }
}

/// The key an event's personal fields are sealed under: the record's, which the event itself names
/// when it makes the record.
fn key_of(record: &Record, event: &CrmEvent) -> Option<KeyId> {
    record.key().or_else(|| {
        let mut born = record.clone();
        born.evolve(event);
        born.key()
    })
}

/// Business time: what the header says, or the day that the command itself names. Never later than
/// the time of recording. The past is for imports, for what a reason is given for, and for the day
/// that the command names.
fn effective_at(request: &Request, facts: &Facts<'_>) -> Result<Option<Instant>, Refusal> {
    let day = request.command.effective_day();
    if day.is_some_and(|day| day > facts.today()) {
        return Err(Refusal::EffectiveInFuture);
    }
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
        || day.is_some_and(|day| Some(day) == facts.day_of(given));
    if explained { Ok(Some(given)) } else { Err(Refusal::ReasonRequired) }
}
