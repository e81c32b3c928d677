//! Numbers that look random and are the same everywhere for the same seed.

/// A small generator of numbers (splitmix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// A generator that begins at `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `sides`.
    pub const fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % sides
    }

    /// An amount or a share below `end`.
    pub fn number(&mut self, end: u64) -> i64 {
        i64::try_from(self.roll(end)).expect("a small number")
    }

    /// A day below `end`.
    pub fn day(&mut self, end: u32) -> u32 {
        u32::try_from(self.roll(end.into())).expect("a small number")
    }

    /// One of the items.
    pub fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        let index = usize::try_from(self.roll(items.len() as u64)).expect("a small number");
        items[index].clone()
    }
}
