//! Cells and rows of CSV.

use std::io::{self, Write};

use crate::Options;
use crate::row::{AttributeValue, Scalar, Text};

/// Between the elements of a list in one cell.
const LIST_SEPARATOR: char = ';';

/// Before a separator, or itself, inside an element of a list.
const LIST_ESCAPE: char = '\\';

/// How a text begins that spreadsheets take for a formula, or that hides one behind white space
/// (OWASP, "CSV Injection"); the last four are full-width forms that some of them treat alike.
const FORMULA_STARTS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A row that is being made. A missing value is an empty cell, an empty text is `""`.
pub(crate) struct Line {
    bytes: Vec<u8>,
    cells: usize,
    spreadsheet_safe: bool,
    joined: String,
}

impl Line {
    /// The first row, which begins with the byte order mark where one is wanted.
    pub(crate) fn new(options: &Options) -> Self {
        let mut bytes = Vec::with_capacity(1024);
        if options.byte_order_mark {
            bytes.extend_from_slice(BYTE_ORDER_MARK);
        }
        let spreadsheet_safe = options.spreadsheet_safe;
        Self { bytes, cells: 0, spreadsheet_safe, joined: String::new() }
    }

    fn begin_cell(&mut self) {
        if self.cells > 0 {
            self.bytes.push(b',');
        }
        self.cells += 1;
    }

    /// Cells without a value.
    pub(crate) fn missing(&mut self, count: usize) {
        (0..count).for_each(|_| self.begin_cell());
    }

    /// A number, `true`, `false` or an instant: nothing that needs quotes.
    pub(crate) fn plain(&mut self, text: &str) {
        self.begin_cell();
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// The value of an attribute; its null has the cell of a missing one.
    pub(crate) fn scalar(&mut self, value: &AttributeValue<'_>) {
        match &value.scalar {
            Scalar::Text(text) => self.text(&text.0),
            Scalar::Number(_) | Scalar::Bool(_) => self.plain(value.json),
            Scalar::Null => self.missing(1),
        }
    }

    /// A whole number.
    pub(crate) fn integer(&mut self, number: u64) {
        self.plain(&number.to_string());
    }

    /// An instant, where there is one.
    pub(crate) fn instant(&mut self, text: Option<&Text<'_>>) {
        self.plain(text.map_or("", |text| &text.0));
    }

    /// A text, where there is one.
    pub(crate) fn optional(&mut self, text: Option<&Text<'_>>) {
        match text {
            Some(text) => self.text(&text.0),
            None => self.missing(1),
        }
    }

    /// A text.
    pub(crate) fn text(&mut self, text: &str) {
        self.begin_cell();
        let needs_quotes =
            text.is_empty() || text.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n'));
        if needs_quotes {
            self.bytes.push(b'"');
        }
        if self.spreadsheet_safe && is_formula(text) {
            self.bytes.push(b'\'');
        }
        if needs_quotes {
            for (i, part) in text.split('"').enumerate() {
                if i > 0 {
                    self.bytes.extend_from_slice(b"\"\"");
                }
                self.bytes.extend_from_slice(part.as_bytes());
            }
            self.bytes.push(b'"');
        } else {
            self.bytes.extend_from_slice(text.as_bytes());
        }
    }

    /// Texts in one cell; no value where there are none.
    pub(crate) fn list<'t>(&mut self, elements: impl Iterator<Item = &'t str>) {
        let mut joined = std::mem::take(&mut self.joined);
        joined.clear();
        for (i, element) in elements.enumerate() {
            if i > 0 {
                joined.push(LIST_SEPARATOR);
            }
            for c in element.chars() {
                if c == LIST_SEPARATOR || c == LIST_ESCAPE {
                    joined.push(LIST_ESCAPE);
                }
                joined.push(c);
            }
        }
        // Elements are never empty, so an empty cell is an empty list.
        if joined.is_empty() {
            self.missing(1);
        } else {
            self.text(&joined);
        }
        self.joined = joined;
    }

    /// Ends the row, writes it and begins the next one.
    pub(crate) fn write_to(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.bytes.extend_from_slice(b"\r\n");
        let written = out.write_all(&self.bytes);
        self.bytes.clear();
        self.cells = 0;
        written
    }
}

/// Whether a spreadsheet would run `text`. Apostrophes before it count as well: a reader can then
/// take one away from every such cell and has the text again.
fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(FORMULA_STARTS)
}
