//! Mistakes that are compiled in, to see whether a check catches them: a check is worth what it was
//! seen to catch. A build with them is of no other use, and makes one of them at a time.

use std::sync::OnceLock;

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// A command is acknowledged, and committed a moment later.
    AcknowledgeBeforeCommit,
    /// The read models' checkpoint moves in another transaction than their rows.
    CheckpointApart,
    /// The sequence of a message in the stream is taken for the position of its event.
    SequenceAsPosition,
    /// Positions are drawn from a sequence of the database, which takes none back.
    PlainSequence,
    /// The SQLite log is synced at checkpoints of its WAL only, not at every commit.
    SynchronousNormal,
    /// A flush of the SQLite log that failed is taken for one that did not.
    SwallowedFlush,
    /// A backup copies the file of the SQLite log without its WAL.
    CopyWithoutWal,
}

impl Mistake {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::AcknowledgeBeforeCommit,
        Self::CheckpointApart,
        Self::SequenceAsPosition,
        Self::PlainSequence,
        Self::SynchronousNormal,
        Self::SwallowedFlush,
        Self::CopyWithoutWal,
    ];

    /// How it is named.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AcknowledgeBeforeCommit => "acknowledge-before-commit",
            Self::CheckpointApart => "checkpoint-apart",
            Self::SequenceAsPosition => "sequence-as-position",
            Self::PlainSequence => "plain-sequence",
            Self::SynchronousNormal => "synchronous-normal",
            Self::SwallowedFlush => "swallowed-flush",
            Self::CopyWithoutWal => "copy-without-wal",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mistake| mistake.name() == name)
    }

    /// Whether this process makes it.
    #[must_use]
    pub fn is_planted(self) -> bool {
        planted() == Some(self)
    }
}

static PLANTED: OnceLock<Mistake> = OnceLock::new();

/// Makes it from now on. The first word counts.
pub fn plant(mistake: Mistake) {
    PLANTED.get_or_init(|| mistake);
}

/// The mistake that this process makes.
#[must_use]
pub fn planted() -> Option<Mistake> {
    PLANTED.get().copied()
}
