//! Texts that occur again and again, each kept once and known by a number.

/// A multiplier whose bits look random (2^64 divided by the golden ratio): Fibonacci hashing.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// Mixes a word into a hash: both halves of the product, so that every bit reaches the lowest ones.
#[inline]
fn mix(hash: u64, word: u64) -> u64 {
    let product = u128::from(hash ^ word) * u128::from(MULTIPLIER);
    #[expect(clippy::cast_possible_truncation, reason = "the halves of 128 bits")]
    let halves = (product as u64, (product >> 64) as u64);
    halves.0 ^ halves.1
}

/// A cheap hash of a text that begins so. Texts come from files that people import for themselves:
/// whoever constructs collisions slows only that import.
#[inline]
fn hash_of(text: &[u8], prefix: u64) -> u64 {
    let mut hash = mix(text.len() as u64, prefix);
    if text.len() > 8 {
        for eight in text[8..].as_chunks::<8>().0 {
            hash = mix(hash, u64::from_le_bytes(*eight));
        }
        if let Some(last) = text.last_chunk::<8>() {
            hash = mix(hash, u64::from_le_bytes(*last));
        }
    }
    hash
}

/// A text: what it begins with, and where it stands.
#[derive(Debug, Clone, Copy)]
struct Entry {
    prefix: u64,
    start: u32,
    end: u32,
}

/// Where a hash leads: its upper half, and the number of the text plus one, 0 for none.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    hash: u32,
    number: u32,
}

/// Texts and their numbers, which count from zero in the order of first occurrence.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    /// As many as a power of two.
    slots: Vec<Slot>,
    entries: Vec<Entry>,
    bytes: Vec<u8>,
}

/// Slots at least, once there is a text.
const SLOTS_MIN: usize = 64;

impl Interner {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The text with a number.
    #[inline]
    pub(crate) fn get(&self, number: u32) -> &[u8] {
        let entry = self.entries[number as usize];
        &self.bytes[entry.start as usize..entry.end as usize]
    }

    /// The number of a text, and whether it is new.
    #[inline]
    pub(crate) fn number(&mut self, text: &[u8]) -> (u32, bool) {
        if self.entries.len() * 2 >= self.slots.len() {
            self.grow();
        }
        let prefix = prefix(text);
        let hash = hash_of(text, prefix);
        let upper = upper_half(hash);
        let mask = self.slots.len() - 1;
        #[expect(clippy::cast_possible_truncation, reason = "masked to the slots")]
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot.number == 0 {
                break;
            }
            if slot.hash == upper && self.is(slot.number - 1, text, prefix) {
                return (slot.number - 1, false);
            }
            at = (at + 1) & mask;
        }
        let start = crate::bits::short(self.bytes.len());
        self.bytes.extend_from_slice(text);
        let end = crate::bits::short(self.bytes.len());
        self.entries.push(Entry { prefix, start, end });
        let number = crate::bits::short(self.entries.len());
        self.slots[at] = Slot { hash: upper, number };
        (number - 1, true)
    }

    /// Whether a text has this number; short ones are their prefix and length.
    #[inline]
    fn is(&self, number: u32, text: &[u8], prefix: u64) -> bool {
        let entry = self.entries[number as usize];
        entry.prefix == prefix
            && (entry.end - entry.start) as usize == text.len()
            && (text.len() <= 8 || self.get(number) == text)
    }

    #[cold]
    fn grow(&mut self) {
        let length = (self.slots.len() * 2).max(SLOTS_MIN);
        self.slots.clear();
        self.slots.resize(length, Slot::default());
        for (number, entry) in (1..).zip(&self.entries) {
            let text = &self.bytes[entry.start as usize..entry.end as usize];
            let hash = hash_of(text, entry.prefix);
            #[expect(clippy::cast_possible_truncation, reason = "masked to the slots")]
            let mut at = hash as usize & (length - 1);
            while self.slots[at].number != 0 {
                at = (at + 1) & (length - 1);
            }
            self.slots[at] = Slot { hash: upper_half(hash), number };
        }
    }

    /// Forgets all texts, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.slots.fill(Slot::default());
        self.entries.clear();
        self.bytes.clear();
    }

    /// The numbers of all texts in the order of their bytes; `sorted` is memory to use.
    pub(crate) fn sort(&self, sorted: &mut Vec<(u64, u32)>) {
        sorted.clear();
        sorted.extend((0..).zip(&self.entries).map(|(number, entry)| (entry.prefix, number)));
        sorted
            .sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| self.get(a.1).cmp(self.get(b.1))));
    }
}

fn upper_half(hash: u64) -> u32 {
    u32::try_from(hash >> 32).unwrap_or_default()
}

/// The first eight bytes as a number that grows with the text (but not strictly).
#[inline]
pub(crate) fn prefix(text: &[u8]) -> u64 {
    if let Some(eight) = text.first_chunk::<8>() {
        return u64::from_be_bytes(*eight);
    }
    let length = text.len();
    if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        // Where the two overlap they are the same.
        let last = u64::from(u32::from_be_bytes(*last)) << (8 * (8 - length));
        return u64::from(u32::from_be_bytes(*first)) << 32 | last;
    }
    text.iter().rev().fold(0, |word, byte| word >> 8 | u64::from(*byte) << 56)
}
