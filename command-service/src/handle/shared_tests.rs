//! Two write loops, many callers, few records: everything that was answered was true of some moment
//! between the question and the answer, by the log alone.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
};

use events::{
    Payload,
    ids::{AccountId, CommandId, ContactId, CustomerRef, KeyId, UserId},
};
use events_log::store::{EventFeed, StreamReader};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::{
    access::Organization,
    aggregate::{Command, Facts, Record, States},
    handle::{
        Accepted, Handler, Request,
        load::decode,
        testing::{ANA, NOON, Watched, World},
    },
};

const CALLERS: u64 = 16;
const COMMANDS: u64 = 40;

/// A stream of numbers from a seed (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }

    fn account(&mut self) -> AccountId {
        AccountId(Uuid::from_u128(0x100 + u128::from(self.below(3))))
    }

    fn contact(&mut self) -> ContactId {
        ContactId(Uuid::from_u128(0x200 + u128::from(self.below(3))))
    }

    fn user(&mut self) -> UserId {
        UserId(Uuid::from_u128(0x300 + u128::from(self.below(2))))
    }

    fn command(&mut self) -> (&'static str, Value) {
        let (account, contact, user) = (self.account(), self.contact(), self.user());
        let parent = CustomerRef::Account(self.account());
        let owner = json!({ "type": "user", "id": user });
        match self.below(14) {
            0 => ("CreateAccount", json!({ "account_id": account, "name": "A", "owner": owner })),
            1 | 2 => {
                let body = json!({ "contact_id": contact, "last_name": "C", "parent": parent });
                ("CreateContact", body)
            }
            3 => ("DeactivateAccount", json!({ "account_id": account })),
            4 => ("ReactivateAccount", json!({ "account_id": account })),
            5 => ("DeactivateContact", json!({ "contact_id": contact })),
            6 => ("ReactivateContact", json!({ "contact_id": contact })),
            7 => ("SetPrimaryContact", json!({ "account_id": account, "contact": contact })),
            8 => ("ChangeContactParent", json!({ "contact_id": contact, "parent": parent })),
            9 => {
                let parent = self.account();
                ("SetParentAccount", json!({ "account_id": account, "parent": parent }))
            }
            10 => ("DisableUser", json!({ "user_id": user })),
            11 => ("EnableUser", json!({ "user_id": user })),
            12 => {
                let record = json!({ "type": "account", "id": account });
                ("AssignOwner", json!({ "record": record, "owner": owner }))
            }
            _ => {
                let employees = self.below(3);
                ("ChangeAccountDetails", json!({ "account_id": account, "employees": employees }))
            }
        }
    }
}

/// What was asked and answered, and where the log ended before and after.
struct Told {
    command_id: CommandId,
    name: &'static str,
    body: Value,
    outcome: Result<Accepted, &'static str>,
    from: Position,
    to: Position,
}

/// All states at every position of the log: at index 7 after event 7.
struct History {
    states: Vec<HashMap<StreamName, Loaded>>,
    events: Vec<Arc<Recorded>>,
}

impl History {
    async fn of(world: &World) -> Self {
        let events = world.store.read(Position::START, usize::MAX).await.unwrap();
        let mut now: HashMap<StreamName, Loaded> = HashMap::new();
        let mut states = vec![now.clone()];
        for (count, event) in events.iter().enumerate() {
            assert_eq!(event.position, Position(count as u64 + 1), "the log has no holes");
            let before = now.get(&event.stream).map_or(Version::NONE, |loaded| loaded.version);
            assert_eq!(event.version, before.plus(1), "versions are dense");
            let unborn = || Arc::new(Record::unborn(event.stream.category));
            let mut record = now.get(&event.stream).map_or_else(unborn, |it| it.record.clone());
            Arc::make_mut(&mut record).evolve(&decode(&event.event).unwrap());
            now.insert(event.stream, Loaded { version: event.version, record });
            states.push(now.clone());
        }
        Self { states, events }
    }

    fn version(&self, at: Position, stream: StreamName) -> Version {
        let at = usize::try_from(at.0).unwrap();
        self.states[at].get(&stream).map_or(Version::NONE, |loaded| loaded.version)
    }

    /// How the command would have been judged at that position: the code of the refusal, or whether
    /// something would have happened.
    fn judge(
        &self,
        at: usize,
        command: &dyn Command,
        command_id: CommandId,
    ) -> Result<bool, &'static str> {
        let get = |stream: StreamName| {
            let unborn = || Arc::new(Record::unborn(stream.category));
            let none = || Loaded { version: Version::NONE, record: unborn() };
            self.states[at].get(&stream).cloned().unwrap_or_else(none)
        };
        let own = get(command.stream(command_id)).record;
        let mut states = States::default();
        loop {
            let mut needs = command.needs(&own, &states);
            needs.retain(|stream| !states.has(*stream));
            if needs.is_empty() {
                break;
            }
            needs.into_iter().for_each(|stream| states.insert(stream, get(stream)));
        }
        let facts = Facts {
            now: events::Instant::from_micros(NOON),
            actor: events::Actor { kind: events::ActorKind::User, id: ANA },
            authority: None,
            command_id,
            organization: &Organization::default(),
            states: &states,
            new_key: Some(KeyId(Uuid::from_u128(1))),
            clock: None,
            number: Some(1),
        };
        let decided = command.decide(&own, &facts).map_err(|refusal| refusal.code());
        decided.map(|events| !events.is_empty())
    }

    /// Whether an answer is untrue: nowhere between question and answer would it have been given, or
    /// what was accepted went by something older than the question.
    fn belies(&self, world: &World, told: &Told) -> bool {
        let command = world.parse(told.name, &told.body);
        let of = |event: &&Arc<Recorded>| event.event.cause.command_id == told.command_id;
        let caused: Vec<_> = self.events.iter().filter(of).collect();
        for event in &caused {
            let seen = Payload::decode(&event.event).unwrap().seen;
            let is_old = |(stream, version): (&String, &Version)| {
                *version < self.version(told.from, stream.parse().unwrap())
            };
            if seen.iter().any(is_old) {
                return true;
            }
        }
        let expected = told.outcome.map(|_| false);
        let mut between = (told.from.0..=told.to.0).map(|at| usize::try_from(at).unwrap());
        caused.is_empty()
            && !between.any(|at| self.judge(at, &*command, told.command_id) == expected)
    }
}

/// One caller, who sends to one loop or the other, and repeats now and then what was accepted.
async fn call(world: Arc<World>, both: [Arc<Handler>; 2], seed: u64) -> Vec<Told> {
    let mut random = Random(seed);
    let mut told = Vec::new();
    for _ in 0..COMMANDS {
        let (name, body) = random.command();
        let one = usize::try_from(random.below(2)).unwrap();
        let command_id = CommandId(world.id());
        let send = || Request { command_id, ..world.request(name, world.parse(name, &body)) };
        let from = world.store.head().await.unwrap().position;
        let outcome = match both[one].handle(send()).await {
            Ok(accepted) => Ok(accepted),
            Err(CommandError::Refused(refusal)) => Err(refusal.code()),
            Err(error) => panic!("{name}: {error}"),
        };
        let to = world.store.head().await.unwrap().position;
        if let Ok(accepted) = outcome
            && random.below(4) == 0
        {
            let again = both[1 - one].handle(send()).await.unwrap();
            assert!(again.replayed, "{name}");
            assert_eq!((again.record, again.version), (accepted.record, accepted.version));
        }
        told.push(Told { command_id, name, body, outcome, from, to });
    }
    told
}

/// Lets many callers loose on both loops. How many answers there were, of which kinds, and how many
/// of them were untrue.
async fn play(seed: u64, is_blind: bool) -> (usize, usize, usize) {
    let world = Arc::new(World::shared().await);
    for number in 0..2 {
        let user = UserId(Uuid::from_u128(0x300 + number));
        world.send("AddUser", json!({ "user_id": user, "name": "U" })).await.unwrap();
    }
    let loop_on = |_| {
        let store = Watched::new(world.store.clone(), None);
        if is_blind { world.blind_handler_on(store) } else { world.handler_on(store) }
    };
    let both = [0, 1].map(loop_on);
    let next = AtomicU64::new(seed);
    let callers = (0..CALLERS).map(|_| {
        let seed = next.fetch_add(1, Ordering::SeqCst) << 32;
        tokio::spawn(call(world.clone(), both.clone(), seed))
    });
    let mut told = Vec::new();
    for caller in callers.collect::<Vec<_>>() {
        told.extend(caller.await.unwrap());
    }
    let history = History::of(&world).await;
    let refused = told.iter().filter(|one| one.outcome.is_err()).count();
    let untrue = told.iter().filter(|one| history.belies(&world, one)).count();
    (told.len(), refused, untrue)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_was_true_at_some_moment() {
    for seed in 0..4 {
        let (all, refused, untrue) = play(seed * 1_000, false).await;
        assert_eq!(untrue, 0, "of {all} answers, {refused} of them refusals; seed {seed}");
        assert!(refused > all / 20 && refused < all - all / 20, "{refused} of {all} were refused");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loops_that_do_not_look_are_found_out() {
    let (_, _, untrue) = play(0, true).await;
    assert!(untrue > 0, "the check above would see nothing");
}
