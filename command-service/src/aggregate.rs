//! What every aggregate is: a judge of commands, made of nothing but its past.

use std::{collections::BTreeMap, sync::Arc};

use events::{
    Actor, CrmEvent, Instant, Version,
    access::Scope,
    category::CategoryEvents,
    ids::{
        AccountId, CommandId, ConnectionRoleId, ContactId, KeyId, OpportunityId, QuoteId,
        RecordRef, StreamName, TokenId, UserId,
    },
    sales::NumberSequence,
    values::Day,
};
use jiff::civil::Date;
use uuid::Uuid;

use crate::{
    access::{Administration, Organization, Token, User},
    clock::Doubt,
    customers::{Account, Connection, ConnectionRole, Contact, Note},
    refusal::Refusal,
    sales::{Numbering, Opportunity, Order, Quote},
};

/// The state of one record, as decisions need it: a fold of its stream.
pub trait Aggregate: Clone + Default + Send + Sync + 'static {
    /// What can happen to it.
    type Event: CategoryEvents + Into<CrmEvent> + Send;

    /// Takes in one fact. Total: history cannot be refused.
    fn evolve(&mut self, event: &Self::Event);

    /// The key that its personal fields are sealed under; none where it has no such fields.
    fn key(&self) -> Option<KeyId>;
}

macro_rules! records {
    ($($record:ident),*) => {
        /// The state of any record.
        #[derive(Clone, Debug)]
        pub enum Record {
            $(#[doc = concat!("Of the category of the same name.")] $record($record)),*
        }

        impl Record {
            /// A record to which nothing has happened yet.
            #[must_use]
            pub fn unborn(category: events::ids::Category) -> Self {
                match category {
                    $(events::ids::Category::$record => Self::$record($record::default())),*
                }
            }

            /// Takes in one fact. A fact of another category leaves it as it is.
            pub fn evolve(&mut self, event: &CrmEvent) {
                match (self, event) {
                    $((Self::$record(record), CrmEvent::$record(event)) => record.evolve(event),)*
                    _ => {}
                }
            }

            /// The key that its personal fields are sealed under.
            #[must_use]
            pub fn key(&self) -> Option<KeyId> {
                match self { $(Self::$record(record) => record.key()),* }
            }
        }

        $(impl AsRecord for $record {
            fn of(record: &Record) -> Option<&Self> {
                match record {
                    Record::$record(record) => Some(record),
                    _ => None,
                }
            }
        })*
    };
}

/// The way from the state of any record to the state of one kind.
pub trait AsRecord: Aggregate {
    /// The state, if it is of this kind.
    fn of(record: &Record) -> Option<&Self>;
}

records! {
    Account, Contact, ConnectionRole, Connection, Opportunity, Quote, Order, Note, User, Token,
    Organization, Numbering, Administration
}

/// A record's state and how many events it is made of.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The number of events; [`Version::NONE`] where nothing happened yet.
    pub version: Version,
    /// The state.
    pub record: Arc<Record>,
}

/// The states of other records that a decision needs. They were read, not locked.
#[derive(Clone, Debug, Default)]
pub struct States(BTreeMap<StreamName, Loaded>);

impl States {
    /// Adds what was loaded.
    pub fn insert(&mut self, stream: StreamName, loaded: Loaded) {
        self.0.insert(stream, loaded);
    }

    /// Whether that stream has been loaded.
    #[must_use]
    pub fn has(&self, stream: StreamName) -> bool {
        self.0.contains_key(&stream)
    }

    /// Which streams were read, and how long they were.
    pub fn versions(&self) -> impl Iterator<Item = (StreamName, Version)> + '_ {
        self.0.iter().map(|(stream, loaded)| (*stream, loaded.version))
    }

    /// The version of a record that was loaded.
    #[must_use]
    pub fn version(&self, record: impl Into<RecordRef>) -> Version {
        self.0.get(&record.into().stream()).map_or(Version::NONE, |loaded| loaded.version)
    }

    /// The state of any record, if it was loaded and something has happened to it.
    #[must_use]
    pub fn record(&self, record: RecordRef) -> Option<&Record> {
        let loaded = self.0.get(&record.stream())?;
        (loaded.version > Version::NONE).then_some(&*loaded.record)
    }

    fn find<A: AsRecord>(&self, record: impl Into<RecordRef>) -> Option<&A> {
        A::of(self.record(record.into())?)
    }

    /// An account.
    #[must_use]
    pub fn account(&self, id: AccountId) -> Option<&Account> {
        self.find(id)
    }

    /// A contact.
    #[must_use]
    pub fn contact(&self, id: ContactId) -> Option<&Contact> {
        self.find(id)
    }

    /// A connection role.
    #[must_use]
    pub fn connection_role(&self, id: ConnectionRoleId) -> Option<&ConnectionRole> {
        self.find(id)
    }

    /// An opportunity.
    #[must_use]
    pub fn opportunity(&self, id: OpportunityId) -> Option<&Opportunity> {
        self.find(id)
    }

    /// A quote.
    #[must_use]
    pub fn quote(&self, id: QuoteId) -> Option<&Quote> {
        self.find(id)
    }

    /// A user.
    #[must_use]
    pub fn user(&self, id: UserId) -> Option<&User> {
        self.find(id)
    }
}

/// What a caller's token opens: nobody hands out more with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The token.
    pub token: TokenId,
    /// Its scopes.
    pub scopes: Arc<[Scope]>,
}

/// Everything impure that a decision may know.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The time of the decision.
    pub now: Instant,
    /// Who asks.
    pub actor: Actor,
    /// With what; none where the product itself or a process manager asks.
    pub authority: Option<&'a Authority>,
    /// The command's id, from which the ids of what it makes follow.
    pub command_id: CommandId,
    /// The organisation: its zone and its currency.
    pub organization: &'a Organization,
    /// The states the command said it needs.
    pub states: &'a States,
    /// A key nobody has yet, for commands that [make a key](Command::makes_key).
    pub new_key: Option<KeyId>,
    /// Why the clock is not believed; none while it is.
    pub clock: Option<Doubt>,
    /// The number that was allocated, for commands that [ask for one](Command::number).
    pub number: Option<u64>,
}

impl Facts<'_> {
    /// Today, in the organisation's zone.
    #[must_use]
    pub fn today(&self) -> Day {
        // The clock of a working machine is within the range of days.
        self.day_of(self.now)
            .or_else(|| Day::new(Date::constant(1970, 1, 1)).ok())
            .unwrap_or_else(|| unreachable!("1970 is within the range of days"))
    }

    /// Which day an instant lies on, in the organisation's zone; none beyond the range of days.
    #[must_use]
    pub fn day_of(&self, instant: Instant) -> Option<Day> {
        let zone = self.organization.zone();
        Day::new(zone.rules().to_datetime(instant.timestamp()).date()).ok()
    }

    /// The user who asks; a process manager or the product itself is nobody's.
    #[must_use]
    pub fn user(&self) -> Option<UserId> {
        (self.actor.kind == events::ActorKind::User).then_some(UserId(self.actor.id))
    }

    /// The key that was made for the record of this command.
    ///
    /// # Errors
    /// When the command did not say that it makes one.
    pub fn key(&self) -> Result<KeyId, Refusal> {
        self.new_key.ok_or(Refusal::Internal)
    }
}

/// A command whose type is known only by name. What `POST /commands/{Name}` parses into.
pub trait Command: Send + Sync {
    /// The stream it appends to.
    fn stream(&self, command_id: CommandId) -> StreamName;

    /// The other streams it needs, given what was loaded so far. Asked again until nothing is new,
    /// so that a chain (the ancestors of an account) can be walked.
    fn needs(&self, own: &Record, states: &States) -> Vec<StreamName>;

    /// Whether it makes a record with a key of its own.
    fn makes_key(&self) -> bool;

    /// The sequence it needs a number of, and the record that gets the number.
    fn number(&self, own: &Record, command_id: CommandId, today: Day) -> Option<NumberSequence>;

    /// What has to stand on another stream before this command's events. See [`Decide::before`].
    fn before(&self, command_id: CommandId, actor: Actor) -> Option<Before> {
        let _ = (command_id, actor);
        None
    }

    /// The day it took effect, when the command itself says so (`close_date`).
    fn effective_day(&self) -> Option<Day>;

    /// Whether it waits while the clock is not believed. Only what ends that, or a start, does not.
    fn needs_clock(&self) -> bool {
        true
    }

    /// Judges the command. Pure: no clock, no store, no randomness.
    ///
    /// No events means there was nothing left to do, so a repeated command is safe.
    ///
    /// # Errors
    /// The rule that refuses it.
    fn decide(&self, own: &Record, facts: &Facts<'_>) -> Result<Vec<CrmEvent>, Refusal>;

    /// The parsed command in its canonical form, for the fingerprint.
    ///
    /// # Errors
    /// Never for a command that was parsed.
    fn canonical(&self) -> Result<Vec<u8>, serde_json::Error>;
}

/// A command that the write loop runs on another stream before the one that asks for it.
pub struct Before {
    /// Its name.
    pub name: &'static str,
    /// What it says. It asks for no number and for nothing before itself.
    pub command: Box<dyn Command>,
}

/// A command on one kind of record: what an area writes.
pub trait Decide:
    serde::de::DeserializeOwned + serde::Serialize + schemars::JsonSchema + Send + Sync + 'static
{
    /// The name in `POST /commands/{Name}`: imperative.
    const NAME: &'static str;

    /// The kind of record it is about.
    type Aggregate: AsRecord;

    /// The record it is about: the one it names, or for a create without an id `command_id.record()`.
    fn record(&self, command_id: CommandId) -> Uuid;

    /// The other streams it needs. See [`Command::needs`].
    fn needs(&self, own: &Self::Aggregate, states: &States) -> Vec<StreamName> {
        let _ = (own, states);
        Vec::new()
    }

    /// Whether it makes a record with a key of its own.
    const MAKES_KEY: bool = false;

    /// The sequence it needs a number of. See [`Command::number`].
    fn number(
        &self,
        own: &Self::Aggregate,
        command_id: CommandId,
        today: Day,
    ) -> Option<NumberSequence> {
        let _ = (own, command_id, today);
        None
    }

    /// What has to stand on another stream before this command's events: what is counted there is
    /// claimed first, so that of two commands at once one has it. The needed states are read again
    /// after it. A command that is refused writes nothing there.
    fn before(&self, command_id: CommandId, actor: Actor) -> Option<Before> {
        let _ = (command_id, actor);
        None
    }

    /// The day it took effect, when the command itself says so.
    fn effective_day(&self) -> Option<Day> {
        None
    }

    /// Whether it waits while the clock is not believed. See [`Command::needs_clock`].
    const NEEDS_CLOCK: bool = true;

    /// Judges the command. See [`Command::decide`].
    ///
    /// # Errors
    /// The rule that refuses it.
    fn decide(
        &self,
        own: &Self::Aggregate,
        facts: &Facts<'_>,
    ) -> Result<Vec<<Self::Aggregate as Aggregate>::Event>, Refusal>;
}

impl<C: Decide> Command for C {
    fn stream(&self, command_id: CommandId) -> StreamName {
        let category = <<C::Aggregate as Aggregate>::Event as CategoryEvents>::CATEGORY;
        StreamName { category, id: self.record(command_id) }
    }

    fn needs(&self, own: &Record, states: &States) -> Vec<StreamName> {
        C::Aggregate::of(own).map_or_else(Vec::new, |own| Decide::needs(self, own, states))
    }

    fn makes_key(&self) -> bool {
        C::MAKES_KEY
    }

    fn number(&self, own: &Record, command_id: CommandId, today: Day) -> Option<NumberSequence> {
        Decide::number(self, C::Aggregate::of(own)?, command_id, today)
    }

    fn before(&self, command_id: CommandId, actor: Actor) -> Option<Before> {
        Decide::before(self, command_id, actor)
    }

    fn effective_day(&self) -> Option<Day> {
        Decide::effective_day(self)
    }

    fn needs_clock(&self) -> bool {
        C::NEEDS_CLOCK
    }

    fn decide(&self, own: &Record, facts: &Facts<'_>) -> Result<Vec<CrmEvent>, Refusal> {
        // The loop loads `own` by `stream`, so it is of this kind.
        let own = C::Aggregate::of(own).ok_or(Refusal::Internal)?;
        let events = Decide::decide(self, own, facts)?;
        Ok(events.into_iter().map(Into::into).collect())
    }

    fn canonical(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}
