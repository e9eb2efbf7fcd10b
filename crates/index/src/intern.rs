//! Texts that occur again and again, each kept once and known by a number.

/// A multiplier whose bits look random (2^64 divided by the golden ratio): Fibonacci hashing.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// A cheap hash of bytes. Texts come from files that people import for themselves: whoever
/// constructs collisions slows only that import.
#[inline]
fn hash_of(text: &[u8]) -> u64 {
    let mut hash = text.len() as u64;
    let mut mix = |word: u64| hash = (hash.rotate_left(5) ^ word).wrapping_mul(MULTIPLIER);
    let (eights, tail) = text.as_chunks::<8>();
    for eight in eights {
        mix(u64::from_le_bytes(*eight));
    }
    let mut last = 0;
    for byte in tail {
        last = last << 8 | u64::from(*byte);
    }
    mix(last);
    hash ^ hash >> 32
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u64,
    start: u32,
    end: u32,
}

/// Texts and their numbers, which count from zero in the order of first occurrence.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    /// Number + 1 of the text whose hash leads here, 0 for none; its length is a power of two.
    slots: Vec<u32>,
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
        let hash = hash_of(text);
        let mask = self.slots.len() - 1;
        #[expect(clippy::cast_possible_truncation, reason = "masked to the slots")]
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                break;
            }
            if self.entries[slot as usize - 1].hash == hash && self.get(slot - 1) == text {
                return (slot - 1, false);
            }
            at = (at + 1) & mask;
        }
        let start = crate::bits::short(self.bytes.len());
        self.bytes.extend_from_slice(text);
        let end = crate::bits::short(self.bytes.len());
        self.entries.push(Entry { hash, start, end });
        let number = crate::bits::short(self.entries.len());
        self.slots[at] = number;
        (number - 1, true)
    }

    #[cold]
    fn grow(&mut self) {
        let length = (self.slots.len() * 2).max(SLOTS_MIN);
        self.slots.clear();
        self.slots.resize(length, 0);
        for (number, entry) in (1..).zip(&self.entries) {
            #[expect(clippy::cast_possible_truncation, reason = "masked to the slots")]
            let mut at = entry.hash as usize & (length - 1);
            while self.slots[at] != 0 {
                at = (at + 1) & (length - 1);
            }
            self.slots[at] = number;
        }
    }

    /// Forgets all texts, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.slots.fill(0);
        self.entries.clear();
        self.bytes.clear();
    }

    /// The numbers of all texts in the order of their bytes; `sorted` is memory to use.
    pub(crate) fn sort(&self, sorted: &mut Vec<(u64, u32)>) {
        sorted.clear();
        sorted.extend((0..).zip(&self.entries).map(|(number, _)| (prefix(self.get(number)), number)));
        sorted.sort_unstable_by(|a, b| {
            a.0.cmp(&b.0).then_with(|| self.get(a.1).cmp(self.get(b.1)))
        });
    }
}

/// The first eight bytes as a number that grows with the text (but not strictly).
#[inline]
pub(crate) fn prefix(text: &[u8]) -> u64 {
    if let Some(eight) = text.first_chunk::<8>() {
        return u64::from_be_bytes(*eight);
    }
    let mut word = 0;
    for byte in text {
        word = word << 8 | u64::from(*byte);
    }
    if text.is_empty() { 0 } else { word << (8 * (8 - text.len())) }
}
