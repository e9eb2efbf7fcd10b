//! The orders that lists can have.
//!
//! A row's place in an order is told by its [`SortKey`]. Sorting many rows uses a shorter number
//! that grows with the sort key, the *primary key*, and looks at sort keys only where it is equal.

use crate::attribute::{Attribute, Value};
use crate::bits;
use crate::catalog::Catalog;
use crate::column::{self, Ids, Instants, Names};
use crate::error::Damage;
use crate::intern::{Interner, prefix};
use crate::numbers::ordered;
use crate::wire::Flaw;

/// How a list is sorted. Orders are total: rows that are equal otherwise are sorted by id.
/// Descending is the reverse of ascending, except that profiles without the value stay last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// By what.
    pub by: OrderKey,
    /// The greatest first.
    pub descending: bool,
}

/// What a list is sorted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderKey {
    /// The id, by its bytes.
    Id,
    /// The display name: in lower case, then by its bytes.
    Name,
    /// When it was last changed in this store.
    Changed,
    /// How many observations there are.
    Observations,
    /// When the last observation was made.
    LastObservation,
    /// The value of an attribute: numbers, then texts by their bytes, `false`, `true`, `null`.
    Attribute(String),
    /// The score of a dimension.
    Score(String),
}

/// Where a row stands in an ascending order: rows without the value last, then by the parts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SortKey {
    pub(crate) missing: bool,
    /// Value, value in detail, id.
    pub(crate) parts: [Vec<u8>; 3],
}

impl SortKey {
    /// Compares in the direction of an order.
    pub(crate) fn compare(&self, other: &Self, descending: bool) -> std::cmp::Ordering {
        self.missing.cmp(&other.missing).then_with(|| {
            let order = self.parts.cmp(&other.parts);
            if descending { order.reverse() } else { order }
        })
    }
}

/// A value that rises with the order, and what tells equal ones apart.
type Detailed = (Vec<u8>, Vec<u8>);

/// Distinct texts of an attribute, counted per chunk, up to which they are ranked to sort by them.
/// Beyond it they are mostly different, and their beginnings tell them apart.
const RANKED_MAX: usize = if cfg!(test) { 8 } else { 1 << 18 };

/// Primary keys of texts of attributes begin above those of all finite numbers.
const TEXT_BASE: u64 = 0xfff0_0000_0000_0001;
const FALSE: u64 = u64::MAX - 2;
const TRUE: u64 = u64::MAX - 1;
const NULL: u64 = u64::MAX;

const NUMBER_CLASS: u8 = 1;
const TEXT_CLASS: u8 = 2;
const FALSE_CLASS: u8 = 3;
const TRUE_CLASS: u8 = 4;
const NULL_CLASS: u8 = 5;

/// The columns that an order reads: ids, and the values' one.
pub(crate) fn columns(by: &OrderKey) -> Vec<String> {
    let mut names = vec![column::ID.to_owned()];
    match by {
        OrderKey::Id | OrderKey::Changed => {}
        OrderKey::Name => names.push(column::NAME.to_owned()),
        OrderKey::Observations => names.push(column::OBSERVATIONS.to_owned()),
        OrderKey::LastObservation => names.push(column::LAST.to_owned()),
        OrderKey::Attribute(key) => names.push(column::of_attribute(key)),
        OrderKey::Score(name) => names.push(column::of_score(name)),
    }
    names
}

/// An order with the columns that it reads; they must be loaded.
#[derive(Debug)]
pub(crate) struct Sorting<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) by: &'a OrderKey,
    names: Vec<String>,
    bodies: Vec<Vec<Option<&'a [u8]>>>,
}

/// What primary keys need to know of all chunks.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    /// Bytes that all ids have in common.
    shared: usize,
    /// For each chunk the ranks of its texts, where texts are ranked.
    ranks: Vec<Vec<u32>>,
    /// Whether equal primary keys mean equal values.
    pub(crate) exact: bool,
}

/// Primary keys of a chunk's rows.
#[derive(Debug, Default)]
pub(crate) struct Primaries {
    pub(crate) keys: Vec<u64>,
    /// Rows that have the value.
    pub(crate) present: Vec<u64>,
}

#[inline]
fn rising(value: i64) -> u64 {
    value.cast_unsigned() ^ 1 << 63
}

/// The name as names are compared first.
pub(crate) fn fold_name(name: &[u8], folded: &mut Vec<u8>) -> Result<(), Flaw> {
    folded.clear();
    folded.extend_from_slice(name);
    if name.is_ascii() {
        folded.make_ascii_lowercase();
        return Ok(());
    }
    let name = std::str::from_utf8(name).map_err(|_| Flaw("a name is no text"))?;
    let lower: String = name.chars().flat_map(char::to_lowercase).collect();
    folded.clear();
    folded.extend_from_slice(lower.as_bytes());
    Ok(())
}

impl<'a> Sorting<'a> {
    pub(crate) fn new(catalog: &'a Catalog, by: &'a OrderKey) -> Self {
        let names = columns(by);
        let bodies = names.iter().map(|name| catalog.bodies(name)).collect();
        Self { catalog, by, names, bodies }
    }

    pub(crate) fn damage(&self, at: usize, column: usize, flaw: Flaw) -> Damage {
        let column = self.names.get(column).cloned().unwrap_or_default();
        Damage { chunk: self.catalog.chunks[at].id(), column, flaw }
    }

    /// The ids of a chunk.
    pub(crate) fn ids(&self, at: usize) -> Result<Ids<'a>, Damage> {
        let rows = self.catalog.chunks[at].rows();
        let body = self.bodies[0][at].ok_or(Flaw("is missing"));
        body.and_then(|body| Ids::open(body, rows)).map_err(|flaw| self.damage(at, 0, flaw))
    }

    /// The body of a chunk's column of values.
    pub(crate) fn values(&self, at: usize) -> Option<&'a [u8]> {
        self.bodies.get(1).and_then(|bodies| bodies[at])
    }

    /// Where a row stands.
    pub(crate) fn key(&self, row: usize) -> Result<SortKey, Damage> {
        let at = self.catalog.chunk_of(row);
        let chunk = &self.catalog.chunks[at];
        let row = row - chunk.start;
        let mut id = Vec::new();
        self.ids(at)?.texts.get(row, &mut id).map_err(|flaw| self.damage(at, 0, flaw))?;
        let value = match self.by {
            OrderKey::Id => Some((Vec::new(), Vec::new())),
            OrderKey::Changed => {
                Some((rising(chunk.changed_at(row)).to_be_bytes().to_vec(), Vec::new()))
            }
            _ => self.value(at, row, chunk.rows()).map_err(|flaw| self.damage(at, 1, flaw))?,
        };
        let missing = value.is_none();
        let (value, detail) = value.unwrap_or_default();
        Ok(SortKey { missing, parts: [value, detail, id] })
    }

    fn value(&self, at: usize, row: usize, rows: usize) -> Result<Option<Detailed>, Flaw> {
        let Some(body) = self.values(at) else { return Ok(None) };
        let number = |value: u64| Some((value.to_be_bytes().to_vec(), Vec::new()));
        match self.by {
            OrderKey::Name => {
                let names = Names::open(body, rows)?;
                let Some(place) = names.rows.place(row)? else { return Ok(None) };
                let (mut name, mut folded) = (Vec::new(), Vec::new());
                names.texts.get(place, &mut name)?;
                fold_name(&name, &mut folded)?;
                Ok(Some((folded, name)))
            }
            OrderKey::Observations => Ok(number(rising(column::open_counts(body, rows)?.get(row)))),
            OrderKey::LastObservation => {
                let instants = Instants::open(body, rows)?;
                let place = instants.rows.place(row)?;
                Ok(place.and_then(|place| number(rising(instants.values.get(place)))))
            }
            OrderKey::Attribute(_) | OrderKey::Score(_) => {
                let value = Attribute::open(body, rows)?.get(row)?;
                Ok(value.map(|value| {
                    let (class, bytes) = match value {
                        Value::Number(value) => {
                            (NUMBER_CLASS, rising(ordered(value)).to_be_bytes().to_vec())
                        }
                        Value::Text(text) => (TEXT_CLASS, text),
                        Value::Bool(false) => (FALSE_CLASS, Vec::new()),
                        Value::Bool(true) => (TRUE_CLASS, Vec::new()),
                        Value::Null => (NULL_CLASS, Vec::new()),
                    };
                    (vec![class], bytes)
                }))
            }
            OrderKey::Id | OrderKey::Changed => Ok(None),
        }
    }

    /// Looks through all chunks for what primary keys need.
    pub(crate) fn prepare(&self) -> Result<Prepared, Damage> {
        match self.by {
            OrderKey::Id => Ok(Prepared { shared: self.shared_ids()?, ..Prepared::default() }),
            OrderKey::Name => Ok(Prepared::default()),
            OrderKey::Attribute(_) | OrderKey::Score(_) => self.rank_texts(),
            _ => Ok(Prepared { exact: true, ..Prepared::default() }),
        }
    }

    /// How many bytes all ids begin with in common.
    fn shared_ids(&self) -> Result<usize, Damage> {
        let mut common: Option<Vec<u8>> = None;
        let mut first = Vec::new();
        for at in 0..self.catalog.chunks.len() {
            let ids = self.ids(at)?;
            if ids.texts.len() == 0 {
                continue;
            }
            ids.texts.get(0, &mut first).map_err(|flaw| self.damage(at, 0, flaw))?;
            first.truncate(ids.shared);
            match &mut common {
                None => common = Some(first.clone()),
                Some(common) => {
                    common.truncate(crate::strings::shared_length(common, &first));
                }
            }
        }
        Ok(common.map_or(0, |common| common.len()))
    }

    fn rank_texts(&self) -> Result<Prepared, Damage> {
        let mut texts = Interner::default();
        let mut ranks: Vec<Vec<u32>> = Vec::with_capacity(self.catalog.chunks.len());
        let mut total = 0;
        for (at, chunk) in self.catalog.chunks.iter().enumerate() {
            let mut numbers = Vec::new();
            if let Some(body) = self.values(at) {
                let damage = |flaw| self.damage(at, 1, flaw);
                if let Some((strings, _)) =
                    Attribute::open(body, chunk.rows()).map_err(damage)?.texts
                {
                    total += strings.len();
                    if total > RANKED_MAX {
                        return Ok(Prepared::default());
                    }
                    strings.each(|_, text| numbers.push(texts.number(text).0)).map_err(damage)?;
                }
            }
            ranks.push(numbers);
        }
        let mut sorted = Vec::new();
        texts.sort(&mut sorted);
        let mut rank_of = vec![0; sorted.len()];
        for (rank, (_, number)) in (0..).zip(&sorted) {
            rank_of[*number as usize] = rank;
        }
        ranks.iter_mut().flatten().for_each(|number| *number = rank_of[*number as usize]);
        Ok(Prepared { shared: 0, ranks, exact: true })
    }

    /// Puts the primary keys of a chunk's rows into `out`.
    pub(crate) fn primaries(
        &self,
        prepared: &Prepared,
        at: usize,
        out: &mut Primaries,
    ) -> Result<(), Damage> {
        let chunk = &self.catalog.chunks[at];
        let rows = chunk.rows();
        out.keys.clear();
        out.keys.resize(rows, 0);
        out.present.clear();
        out.present.resize(bits::words_for(rows), 0);
        match self.by {
            OrderKey::Id => {
                let shared = prepared.shared;
                let found = |row: usize, text: &[u8]| {
                    if let Some(key) = out.keys.get_mut(row) {
                        *key = prefix(text.get(shared..).unwrap_or_default());
                    }
                };
                self.ids(at)?.texts.each(found).map_err(|flaw| self.damage(at, 0, flaw))?;
                bits::fill(&mut out.present, rows);
                Ok(())
            }
            OrderKey::Changed => {
                (0..rows).for_each(|row| out.keys[row] = rising(chunk.changed_at(row)));
                bits::fill(&mut out.present, rows);
                Ok(())
            }
            _ => match self.values(at) {
                Some(body) => self
                    .value_primaries(prepared, at, body, out)
                    .map_err(|flaw| self.damage(at, 1, flaw)),
                None => Ok(()),
            },
        }
    }

    fn value_primaries(
        &self,
        prepared: &Prepared,
        at: usize,
        body: &[u8],
        out: &mut Primaries,
    ) -> Result<(), Flaw> {
        let rows = out.keys.len();
        let Primaries { keys, present } = out;
        match self.by {
            OrderKey::Name => {
                let names = Names::open(body, rows)?;
                names.rows.add_to(present, rows)?;
                let mut places = bits::iter(present);
                let mut folded = Vec::new();
                let mut flawless = Ok(());
                names.texts.each(|_, text| {
                    if let Some(row) = places.next() {
                        flawless = flawless.and(fold_name(text, &mut folded));
                        keys[row] = prefix(&folded);
                    }
                })?;
                flawless
            }
            OrderKey::Observations => {
                let counts = column::open_counts(body, rows)?;
                (0..rows).for_each(|row| keys[row] = rising(counts.get(row)));
                bits::fill(present, rows);
                Ok(())
            }
            OrderKey::LastObservation => {
                let instants = Instants::open(body, rows)?;
                instants.rows.add_to(present, rows)?;
                for (place, row) in bits::iter(present).enumerate() {
                    keys[row] = rising(instants.values.get(place));
                }
                Ok(())
            }
            OrderKey::Attribute(_) | OrderKey::Score(_) => {
                let ranks = prepared.ranks.get(at);
                attribute_primaries(&Attribute::open(body, rows)?, ranks, keys, present)
            }
            OrderKey::Id | OrderKey::Changed => Ok(()),
        }
    }
}

fn attribute_primaries(
    attribute: &Attribute<'_>,
    ranks: Option<&Vec<u32>>,
    keys: &mut [u64],
    present: &mut [u64],
) -> Result<(), Flaw> {
    let rows = keys.len();
    let mut of = vec![0; present.len()];
    if let Some(numbers) = &attribute.numbers {
        attribute.number_rows.add_to(&mut of, rows)?;
        for (place, row) in bits::iter(&of).enumerate() {
            keys[row] = rising(ordered(numbers.get(place)));
        }
        present.copy_from_slice(&of);
    }
    if let Some((strings, codes)) = &attribute.texts {
        let mut primaries = Vec::with_capacity(strings.len());
        match ranks {
            Some(ranks) => primaries.extend(ranks.iter().map(|rank| TEXT_BASE + u64::from(*rank))),
            None => strings.each(|_, text| primaries.push(TEXT_BASE + (prefix(text) >> 16)))?,
        }
        of.fill(0);
        attribute.text_rows.add_to(&mut of, rows)?;
        for (place, row) in bits::iter(&of).enumerate() {
            let code = usize::try_from(codes.get(place)).unwrap_or(usize::MAX);
            keys[row] = *primaries.get(code).ok_or(Flaw("a text that is not there"))?;
        }
        present.iter_mut().zip(&of).for_each(|(present, of)| *present |= of);
    }
    for (set, key) in
        [(&attribute.false_rows, FALSE), (&attribute.true_rows, TRUE), (&attribute.null_rows, NULL)]
    {
        if !set.is_empty() {
            of.fill(0);
            set.add_to(&mut of, rows)?;
            bits::each(&of, |row| keys[row] = key);
            present.iter_mut().zip(&of).for_each(|(present, of)| *present |= of);
        }
    }
    Ok(())
}
