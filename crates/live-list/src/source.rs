//! What a list asks its database for, and what the columns ask the list for.

use std::collections::{HashMap, HashSet};

use kartei_filter::{RecordFacts, Status, Term};
use kartei_index::{Key, Source};

use crate::error::ReadError;
use crate::record::RecordReader;

/// The database behind a list, in a snapshot of the revision that the list has.
pub trait RowSource {
    /// What reading fails with.
    type Error;

    /// Calls `found` with the record's text (canonical JSON) of each of these profiles, in any
    /// order; at most some thousand are asked for at once. Asked only where columns cannot tell:
    /// phrases, and whether one of three or more observations of a profile has a certain value.
    ///
    /// # Errors
    /// Where the database cannot be read.
    fn texts(&mut self, keys: &[Key], found: &mut dyn FnMut(Key, &str)) -> Result<(), Self::Error>;
}

/// Answers the catalog out of a list and its database.
pub(crate) struct Records<'a, R> {
    rows: &'a mut R,
    in_conflict: &'a HashSet<Key>,
    rev: u64,
    /// Of the rows that are asked about next.
    texts: HashMap<Key, String>,
    reader: RecordReader,
    facts: RecordFacts,
}

impl<'a, R: RowSource> Records<'a, R> {
    pub(crate) fn new(rows: &'a mut R, in_conflict: &'a HashSet<Key>, rev: u64) -> Self {
        Self {
            rows,
            in_conflict,
            rev,
            texts: HashMap::new(),
            reader: RecordReader::default(),
            facts: RecordFacts::default(),
        }
    }
}

impl<R: RowSource> Source for Records<'_, R> {
    type Error = ReadError<R::Error>;

    fn columns(
        &mut self,
        _name: &str,
        chunks: &[i64],
    ) -> Result<Vec<Option<Vec<u8>>>, Self::Error> {
        // Every segment has its columns with it.
        Ok(vec![None; chunks.len()])
    }

    fn with_status(&mut self, status: Status) -> Result<Vec<Key>, Self::Error> {
        Ok(match status {
            Status::Conflict => self.in_conflict.iter().copied().collect(),
            // A relay's profiles wait for no relay, and none refused them.
            Status::Synced | Status::Pending | Status::Rejected => Vec::new(),
        })
    }

    fn expect(&mut self, keys: &[Key]) -> Result<(), Self::Error> {
        if keys.iter().all(|key| self.texts.contains_key(key)) {
            return Ok(());
        }
        self.texts.clear();
        let texts = &mut self.texts;
        self.rows
            .texts(keys, &mut |key, text| {
                texts.insert(key, text.to_owned());
            })
            .map_err(ReadError::Rows)
    }

    fn holds(&mut self, key: Key, term: &Term) -> Result<bool, Self::Error> {
        self.expect(&[key])?;
        let text = self.texts.get(&key).ok_or(ReadError::Missing { key, rev: self.rev })?;
        self.reader.tell(text, None, &mut self.facts).map_err(|what| ReadError::Damaged {
            id: id_in(text),
            key,
            what,
        })?;
        Ok(self.facts.holds(term))
    }
}

/// The id in a damaged record, as far as it can be made out.
fn id_in(text: &str) -> String {
    const BEFORE: &str = "\"id\":\"";
    let after = text.find(BEFORE).map(|at| &text[at + BEFORE.len()..]);
    after.and_then(|after| after.split('"').next()).unwrap_or_default().to_owned()
}
