//! What is known of a sales chain after all of its facts: enough to go on when the next one comes in
//! the order of business time, which is what nearly all do.

use std::collections::BTreeMap;

use events::ids::RecordRef;
use serde::{Deserialize, Serialize};

use super::{
    chain_fact::ChainFact,
    chain_state::Chain,
    chain_worth::{Steps, Worth, difference, step},
};

/// An instant, in microseconds, and its business day.
type When = (i64, i64);

/// A chain after its last fact in business time.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Known {
    /// How many facts it has.
    pub(super) facts: u32,
    /// The latest of them.
    latest: Option<When>,
    chain: Chain,
}

impl Known {
    /// Whether that fact is the last in business time, and can be taken without those before it.
    pub(super) fn is_continued_by(&self, fact: &ChainFact) -> bool {
        let own = (fact.effective_at, fact.day);
        // On the same instant the later record wins. The day may differ where the zone did.
        let is_last = self.latest.is_none_or(|latest| own.0 > latest.0 || own == latest);
        is_last && Chain::knows_enough_for(fact)
    }

    /// Takes such a fact; answers with what it changes on which day.
    pub(super) fn take(&mut self, fact: &ChainFact) -> Steps {
        let before = self.chain.worth();
        self.chain.apply(fact);
        let mut steps = Steps::new();
        step(&mut steps, fact.day, difference(&self.chain.worth(), &before));
        self.latest = Some((fact.effective_at, fact.day));
        self.facts = self.facts.saturating_add(1);
        steps
    }

    /// The chain after all of these facts, and the steps of its worth over business time.
    ///
    /// A document begins no later than the first thing that happened to it; on the same instant the
    /// later record wins. Whether a deal is open and a quote active goes by the order of recording
    /// (see [`crate::record::business_order`]).
    pub(super) fn of(facts: &[ChainFact]) -> (Steps, Self) {
        let mut begins: BTreeMap<RecordRef, When> = BTreeMap::new();
        for fact in facts {
            let own = (fact.effective_at, fact.day);
            let begin = begins.entry(fact.document).or_insert(own);
            *begin = own.min(*begin);
        }
        let when = |fact: &ChainFact| {
            let begin = begins.get(&fact.document).filter(|_| fact.begins());
            begin.copied().unwrap_or((fact.effective_at, fact.day))
        };
        let mut ordered: Vec<_> = facts.iter().map(|fact| (when(fact), fact)).collect();
        ordered.sort_by_key(|(when, fact)| (when.0, fact.position));
        let mut chain = Chain::default();
        let mut before = Worth::new();
        let mut steps = Steps::new();
        for day in ordered.chunk_by(|(a, _), (b, _)| a.1 == b.1) {
            day.iter().for_each(|(_, fact)| chain.apply(fact));
            let after = chain.worth();
            if let Some(((_, number), _)) = day.first() {
                step(&mut steps, *number, difference(&after, &before));
            }
            before = after;
        }
        let latest = ordered.iter().map(|(when, _)| *when).max();
        let facts = u32::try_from(facts.len()).unwrap_or(u32::MAX);
        (steps, Self { facts, latest, chain })
    }
}

#[cfg(test)]
#[path = "chain_known_tests.rs"]
mod tests;
