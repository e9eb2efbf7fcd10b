//! NDJSON and gzip.

use std::io::Read;

use flate2::read::GzDecoder;
use kartei_export::{Format, Options};
use kartei_profile::Record;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::common::{any_record, export, schema, some, try_export};

#[test]
fn lines_are_the_records() {
    let (bytes, summary) = try_export(&some(), &Options::new(Format::Ndjson)).unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), some().join("\n") + "\n");
    assert_eq!((summary.profiles, summary.rows), (3, 3));
}

#[test]
fn nothing_is_an_empty_file() {
    assert!(export(&[], &Options::new(Format::Ndjson)).is_empty());
}

#[test]
fn gzip_holds_the_same_and_neither_name_nor_time() {
    let packed = export(&some(), &Options::new(Format::NdjsonGz));
    assert_eq!(packed[..4], [0x1f, 0x8b, 8, 0], "no optional fields in the header");
    assert_eq!(packed[4..8], [0; 4], "no time");
    let mut text = Vec::new();
    GzDecoder::new(&*packed).read_to_end(&mut text).unwrap();
    assert_eq!(text, export(&some(), &Options::new(Format::Ndjson)));
}

#[test]
fn equal_records_give_equal_bytes() {
    for format in Format::ALL {
        let options = Options::new(format);
        assert_eq!(export(&some(), &options), export(&some(), &options), "{format:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn reading_an_export_as_an_import_and_exporting_again_changes_no_byte(
        records in vec(any_record(), 0..5)
    ) {
        let first = export(&records, &Options::new(Format::Ndjson));
        let imported: Vec<String> = first
            .split_inclusive(|&byte| byte == b'\n')
            .map(|line| {
                let accepted = Record::parse(schema(), line).unwrap();
                assert_eq!(accepted.warning, None);
                accepted.record.text().to_owned()
            })
            .collect();
        prop_assert_eq!(export(&imported, &Options::new(Format::Ndjson)), first);
    }
}
