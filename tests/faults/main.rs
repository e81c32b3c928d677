//! What must hold when something breaks.

#![expect(clippy::print_stderr, reason = "a run says what it was and what it saw")]
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it has to be")]

// Several writers at once, whose every command is drawn from a seed and kept with its answer.
mod load;
// Reads the whole log from outside and holds it against what was acknowledged.
mod history;
// Callers who are slow, deaf, many, inventive or strangers.
mod hostile;
// The process is killed at random moments.
mod killed;
// Callers ask for more than there is.
mod overload;
// The bus loses, repeats, reorders, delays, forges and forgets.
mod bus;
// Disks that lose power, fail or fill up.
mod disk;
// A bit of a file flips.
mod flips;
// The cluster: processes, servers and what they keep.
mod cluster;
