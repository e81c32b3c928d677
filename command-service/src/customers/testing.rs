//! A small world for tests: records, and commands that are judged as the loop judges them.

use std::{borrow::Cow, collections::BTreeMap, convert::Infallible, sync::Arc};

use events::{
    Actor, ActorKind, CrmEvent, Instant, Version,
    access::{Scope, UserAdded},
    ids::{CommandId, KeyId, Principal, RecordRef, StreamName, TokenId, UserId},
    personal::{Personal, PersonalFields, PersonalVisitor, Sealed},
    values::{Line, Prose},
};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::{
    access::Organization,
    aggregate::{Authority, Before, Command, Facts, Loaded, Record, States},
    refusal::Refusal,
};

/// The user who asks in every test that says nothing else.
pub(crate) const ANA: UserId = UserId(Uuid::from_u128(0xA4A));

/// Ana, as an owner.
pub(crate) const OWNER_ANA: Principal = Principal::User(ANA);

/// A process manager, who is no user.
pub(crate) const PROCESS: Actor = Actor { kind: ActorKind::Process, id: Uuid::from_u128(0xB07) };

/// 2026-11-23T12:00:00Z.
const NOON: Instant = Instant::from_micros(1_795_435_200_000_000);

/// What a judged command says.
pub(crate) type Judged = Result<Vec<CrmEvent>, Refusal>;

/// All records there are.
#[derive(Clone)]
pub(crate) struct World {
    records: BTreeMap<StreamName, Loaded>,
    organization: Organization,
    /// Who asks.
    pub(crate) actor: Actor,
    /// With what.
    pub(crate) authority: Option<Authority>,
    /// Whether states are folded from sealed values, as they are once the events were stored.
    pub(crate) sealed: bool,
    commands: u128,
}

impl World {
    /// A world with Ana in it, who asks.
    pub(crate) fn new() -> Self {
        let mut world = Self {
            records: BTreeMap::new(),
            organization: Organization::default(),
            actor: Actor { kind: ActorKind::User, id: ANA.0 },
            authority: Some(Authority { token: TokenId(ANA.0), scopes: Scope::ALL.into() }),
            sealed: false,
            commands: 0,
        };
        let ana = UserAdded {
            key: KeyId(ANA.0),
            name: Personal::Clear(line("Ana")),
            email: None,
            manager: None,
            office: None,
            awaits_token: false,
        };
        world.append(ANA, vec![events::access::UserEvent::Added(ana).into()]);
        world
    }

    /// Lets facts happen.
    pub(crate) fn append(&mut self, record: impl Into<RecordRef>, events: Vec<CrmEvent>) {
        let stream = record.into().stream();
        let mut loaded = self.load(stream);
        let mut state = Record::clone(&loaded.record);
        for mut event in events {
            if self.sealed {
                let Ok(()) = event.visit_personal(&Cow::Borrowed(""), &mut Seal);
            }
            state.evolve(&event);
            loaded.version = loaded.version.plus(1);
        }
        loaded.record = Arc::new(state);
        self.records.insert(stream, loaded);
    }

    fn load(&self, stream: StreamName) -> Loaded {
        self.records.get(&stream).cloned().unwrap_or_else(|| Loaded {
            version: Version::NONE,
            record: Arc::new(Record::unborn(stream.category)),
        })
    }

    /// The state of a record.
    pub(crate) fn record(&self, record: impl Into<RecordRef>) -> Record {
        Record::clone(&self.load(record.into().stream()).record)
    }

    /// The version of a record.
    pub(crate) fn version(&self, record: impl Into<RecordRef>) -> Version {
        self.load(record.into().stream()).version
    }

    /// Judges a command and changes nothing.
    pub(crate) fn decide(&self, command: &dyn Command) -> Judged {
        let command_id = CommandId(Uuid::from_u128(0xC0 << 64 | self.commands));
        let own = self.load(command.stream(command_id)).record;
        let mut states = States::default();
        loop {
            let mut needed = command.needs(&own, &states);
            needed.retain(|stream| !states.has(*stream));
            if needed.is_empty() {
                break;
            }
            for stream in needed {
                states.insert(stream, self.load(stream));
            }
        }
        let new_key =
            command.makes_key().then(|| KeyId(Uuid::from_u128(0x4B << 64 | self.commands)));
        let facts = Facts {
            now: NOON,
            actor: self.actor,
            authority: self.authority.as_ref(),
            command_id,
            organization: &self.organization,
            states: &states,
            new_key,
            clock: None,
            number: None,
        };
        command.decide(&own, &facts)
    }

    /// Judges a command and lets happen what it decided.
    pub(crate) fn run(&mut self, command: &dyn Command) -> Judged {
        let mut events = self.decide(command)?;
        let command_id = CommandId(Uuid::from_u128(0xC0 << 64 | self.commands));
        if let Some(Before { command: before, .. }) = command.before(command_id, self.actor) {
            let given = self.decide(&*before)?;
            self.append(before.stream(command_id), given);
            events = self.decide(command)?;
        }
        let stream = command.stream(command_id);
        self.commands += 1;
        self.append(stream, events.clone());
        Ok(events)
    }

    /// Judges a command written as JSON and lets happen what it decided.
    pub(crate) fn send<C: Command + DeserializeOwned>(
        &mut self,
        body: serde_json::Value,
    ) -> Judged {
        self.run(&serde_json::from_value::<C>(body).unwrap())
    }
}

/// Seals every value under the same meaningless bytes.
struct Seal;

impl PersonalVisitor for Seal {
    type Error = Infallible;

    fn visit<T: serde::Serialize + DeserializeOwned>(
        &mut self,
        _: &Cow<'static, str>,
        value: &mut Personal<T>,
    ) -> Result<(), Infallible> {
        let key = KeyId(Uuid::from_u128(1));
        let (nonce, ciphertext) = ([0; 12], vec![0]);
        *value = Personal::Sealed(Sealed { key, nonce, ciphertext, origin: None });
        Ok(())
    }
}

/// An id that tests can tell apart.
pub(crate) fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// A line of text.
pub(crate) fn line<const MAX: usize>(text: &str) -> Line<MAX> {
    Line::new(text).unwrap()
}

/// A personal line of text.
pub(crate) fn personal_line<const MAX: usize>(text: &str) -> Personal<Line<MAX>> {
    Personal::Clear(line(text))
}

/// Personal free text.
pub(crate) fn personal_prose(text: &str) -> Personal<Prose> {
    Personal::Clear(Prose::new(text).unwrap())
}
