//! The reference for users says what the parser does.

use kartei_filter::{DEPTH_MAX, TERMS_MAX, parse};

const REFERENCE: &str = include_str!("../../../docs/filter-language.md");

/// The cells of the table under a heading, without its two head rows; each as what is in backticks.
fn table(heading: &str) -> Vec<Vec<Vec<&'static str>>> {
    let after = REFERENCE.split_once(&format!("## {heading}\n")).map_or("", |(_, after)| after);
    let section = after.split("\n## ").next().unwrap_or_default();
    let codes = |cell: &'static str| cell.split('`').skip(1).step_by(2).collect();
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(codes).collect()).collect()
}

#[test]
fn terms_of_the_reference_parse() {
    let rows = table("Terms");
    assert!(rows.len() > 10, "the table is there");
    for text in rows.iter().flat_map(|row| &row[0]) {
        assert!(parse(text).is_ok(), "{text}: {:?}", parse(text));
    }
}

#[test]
fn filters_of_the_reference_are_read_as_it_says() {
    let rows = table("Together");
    assert!(!rows.is_empty(), "the table is there");
    for row in &rows {
        for same in &row[1] {
            assert_eq!(parse(row[0][0]), parse(same), "{same}");
        }
    }
}

#[test]
fn mistakes_of_the_reference_are_named_so() {
    let rows = table("Mistakes");
    assert!(rows.len() > 10, "the table is there");
    for (code, text) in rows.iter().flat_map(|row| row[2].iter().map(|text| (row[0][0], text))) {
        let found = parse(text).map_err(|error| format!("{:?}", error.code));
        assert_eq!(found, Err(code.to_owned()), "{text}");
    }
}

#[test]
fn limits_of_the_reference_are_those_of_the_parser() {
    let limits =
        format!("10,000 bytes, {TERMS_MAX} terms (each bare word is one), {DEPTH_MAX} levels");
    assert!(REFERENCE.contains(&limits), "{limits}");
    assert_eq!(kartei_filter::TEXT_BYTES_MAX, 10_000);
}
