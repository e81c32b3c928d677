//! When the copying thread is woken, and when the writer helps.

use std::sync::{Arc, Mutex, mpsc};

use super::{BOUND_PAGES, Maintenance, WAKE_PAGES};
use crate::store::sqlite::statements::WalSize;

fn maintenance() -> (Maintenance, mpsc::Receiver<()>) {
    let (wake, woken) = mpsc::sync_channel(1);
    (Maintenance { wake, copying: Arc::new(Mutex::new(())), bound: BOUND_PAGES }, woken)
}

#[test]
fn a_short_log_is_left_alone() {
    let (mut maintenance, woken) = maintenance();
    assert!(!maintenance.after_commit(WalSize { pages: WAKE_PAGES - 1, copied: 0 }));
    assert!(!maintenance.after_commit(WalSize { pages: BOUND_PAGES - 1, copied: BOUND_PAGES - 9 }));
    assert!(woken.try_recv().is_err());
}

#[test]
fn the_thread_is_woken_once_when_enough_waits() {
    let (mut maintenance, woken) = maintenance();
    for _ in 0..3 {
        assert!(!maintenance.after_commit(WalSize { pages: WAKE_PAGES, copied: 0 }));
    }
    assert!(woken.try_recv().is_ok());
    assert!(woken.try_recv().is_err());
}

#[test]
fn the_writer_helps_at_the_bound_and_not_again_at_once_when_that_was_in_vain() {
    let (mut maintenance, _woken) = maintenance();
    let at = |pages| WalSize { pages, copied: pages - 10 };
    assert!(maintenance.after_commit(at(BOUND_PAGES)));
    assert!(!maintenance.after_commit(at(BOUND_PAGES + 1)));
    assert!(maintenance.after_commit(at(BOUND_PAGES + WAKE_PAGES)));
    // It has started again from the beginning.
    assert!(!maintenance.after_commit(at(10)));
    assert!(maintenance.after_commit(at(BOUND_PAGES)));
}
