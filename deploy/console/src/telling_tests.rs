//! Lines about long work, as they go to a pipe.

use super::*;

/// Takes lines until there are enough, then ends the bar.
struct Enough {
    lines: Vec<String>,
    bar: ProgressBar,
}

impl Write for Enough {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.lines.push(String::from_utf8_lossy(bytes).into_owned());
        self.bar.inc(1);
        if self.lines.concat().matches('\n').count() >= 3 {
            self.bar.finish_and_clear();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_pipe_is_told_again_and_again_how_far_the_work_is() {
    let bar = ProgressBar::hidden();
    bar.set_length(20);
    bar.set_message("events");
    let mut out = Enough { lines: Vec::new(), bar: bar.clone() };
    tell(&bar.downgrade(), Duration::from_millis(1), &mut out);
    let text = out.lines.concat();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[0].starts_with("annals: events: 0 of 20 after "), "{text}");
    assert!(lines.iter().all(|line| line.contains(" of 20 ")), "{text}");
}

#[test]
fn telling_ends_with_the_bar() {
    let bar = ProgressBar::hidden();
    let told = bar.downgrade();
    drop(bar);
    let mut out = Vec::new();
    tell(&told, Duration::from_millis(1), &mut out);
    assert!(out.is_empty());
}

#[test]
fn work_of_unknown_length_is_told_by_its_time() {
    let bar = ProgressBar::hidden();
    assert_eq!(line(&bar), "at work: for 0 s");
}
