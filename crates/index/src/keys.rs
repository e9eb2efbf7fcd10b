//! Which keys the rows of a chunk have.

use crate::bits::short;

/// Identifies a profile in its store; never used for another one.
pub type Key = i64;

/// Stands for "no key" in lists of keys.
const NONE: Key = Key::MIN;

/// The keys of a chunk's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keys {
    /// They follow each other.
    Run {
        /// The key of the first row.
        first: Key,
        /// How many rows there are.
        count: u32,
    },
    /// One for each row; a row without a key made no profile.
    Listed(Vec<Option<Key>>),
}

/// The keys of a chunk's rows, and the rows of its keys.
#[derive(Debug)]
pub(crate) enum KeyList {
    Run { first: Key, count: usize },
    Listed { keys: Vec<Key>, by_key: Vec<u32> },
}

impl From<Keys> for KeyList {
    fn from(keys: Keys) -> Self {
        match keys {
            Keys::Run { first, count } => Self::Run { first, count: count as usize },
            Keys::Listed(keys) => {
                Self::listed(keys.iter().map(|key| key.unwrap_or(NONE)).collect())
            }
        }
    }
}

impl KeyList {
    /// Rows with these keys.
    pub(crate) fn listed(keys: Vec<Key>) -> Self {
        let mut by_key: Vec<u32> =
            (0..short(keys.len())).filter(|row| keys[*row as usize] != NONE).collect();
        by_key.sort_by_key(|row| keys[*row as usize]);
        // Of rows with the same key the last one counts.
        by_key.dedup_by(|later, kept| {
            let same = keys[*later as usize] == keys[*kept as usize];
            if same {
                *kept = *later;
            }
            same
        });
        Self::Listed { keys, by_key }
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::Run { count, .. } => *count,
            Self::Listed { keys, .. } => keys.len(),
        }
    }

    /// The least and the greatest key.
    pub(crate) fn span(&self) -> Option<(Key, Key)> {
        match self {
            Self::Run { count: 0, .. } => None,
            Self::Run { first, count } => {
                Some((*first, first.saturating_add_unsigned(*count as u64 - 1)))
            }
            Self::Listed { keys, by_key } => {
                Some((keys[*by_key.first()? as usize], keys[*by_key.last()? as usize]))
            }
        }
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Run { .. } => 0,
            Self::Listed { keys, by_key } => {
                keys.capacity() * size_of::<Key>() + by_key.capacity() * size_of::<u32>()
            }
        }
    }

    /// The row with a key.
    pub(crate) fn row_of(&self, key: Key) -> Option<usize> {
        match self {
            Self::Run { first, count } => {
                usize::try_from(key.checked_sub(*first)?).ok().filter(|row| row < count)
            }
            Self::Listed { keys, by_key } => {
                let at = by_key.binary_search_by_key(&key, |row| keys[*row as usize]).ok()?;
                Some(by_key[at] as usize)
            }
        }
    }

    /// The key of a row.
    pub(crate) fn key_of(&self, row: usize) -> Option<Key> {
        match self {
            Self::Run { first, count } => {
                (row < *count).then(|| first.saturating_add_unsigned(row as u64))
            }
            Self::Listed { keys, .. } => keys.get(row).copied().filter(|key| *key != NONE),
        }
    }

    /// The rows that have a key of their own, with it, keys ascending.
    pub(crate) fn each(&self, mut found: impl FnMut(Key, usize)) {
        match self {
            Self::Run { first, count } => {
                (0..*count).for_each(|row| found(first.saturating_add_unsigned(row as u64), row));
            }
            Self::Listed { keys, by_key } => {
                by_key.iter().for_each(|row| found(keys[*row as usize], *row as usize));
            }
        }
    }
}
