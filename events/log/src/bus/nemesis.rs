//! A bus that means ill: it loses, repeats, reorders, delays, forges and forgets, by a seed.

use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use events::envelope::Position;
use tokio::{sync::Notify, time::timeout};

use super::{Bus, BusError, Last, Message, Publisher, Subscription};
use crate::store::Answer;

/// A small generator of numbers that a seed decides (xorshift64*).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The dice of that seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        // Spread the seed: neighbouring seeds must not roll alike, and zero would roll zeros.
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    /// A number from 0 to below `sides`.
    pub const fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % sides
    }

    /// Whether something that happens `percent` times in a hundred happens now.
    pub const fn happens(&mut self, percent: u64) -> bool {
        self.roll(100) < percent
    }
}

/// How often, in a hundred times, each evil is done.
#[derive(Clone, Copy, Debug)]
pub struct Evils {
    /// A message is lost.
    pub lose: u64,
    /// A message is delivered again, up to twenty times.
    pub repeat: u64,
    /// What is on its way is turned round.
    pub reorder: u64,
    /// A message stays on its way for now.
    pub delay: u64,
    /// A forged message is slipped in: other bytes, from beyond the head, or hiding what came before.
    pub forge: u64,
    /// Everything on its way is forgotten.
    pub forget: u64,
    /// The bus fails, and its subscriber has to come again.
    pub fail: u64,
}

impl Evils {
    /// Evils of a strength that the dice decide: from hardly any to nearly nothing but.
    #[must_use]
    pub const fn rolled(dice: &mut Dice) -> Self {
        Self {
            lose: dice.roll(60),
            repeat: dice.roll(60),
            reorder: dice.roll(60),
            delay: dice.roll(60),
            forge: dice.roll(30),
            forget: dice.roll(10),
            fail: dice.roll(10),
        }
    }
}

struct State {
    dice: Dice,
    evils: Evils,
    /// What is on its way to each subscriber.
    ways: Vec<VecDeque<Message>>,
    /// Everything ever published: repeats come from here.
    published: Vec<Message>,
    last: Option<Last>,
}

/// The bus. Everything it does follows from its seed and what is asked of it.
#[derive(Clone)]
pub struct NemesisBus {
    state: Arc<Mutex<State>>,
    come: Arc<Notify>,
}

impl NemesisBus {
    /// The bus of that seed, as evil as the seed says.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let evils = Evils::rolled(&mut dice);
        Self::with(dice, evils)
    }

    /// A bus that does exactly these evils.
    #[must_use]
    pub fn with(dice: Dice, evils: Evils) -> Self {
        let (ways, published) = (Vec::new(), Vec::new());
        let state = State { dice, evils, ways, published, last: None };
        Self { state: Arc::new(Mutex::new(state)), come: Arc::new(Notify::new()) }
    }

    fn with_state<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn publish(&mut self, messages: Vec<Message>) {
        let Self { dice, evils, ways, published, last } = self;
        for message in messages {
            *last = Some(Last { position: message.event.position, leaf: message.event.leaf });
            for way in &mut *ways {
                if !dice.happens(evils.lose) {
                    way.push_back(message.clone());
                }
                if dice.happens(evils.forge) {
                    way.push_back(forged(&message, dice));
                }
            }
            published.push(message);
        }
        for way in ways {
            if dice.happens(evils.forget) {
                way.clear();
            }
        }
        if dice.happens(evils.forget) {
            *last = None;
        }
    }

    /// What comes out of one way, after all evils.
    fn deliver(&mut self, way: usize, limit: usize) -> Result<Vec<Message>, BusError> {
        let Self { dice, evils, ways, published, .. } = self;
        if dice.happens(evils.fail) {
            return Err(BusError("the nemesis had its way".into()));
        }
        let way = &mut ways[way];
        let mut out = VecDeque::new();
        for message in mem::take(way) {
            if dice.happens(evils.delay) || out.len() >= limit {
                way.push_back(message);
            } else {
                out.push_back(message);
            }
        }
        if dice.happens(evils.repeat) && !published.is_empty() {
            for _ in 0..=dice.roll(20) {
                let index = usize::try_from(dice.roll(published.len() as u64)).unwrap_or(0);
                let place = usize::try_from(dice.roll(out.len() as u64 + 1)).unwrap_or(0);
                out.insert(place, published[index].clone());
            }
        }
        if dice.happens(evils.reorder) {
            out.make_contiguous().reverse();
        }
        // What is beyond the limit is lost: one more evil.
        out.truncate(limit);
        Ok(out.into())
    }
}

/// A message that looks like `message` and is not. It is one that can be told: who could publish
/// a true event under another's position would have to be kept out by the bus itself.
fn forged(message: &Message, dice: &mut Dice) -> Message {
    let mut forged = message.clone();
    let event = Arc::make_mut(&mut forged.event);
    match dice.roll(4) {
        // Other bytes under the same leaf.
        0 => event.event.payload = Bytes::from_static(b"{\"data\":{}}"),
        // Another's deed, continuing what is the head now.
        1 => {
            forged.previous = event.position;
            event.position = Position(event.position.0 + 1);
            event.event.cause.actor.id = event.event.event_id.0;
        }
        // From far beyond the head, claiming to continue whatever the follower has.
        2 => event.position = Position(event.position.0 + 1_000_000),
        // Hides what came before it.
        _ => forged.previous = Position(forged.previous.0.saturating_sub(dice.roll(5))),
    }
    forged
}

impl Publisher for NemesisBus {
    fn last(&self) -> Answer<'_, Result<Option<Last>, BusError>> {
        Box::pin(std::future::ready(Ok(self.with_state(|state| state.last))))
    }

    fn publish(&self, messages: Vec<Message>) -> Answer<'_, Result<(), BusError>> {
        self.with_state(|state| state.publish(messages));
        self.come.notify_waiters();
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Bus for NemesisBus {
    fn subscribe(&self, _: Position) -> Answer<'_, Result<Box<dyn Subscription>, BusError>> {
        let way = self.with_state(|state| {
            state.ways.push(VecDeque::new());
            state.ways.len() - 1
        });
        let ear = NemesisEar { bus: self.clone(), way };
        Box::pin(std::future::ready(Ok(Box::new(ear) as Box<dyn Subscription>)))
    }
}

struct NemesisEar {
    bus: NemesisBus,
    way: usize,
}

impl Subscription for NemesisEar {
    fn next(
        &mut self,
        limit: usize,
        patience: Duration,
    ) -> Answer<'_, Result<Vec<Message>, BusError>> {
        Box::pin(async move {
            let deliver = || self.bus.with_state(|state| state.deliver(self.way, limit));
            let come = self.bus.come.notified();
            let messages = deliver()?;
            // With nothing on its way it waits; woken or not, it answers with what there is.
            if !messages.is_empty() || timeout(patience, come).await.is_err() {
                return Ok(messages);
            }
            deliver()
        })
    }
}
