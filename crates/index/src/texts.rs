//! All texts that profiles are sorted by, side by side while they are sorted.

use std::cmp::Ordering;

use crate::attribute::Attribute;
use crate::bits;
use crate::column::Names;
use crate::error::Damage;
use crate::order::{OrderKey, Sorting, fold_name};
use crate::wire::Flaw;

/// The texts of an order by row, and how they are compared.
#[derive(Debug)]
pub(crate) struct SortedTexts {
    bytes: Vec<u8>,
    /// Where the text of each row begins and ends.
    places: Vec<(usize, usize)>,
    caseless: bool,
}

impl SortedTexts {
    /// Reads all texts; rows without one have the empty text.
    pub(crate) fn read(sorting: &Sorting<'_>) -> Result<Self, Damage> {
        let catalog = sorting.catalog;
        let mut all = Self {
            bytes: Vec::new(),
            places: vec![(0, 0); catalog.live.len() * bits::WORD],
            caseless: *sorting.by == OrderKey::Name,
        };
        for (at, chunk) in catalog.chunks.iter().enumerate() {
            if *sorting.by == OrderKey::Id {
                let ids = sorting.ids(at)?;
                ids.texts
                    .each(|row, text| all.push(chunk.start + row, text))
                    .map_err(|flaw| sorting.damage(at, 0, flaw))?;
            } else if let Some(body) = sorting.values(at) {
                all.read_values(body, chunk.start, chunk.rows())
                    .map_err(|flaw| sorting.damage(at, 1, flaw))?;
            }
        }
        Ok(all)
    }

    fn push(&mut self, row: usize, text: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(text);
        if let Some(place) = self.places.get_mut(row) {
            *place = (start, self.bytes.len());
        }
    }

    fn read_values(&mut self, body: &[u8], start: usize, rows: usize) -> Result<(), Flaw> {
        let mut present = vec![0; bits::words_for(rows)];
        if self.caseless {
            let names = Names::open(body, rows)?;
            names.rows.add_to(&mut present, rows)?;
            let mut of = bits::iter(&present);
            return names.texts.each(|_, text| {
                if let Some(row) = of.next() {
                    self.push(start + row, text);
                }
            });
        }
        let attribute = Attribute::open(body, rows)?;
        let Some((strings, codes)) = attribute.texts else { return Ok(()) };
        let mut places = Vec::with_capacity(strings.len());
        strings.each(|_, text| {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(text);
            places.push((start, self.bytes.len()));
        })?;
        attribute.text_rows.add_to(&mut present, rows)?;
        for (place, row) in bits::iter(&present).enumerate() {
            let code = usize::try_from(codes.get(place)).unwrap_or(usize::MAX);
            let text = places.get(code).ok_or(Flaw("a text that is not there"))?;
            self.places[start + row] = *text;
        }
        Ok(())
    }

    fn get(&self, row: usize) -> &[u8] {
        let (start, end) = self.places[row];
        &self.bytes[start..end]
    }

    /// Compares the texts of two rows.
    pub(crate) fn compare(&self, a: usize, b: usize) -> Ordering {
        let (a, b) = (self.get(a), self.get(b));
        if self.caseless && a != b {
            return caseless(a, b).then_with(|| a.cmp(b));
        }
        a.cmp(b)
    }
}

fn caseless(a: &[u8], b: &[u8]) -> Ordering {
    if a.is_ascii() && b.is_ascii() {
        let lower = u8::to_ascii_lowercase;
        return a.iter().map(lower).cmp(b.iter().map(lower));
    }
    let (mut folded_a, mut folded_b) = (Vec::new(), Vec::new());
    // Names that are no texts were found when their primary keys were read.
    let _ = fold_name(a, &mut folded_a);
    let _ = fold_name(b, &mut folded_b);
    folded_a.cmp(&folded_b)
}
