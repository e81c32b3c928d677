//! What slow bodies may hold together.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// How many bytes of bodies may be in memory that gave their place away: four of the longest lists.
pub(super) const LATE_BYTES: usize = 4 * command_service::http::MAX_LIST_BODY;

/// The room that all late bodies share, in bytes.
#[derive(Debug)]
pub(super) struct LateRoom(AtomicUsize);

/// What one late body takes of it. It is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Taken {
    room: Arc<LateRoom>,
    bytes: usize,
}

impl LateRoom {
    pub(super) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(bytes)))
    }
}

impl Taken {
    /// Nothing yet.
    pub(super) const fn of(room: Arc<LateRoom>) -> Self {
        Self { room, bytes: 0 }
    }

    /// Takes so much more; whether there was room.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        let take = |left: usize| left.checked_sub(bytes);
        let has_room = self.room.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok();
        if has_room {
            self.bytes += bytes;
        }
        has_room
    }

    /// Gives all of it back.
    pub(super) fn give_back(&mut self) {
        self.room.0.fetch_add(std::mem::take(&mut self.bytes), Ordering::Relaxed);
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.give_back();
    }
}
