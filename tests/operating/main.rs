//! What an operator does with the binary: real processes, real folders, real lists.

// The mappings of the project against the lists they were written for, without a service.
mod mapping;
// Reads whole answers and compares them with the figures that were computed apart.
mod figures;
// `annals import` from the first row to the last figure.
mod import;
// What an import that was cut off, edited or corrected leaves.
mod import_again;
