//! Given what happened, when a command is judged, then this follows: the grammar of the tests.

use std::{fmt::Debug, sync::Arc};

use events::{
    Actor, ActorKind, CrmEvent, Instant, Version,
    access::{OrganizationFounded, Scope},
    category::CategoryEvents,
    ids::{CommandId, KeyId, StreamName, TokenId, UserId},
    money::Currency,
    values::{Line, Zone},
};
use uuid::Uuid;

use crate::{
    access::Organization,
    aggregate::{Aggregate, AsRecord, Authority, Decide, Facts, Loaded, Record, States},
    refusal::Refusal,
};

/// The user who sends every command, unless a test says otherwise.
pub(crate) const ANA: UserId = UserId(Uuid::from_u128(0xa0a));
/// The key that is made for a command that makes one.
pub(crate) const NEW_KEY: KeyId = KeyId(Uuid::from_u128(0x4e3));
/// The number that is allocated for a command that asks for one.
pub(crate) const NUMBER: u64 = 17;
/// The id of every command.
pub(crate) const COMMAND: CommandId = CommandId(Uuid::from_u128(0xc0));

/// An instant, for instance `2026-05-31T12:00:00Z`.
pub(crate) fn at(text: &str) -> Instant {
    text.parse::<jiff::Timestamp>().unwrap().into()
}

/// A record, and everything else that has happened.
pub(crate) struct Given<A: Aggregate> {
    own: A,
    others: States,
    organization: Organization,
}

/// A record to which this has happened, in an organisation in São Paulo that reports in BRL.
pub(crate) fn given<A: AsRecord>(history: impl IntoIterator<Item = A::Event>) -> Given<A> {
    let mut own = A::default();
    for event in history {
        own.evolve(&event);
    }
    let mut organization = Organization::default();
    organization.evolve(
        &OrganizationFounded {
            name: Line::new("Annals").unwrap(),
            zone: Zone::new("America/Sao_Paulo").unwrap(),
            base_currency: Currency::new("BRL").unwrap(),
        }
        .into(),
    );
    Given { own, others: States::default(), organization }
}

impl<A: AsRecord> Given<A> {
    /// And this has happened to another record.
    pub(crate) fn with<E: CategoryEvents + Into<CrmEvent>>(
        mut self,
        stream: StreamName,
        history: impl IntoIterator<Item = E>,
    ) -> Self {
        let mut record = Record::unborn(stream.category);
        let mut version = Version::NONE;
        for event in history {
            record.evolve(&event.into());
            version = version.plus(1);
        }
        self.others.insert(stream, Loaded { version, record: Arc::new(record) });
        self
    }

    /// Judges a command, on 2026-05-20 at noon in UTC by Ana unless `adjust` changes the facts.
    /// It sees no other streams than those that it says it needs.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "a test reads like a sentence")]
    pub(crate) fn when<C: Decide<Aggregate = A>>(
        self,
        command: C,
        adjust: impl FnOnce(&mut Facts<'_>),
    ) -> Judged<A>
    where
        A::Event: Debug + PartialEq,
    {
        let states = self.needed(&command);
        let authority = Authority { token: TokenId(ANA.0), scopes: Scope::ALL.into() };
        let mut facts = Facts {
            now: at("2026-05-20T12:00:00Z"),
            actor: Actor { kind: ActorKind::User, id: ANA.0 },
            authority: Some(&authority),
            command_id: COMMAND,
            organization: &self.organization,
            states: &states,
            new_key: C::MAKES_KEY.then_some(NEW_KEY),
            clock: None,
            number: None,
        };
        adjust(&mut facts);
        let sequence = command.number(&self.own, facts.command_id, facts.today());
        facts.number = sequence.map(|_| NUMBER);
        let first = command.decide(&self.own, &facts);
        // Deciding is pure: the same question has the same answer.
        let second = command.decide(&self.own, &facts);
        assert_eq!(first, second);
        Judged {
            own: self.own,
            others: self.others,
            organization: self.organization,
            outcome: first,
        }
    }

    fn needed<C: Decide<Aggregate = A>>(&self, command: &C) -> States {
        let mut states = States::default();
        loop {
            let needs = command.needs(&self.own, &states);
            let new: Vec<_> = needs.into_iter().filter(|stream| !states.has(*stream)).collect();
            if new.is_empty() {
                return states;
            }
            for stream in new {
                let record = self.others.record(stream.into());
                let version = self.others.version(stream);
                let record = record.cloned().unwrap_or(Record::unborn(stream.category));
                states.insert(stream, Loaded { version, record: Arc::new(record) });
            }
        }
    }
}

/// What became of a command.
pub(crate) struct Judged<A: Aggregate> {
    own: A,
    others: States,
    organization: Organization,
    outcome: Result<Vec<A::Event>, Refusal>,
}

impl<A: AsRecord> Judged<A>
where
    A::Event: Debug + PartialEq,
{
    /// It was accepted with exactly these events.
    #[track_caller]
    pub(crate) fn then<E: Into<A::Event>>(self, events: impl IntoIterator<Item = E>) -> Given<A> {
        let expected: Vec<A::Event> = events.into_iter().map(Into::into).collect();
        assert_eq!(self.outcome.as_ref(), Ok(&expected));
        self.after()
    }

    /// It was accepted, and there was nothing left to do.
    #[track_caller]
    pub(crate) fn then_nothing(self) -> Given<A> {
        self.then::<A::Event>([])
    }

    /// It was refused by that rule.
    #[track_caller]
    pub(crate) fn then_refused(self, code: &str) {
        assert_eq!(self.outcome.map_err(|refusal| refusal.code()), Err(code));
    }

    /// It was accepted: what happened.
    #[track_caller]
    pub(crate) fn events(&self) -> &[A::Event] {
        self.outcome.as_ref().unwrap()
    }

    /// It was accepted: all of that, after what happened.
    #[track_caller]
    pub(crate) fn after(self) -> Given<A> {
        let mut own = self.own;
        for event in self.outcome.unwrap() {
            own.evolve(&event);
        }
        Given { own, others: self.others, organization: self.organization }
    }
}
