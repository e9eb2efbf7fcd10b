//! Sets of rows as bits in 64-bit words.

/// Rows per word; chunks begin at multiples of it, so that each has words of its own.
pub(crate) const WORD: usize = 64;

/// Words that hold so many rows.
pub(crate) const fn words_for(rows: usize) -> usize {
    rows.div_ceil(WORD)
}

/// Adds a row; rows beyond the words are none.
#[inline]
pub(crate) fn set(words: &mut [u64], row: usize) {
    if let Some(word) = words.get_mut(row / WORD) {
        *word |= 1 << (row % WORD);
    }
}

/// Takes a row away.
#[inline]
pub(crate) fn clear(words: &mut [u64], row: usize) {
    if let Some(word) = words.get_mut(row / WORD) {
        *word &= !(1 << (row % WORD));
    }
}

/// Whether the row is in it.
#[inline]
pub(crate) fn has(words: &[u64], row: usize) -> bool {
    words.get(row / WORD).is_some_and(|word| word >> (row % WORD) & 1 == 1)
}

/// Adds the first so many rows.
pub(crate) fn fill(words: &mut [u64], rows: usize) {
    for (at, word) in words.iter_mut().enumerate() {
        *word |= match rows.saturating_sub(at * WORD) {
            0 => 0,
            left @ 1..WORD => (1 << left) - 1,
            _ => u64::MAX,
        };
    }
}

/// How many rows are in it.
pub(crate) fn count(words: &[u64]) -> usize {
    words.iter().map(|word| word.count_ones() as usize).sum()
}

/// Calls `found` with each row, ascending.
#[inline]
pub(crate) fn each(words: &[u64], mut found: impl FnMut(usize)) {
    for (at, word) in words.iter().enumerate() {
        let mut word = *word;
        while word != 0 {
            found(at * WORD + word.trailing_zeros() as usize);
            word &= word - 1;
        }
    }
}

/// Each row, ascending.
pub(crate) fn iter(words: &[u64]) -> impl Iterator<Item = usize> + '_ {
    words.iter().enumerate().flat_map(|(at, word)| {
        let mut word = *word;
        std::iter::from_fn(move || {
            (word != 0).then(|| {
                let bit = word.trailing_zeros() as usize;
                word &= word - 1;
                at * WORD + bit
            })
        })
    })
}

/// A row as it is kept in lists of rows.
///
/// # Panics
/// Beyond four billion rows, long after memory is out.
pub(crate) fn short(row: usize) -> u32 {
    u32::try_from(row).expect("rows are counted in 32 bits")
}
