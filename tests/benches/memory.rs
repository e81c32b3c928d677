//! How much memory a process holds.

/// What it holds now, in MiB; none where it is gone.
pub(crate) fn resident(process: u32) -> Option<f64> {
    figure(process, "VmRSS:")
}

/// The most it ever held, in MiB.
pub(crate) fn peak(process: u32) -> Option<f64> {
    figure(process, "VmHWM:")
}

fn figure(process: u32, name: &str) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: f64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib / 1_024.0)
}
