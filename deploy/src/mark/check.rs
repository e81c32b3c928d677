//! Whether a log is the one that was there before, by what is kept apart from it.

use std::fmt;

use events::{Leaf, Position, ids::LogId};
use events_log::mark::Mark;

use crate::exit::{Code, Exit};

/// What there is of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// What it says.
    Mark(Mark),
    /// There is none.
    Missing,
    /// There is one, and it proves nothing.
    Unproven,
}

impl Found {
    /// Of the text that was kept; none where it is no text.
    pub(crate) fn of(text: Option<&str>, installation_key: &[u8; 32]) -> Self {
        let mark = text.and_then(|text| Mark::parse(text, installation_key).ok());
        mark.map_or(Self::Unproven, Self::Mark)
    }

    pub(crate) const fn mark(&self) -> Option<&Mark> {
        match self {
            Self::Mark(mark) => Some(mark),
            Self::Missing | Self::Unproven => None,
        }
    }
}

/// A position that the log had, by the word of something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// The position.
    pub(crate) position: Position,
    /// The leaf of the event that was there.
    pub(crate) leaf: Option<Leaf>,
    /// The leaf of the event that the log holds there now.
    pub(crate) there: Option<Leaf>,
}

/// The log as it is, and what is known of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    /// Its id.
    pub(crate) log: LogId,
    /// Where it ends.
    pub(crate) head: Position,
    /// The leaf of its last event.
    pub(crate) leaf: Option<Leaf>,
    /// Whether it says that a mark was kept.
    pub(crate) keeps_mark: bool,
    /// What there is of the mark.
    pub(crate) found: Found,
    /// What the log holds where the mark is.
    pub(crate) at_mark: Option<Leaf>,
    /// What the read models have seen of it.
    pub(crate) reads: Option<Known>,
    /// Where the log ended that was accepted last in place of a newer one: what had come after is
    /// known to be lost.
    pub(crate) cut: Option<Position>,
}

impl Held {
    /// The word of the read models, unless they tell of what is known to be lost.
    fn reads(&self) -> Option<Known> {
        self.reads.filter(|known| self.cut.is_none_or(|cut| known.position <= cut))
    }
}

/// An older log that is accepted, because the operator said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// How often that happened before, by the mark.
    pub(crate) epoch: u32,
    /// Where the log ends.
    pub(crate) position: Position,
    /// The leaf of its last event.
    pub(crate) leaf: Leaf,
    /// The newest position that was known, and the leaf that was there.
    pub(crate) known: Option<(Position, Option<Leaf>)>,
}

/// Why a log must not be used.
enum Fault {
    /// The witness knows more than the log holds.
    Shorter(&'static str, Known),
    /// The log holds something else than what the witness knows.
    Other(&'static str, Known),
    /// The mark is gone.
    NoMark,
    /// The mark says nothing.
    Unproven,
    /// The mark is of another log.
    Foreign,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shorter(witness, known) => {
                write!(f, "{witness} had come to position {}", known.position)
            }
            Self::Other(witness, known) => {
                write!(f, "{witness} knows another event at position {}", known.position)
            }
            Self::NoMark => f.write_str("the mark of its newest position is missing"),
            Self::Unproven => f.write_str(
                "the mark of its newest position is damaged, forged, or of another installation.key",
            ),
            Self::Foreign => f.write_str("the mark of its newest position is of another log"),
        }
    }
}

/// Whether the log may be used; what is to be written down when an older one is accepted.
///
/// `accepted` is the position that the operator repeated: a switch that stays behind in a unit file
/// accepts no other loss than the one it was given for.
///
/// # Errors
/// One line that says what was found, and the switch.
pub(crate) fn judge(held: &Held, accepted: Option<u64>) -> Result<Option<Accepted>, Exit> {
    let Some(fault) = fault(held) else {
        if let Some(position) = accepted {
            tracing::warn!(position, "nothing is to be accepted: the log is not older than known");
        }
        return Ok(None);
    };
    let mark = held.found.mark().filter(|mark| mark.log == held.log);
    let of_mark = mark.map(|mark| (mark.position, mark.leaf));
    let of_reads = held.reads().map(|known| (known.position, known.leaf));
    let known = of_mark.max_by_position(of_reads);
    let number = known.map_or(held.head, |(position, _)| position.max(held.head));
    let (Some(leaf), true) = (held.leaf, accepted == Some(number.0)) else {
        return Err(refused(held, &fault, number));
    };
    let epoch = mark.map_or(0, |mark| mark.epoch);
    tracing::warn!(position = %held.head, why = %fault, "an older log is accepted");
    Ok(Some(Accepted { epoch, position: held.head, leaf, known }))
}

fn fault(held: &Held) -> Option<Fault> {
    let of_mark = match &held.found {
        Found::Mark(mark) if mark.log != held.log => return Some(Fault::Foreign),
        Found::Mark(mark) => {
            Some(Known { position: mark.position, leaf: mark.leaf, there: held.at_mark })
        }
        Found::Unproven => return Some(Fault::Unproven),
        // A log without events has nothing to lose; one of an earlier build has no mark yet.
        Found::Missing if held.keeps_mark && held.head > Position::START => {
            return Some(Fault::NoMark);
        }
        Found::Missing => None,
    };
    let witnesses = [("its mark", of_mark), ("the read models", held.reads())];
    witnesses.into_iter().find_map(|(witness, known)| {
        let known = known.filter(|known| known.leaf.is_some())?;
        if known.position > held.head {
            Some(Fault::Shorter(witness, known))
        } else if known.leaf != known.there {
            Some(Fault::Other(witness, known))
        } else {
            None
        }
    })
}

fn refused(held: &Held, fault: &Fault, number: Position) -> Exit {
    let head = held.head;
    let line = format!(
        "the log is not the one that was there: it ends at position {head}, and {fault}. Put the \
         newer log back; or, to go on from here and lose what came after, start once with \
         --accept-older-log {number}"
    );
    Exit::new(Code::Tampered, line)
}

/// The one of two that knows more.
trait MaxByPosition {
    fn max_by_position(self, other: Self) -> Self;
}

impl MaxByPosition for Option<(Position, Option<Leaf>)> {
    fn max_by_position(self, other: Self) -> Self {
        let position = |known: &Self| known.map(|(position, _)| position);
        if position(&other) > position(&self) { other } else { self }
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
