//! What is written is read back.

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use crate::bits;
use crate::integers::{self, Integers};
use crate::intern::{Interner, prefix};
use crate::numbers::{self, Numbers, normal};
use crate::rows::{self, RowSet};
use crate::strings::{self, Strings};
use crate::wire::Reader;

proptest! {
    #[test]
    fn integers_come_back(
        values in prop_oneof![
            vec(any::<i64>(), 0..80),
            vec(-20..20_i64, 0..80),
            vec((0..90_i64).prop_map(|n| n * 86_400_000), 0..80),
        ],
    ) {
        let mut out = Vec::new();
        integers::write(&mut out, &values);
        let mut reader = Reader::inside(&out);
        let read = Integers::read(&mut reader, values.len()).unwrap();
        prop_assert_eq!(reader.left(), 0);
        prop_assert_eq!((0..values.len()).map(|at| read.get(at)).collect::<Vec<_>>(), values);
    }

    #[test]
    fn numbers_come_back_to_the_bit(
        values in prop_oneof![
            vec(any::<f64>().prop_filter("finite", |value| value.is_finite()), 0..60),
            vec((-99_999..99_999_i32).prop_map(|n| f64::from(n) / 100.0), 0..60),
            vec((-99_999..99_999_i32).prop_map(|n| f64::from(n) / 1e6), 0..60),
            vec((-9..9_i32).prop_map(f64::from), 0..60),
        ],
    ) {
        let values: Vec<f64> = values.into_iter().map(normal).collect();
        let mut out = Vec::new();
        numbers::write(&mut out, &values, &mut Vec::new());
        let mut reader = Reader::inside(&out);
        let read = Numbers::read(&mut reader, values.len()).unwrap();
        prop_assert_eq!(reader.left(), 0);
        for (at, value) in values.iter().enumerate() {
            prop_assert_eq!(read.get(at).to_bits(), value.to_bits());
        }
    }

    #[test]
    fn rows_come_back(total in 1..300_usize, some in btree_set(0..300_u32, 0..120)) {
        let rows: Vec<u32> = some.into_iter().filter(|row| (*row as usize) < total).collect();
        let mut out = Vec::new();
        rows::write(&mut out, &rows, total);
        let mut reader = Reader::inside(&out);
        let read = RowSet::read(&mut reader, total).unwrap();
        prop_assert_eq!(reader.left(), 0);
        let mut words = vec![0; bits::words_for(total)];
        read.add_to(&mut words, total).unwrap();
        let found: Vec<usize> = bits::iter(&words).collect();
        prop_assert_eq!(found, rows.iter().map(|row| *row as usize).collect::<Vec<_>>());
        for row in 0..total {
            let place = rows.iter().position(|one| *one as usize == row);
            prop_assert_eq!(read.place(row).unwrap(), place);
        }
    }

    #[test]
    fn texts_come_back_and_are_found(
        texts in btree_set("[ab]{0,4}|a{20}b{0,30}|[a-c]{1,2}z", 0..90),
        wanted in "[ab]{0,4}|a{20}b{0,3}|z",
    ) {
        let texts: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
        let mut out = Vec::new();
        strings::write(&mut out, texts.iter().copied(), &mut Vec::new(), &mut Vec::new());
        let mut reader = Reader::inside(&out);
        let read = Strings::read(&mut reader, texts.len()).unwrap();
        prop_assert_eq!(reader.left(), 0);
        let mut all = Vec::new();
        read.each(|_, text| all.push(text.to_vec())).unwrap();
        prop_assert_eq!(&all, &texts);
        let mut text = Vec::new();
        for (at, one) in texts.iter().enumerate() {
            read.get(at, &mut text).unwrap();
            prop_assert_eq!(&text, one);
            prop_assert_eq!(read.find(one, &mut text).unwrap(), Some(at));
        }
        let wanted = wanted.as_bytes();
        let place = texts.iter().position(|one| *one == wanted);
        prop_assert_eq!(read.find(wanted, &mut text).unwrap(), place);
        let begin = texts.iter().filter(|one| one.starts_with(wanted)).count();
        prop_assert_eq!(read.starting_with(wanted, &mut text).unwrap().len(), begin);
    }
}

proptest! {
    #[test]
    fn prefixes_rise_with_texts_and_numbers_of_texts_are_their_own(
        texts in vec("[a-c\u{0}]{0,12}", 0..60),
    ) {
        let mut interner = Interner::default();
        let mut known: Vec<&str> = Vec::new();
        for text in &texts {
            let place = known.iter().position(|one| one == text);
            let (number, new) = interner.number(text.as_bytes());
            prop_assert_eq!(new, place.is_none());
            prop_assert_eq!(number as usize, place.unwrap_or(known.len()));
            if new {
                known.push(text);
            }
        }
        let mut sorted = Vec::new();
        interner.sort(&mut sorted);
        let in_order: Vec<&str> = sorted.iter().map(|(_, at)| known[*at as usize]).collect();
        known.sort_unstable();
        prop_assert_eq!(&in_order, &known);
        for two in known.windows(2) {
            prop_assert!(prefix(two[0].as_bytes()) <= prefix(two[1].as_bytes()));
        }
    }
}
