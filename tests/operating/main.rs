//! What an operator does with the binary: real processes, real folders, real lists.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it has to be")]

// Runs commands that have to be refused, and sees what they touched.
mod refusals;
// The mappings of the project against the lists they were written for, without a service.
mod mapping;
// Reads whole answers and compares them with the figures that were computed apart.
mod figures;
// `annals import` from the first row to the last figure.
mod import;
// What an import that was cut off, edited or corrected leaves.
mod import_again;
// Starts that have to be refused, and what a start says and leaves.
mod startup;
// Folders that have lost files, and logs that are older than is known of them.
mod lost;
mod older_log;
// Keys that are damaged or lost.
mod keys;
// An end that is asked for, under load.
mod shutdown;
// Write-ahead logs under a load, and after an end.
mod wal;
// How far the read models are behind.
mod lag;
// A damaged record, and a backup of it.
mod damaged;
// `annals verify` on a whole log and on changed ones.
mod verify;
// `annals backup` while writers write, and a start on the copy.
mod backup;
// `annals replay`, cut off and run again; `annals demo` twice.
mod replay;
// File modes: what is kept is its owner's alone.
mod modes;
// `annals token`: what a token opens, and until when.
mod tokens;
// More connections than there is room for.
mod crowded;
// Settings by any name, wrong calls, what goes to a pipe.
mod settings;
