//! Progress on standard error: a bar on a terminal, a line every few seconds anywhere else.

use std::{
    io::{IsTerminal, Write},
    thread,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, WeakProgressBar};

/// How often a line is written where there is no terminal.
const RHYTHM: Duration = Duration::from_secs(3);

/// A bar that shows itself by `template` on a terminal, and tells in lines where there is none.
#[must_use]
pub fn progress(template: &str) -> ProgressBar {
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style);
    if !std::io::stderr().is_terminal() {
        let told = bar.downgrade();
        // A thread of its own: work that keeps every task busy is still told of. It ends with the bar.
        thread::spawn(move || tell(&told, RHYTHM, &mut std::io::stderr()));
    }
    bar
}

/// Tells how far it is, again and again, until the bar is finished or gone.
fn tell(bar: &WeakProgressBar, rhythm: Duration, out: &mut dyn Write) {
    loop {
        thread::park_timeout(rhythm);
        let Some(bar) = bar.upgrade().filter(|bar| !bar.is_finished()) else { return };
        if writeln!(out, "annals: {}", line(&bar)).is_err() {
            return;
        }
    }
}

fn line(bar: &ProgressBar) -> String {
    let seconds = bar.elapsed().as_secs();
    let message = bar.message();
    let what = if message.is_empty() { "at work" } else { &message };
    match bar.length().filter(|length| *length > 0) {
        Some(length) => format!("{what}: {} of {length} after {seconds} s", bar.position()),
        None => format!("{what}: for {seconds} s"),
    }
}

#[cfg(test)]
#[path = "telling_tests.rs"]
mod tests;
