//! Disks that lose power, fail or fill up under the product.

// The disk below one folder, as `shim.c` shows it to the process.
mod shim;
// The power goes: what was not synced is gone.
mod power;
// A write or a flush fails, at every place where there is one.
mod errors;
// No room is left, from any moment on.
mod full;
// Builds that are wrong about the disk are found out.
mod planted;
