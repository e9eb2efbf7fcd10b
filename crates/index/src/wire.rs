//! Bytes of columns: variable-length numbers, and a reader that trusts nothing.

/// What is wrong with the bytes of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flaw(pub(crate) &'static str);

/// The first byte of every column. Another one means that another version wrote it.
const VERSION: u8 = 1;

/// Begins a column of a chunk with so many rows.
pub(crate) fn begin(rows: usize) -> Vec<u8> {
    let mut out = vec![VERSION];
    put(&mut out, rows as u64);
    out
}

/// Writes a LEB128 number.
pub(crate) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(low_bits(number) | 0x80);
        number >>= 7;
    }
    out.push(low_bits(number));
}

fn low_bits(number: u64) -> u8 {
    (number & 0x7f) as u8
}

/// Writes a number that may be negative: sign in the lowest bit.
pub(crate) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put(out, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

/// Reads what the functions above wrote; every length is checked before it is used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads inside a column, after its beginning.
    pub(crate) fn inside(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Opens a column of a chunk with so many rows.
    pub(crate) fn open(bytes: &'a [u8], rows: usize) -> Result<Self, Flaw> {
        let mut reader = Self { rest: bytes };
        if reader.byte()? != VERSION {
            return Err(Flaw("written by another version"));
        }
        if reader.number()? != rows as u64 {
            return Err(Flaw("another number of rows than its chunk"));
        }
        Ok(reader)
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, Flaw> {
        let (first, rest) = self.rest.split_first().ok_or(Flaw("ends too early"))?;
        self.rest = rest;
        Ok(*first)
    }

    #[inline]
    pub(crate) fn number(&mut self) -> Result<u64, Flaw> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let mut number = u64::from(first & 0x7f);
        let mut shift = 7;
        loop {
            let byte = self.byte()?;
            if shift > 63 {
                return Err(Flaw("a number is too long"));
            }
            number |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return Ok(number);
            }
        }
    }

    pub(crate) fn signed(&mut self) -> Result<i64, Flaw> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// A number that counts or measures what is in memory.
    #[inline]
    pub(crate) fn size(&mut self) -> Result<usize, Flaw> {
        usize::try_from(self.number()?).map_err(|_| Flaw("a size is too large"))
    }

    /// The next so many bytes.
    #[inline]
    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], Flaw> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Flaw("ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    /// How many bytes are left.
    #[inline]
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }
}
