//! Work on a thread that is told to stop before its end.

use std::sync::atomic::{AtomicU8, Ordering};

/// Why it is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Halt {
    /// Somebody asked for it.
    Cancelled = 1,
    /// It is another program's, or it ended.
    Lost,
    /// This program stops.
    Stopping,
}

/// Where it hears of that.
#[derive(Debug, Default)]
pub(crate) struct Halting(AtomicU8);

impl Halting {
    pub(crate) fn heard(&self) -> Option<Halt> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            1 => Some(Halt::Cancelled),
            2 => Some(Halt::Lost),
            _ => Some(Halt::Stopping),
        }
    }

    pub(crate) fn say(&self, halt: Halt) {
        self.0.store(halt as u8, Ordering::Relaxed);
    }
}
