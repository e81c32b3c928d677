//! The cluster under faults of real processes: every role, `nats-server` and PostgreSQL are killed,
//! put to sleep and deprived of what they keep, while writers write and readers read.
//!
//! `ANNALS_SEED` chooses other moments, `ANNALS_ROUNDS` more of them.

use tests::Shape;
use tokio::sync::Mutex;

// What can be done to a cluster, and how it is undone.
mod faults;
// Streams and their folders, from outside.
mod stream;
// Who writes and who reads meanwhile.
mod traffic;
// What has to be so after each fault.
mod check;
// One fault after the other.
mod run;
// Processes that were asleep while others worked.
mod asleep;
// The stream is lost under many commands.
mod stream_lost;
// The check catches what it is there for.
mod planted;

const SHAPE: Shape = Shape { commands: 2, projections: 2, queries: 2 };

/// One cluster at a time: how soon one has caught up depends on what else the machine does.
static TURN: Mutex<()> = Mutex::const_new(());
