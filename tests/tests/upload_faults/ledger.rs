//! What is to be uploaded, and what became of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kartei_test_support::Dice;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// One of so many has the content of the one before it.
const EQUAL_TO_ANOTHER: u64 = 20;

/// An upload that was begun.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    pub(crate) size: u64,
    pub(crate) digest: String,
}

/// Numbers for the report.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    /// Processes of clients that were killed.
    pub(crate) clients_killed: u64,
    /// Processes of clients that were started.
    pub(crate) clients_started: u64,
    /// Parts that a stranger sent although they were there already.
    pub(crate) parts_twice: u64,
    /// Requests of strangers that failed, and were made up for.
    pub(crate) stumbles: u64,
    /// Uploads of each kind of client.
    pub(crate) by_kind: BTreeMap<&'static str, u64>,
}

/// Shared by everybody.
#[derive(Debug)]
pub(crate) struct Ledger {
    inner: Mutex<Inner>,
    uploads: u64,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    expected: BTreeMap<String, Expected>,
    /// Uploads that a person would have to look at, with why.
    given_up: Vec<String>,
    counts: Counts,
}

/// An upload that is to be made.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

impl Ledger {
    pub(crate) fn new(uploads: u64) -> Self {
        Self { inner: Mutex::default(), uploads }
    }

    /// The next uploads for a kind of client, at most so many; none when all are taken.
    pub(crate) fn take(&self, kind: &'static str, many: u64, dice: &mut Dice) -> Vec<Order> {
        let numbers = {
            let mut inner = self.lock();
            let first = inner.next;
            inner.next = self.uploads.min(first + many);
            let taken = inner.next - first;
            *inner.counts.by_kind.entry(kind).or_default() += taken;
            first..inner.next
        };
        let mut seed = dice.roll(u64::MAX);
        let mut size = size(dice);
        let mut orders = Vec::new();
        for number in numbers {
            if dice.roll(EQUAL_TO_ANOTHER) != 0 || orders.is_empty() {
                (seed, size) = (dice.roll(u64::MAX), self::size(dice));
            }
            let bytes = noise(seed, size);
            let name = format!("{number} {kind}.bin");
            let digest = blake3::hash(&bytes).to_string();
            self.lock().expected.insert(name.clone(), Expected { size, digest });
            orders.push(Order { name, bytes });
        }
        orders
    }

    pub(crate) fn give_up(&self, what: String) {
        println!("given up: {what}");
        self.lock().given_up.push(what);
    }

    pub(crate) fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.lock().counts);
    }

    pub(crate) fn expected(&self) -> BTreeMap<String, Expected> {
        self.lock().expected.clone()
    }

    pub(crate) fn given_up(&self) -> Vec<String> {
        self.lock().given_up.clone()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.lock().counts.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Mostly small, as files are; a megabyte on average.
fn size(dice: &mut Dice) -> u64 {
    let below = match dice.roll(100) {
        0..=4 => 4,
        5..=49 => 64 * KIB,
        50..=79 => MIB,
        80..=95 => 4 * MIB,
        _ => 24 * MIB,
    };
    dice.roll(below)
}

/// Bytes that nothing compresses, always the same for a seed.
fn noise(seed: u64, size: u64) -> Vec<u8> {
    let mut dice = Dice::seeded(seed);
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        bytes.extend_from_slice(&dice.roll(u64::MAX).to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}
