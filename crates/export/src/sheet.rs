//! Some columns of some profiles as CSV in memory: what a person copies out of a table.

use std::convert::Infallible;

use crate::cells::Line;
use crate::error::Error;
use crate::row::{Row, read};
use crate::{Format, Options};

/// A column of a [`Sheet`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SheetColumn {
    /// The id.
    Id,
    /// The display name.
    Name,
    /// The tags in one cell.
    Tags,
    /// How many observations there are.
    Observations,
    /// The instant of the last observation.
    LastObservation,
    /// The value of an attribute.
    Attribute(String),
    /// What the record does not say: the caller gives a plain text for each row.
    Other(String),
}

impl SheetColumn {
    fn header(&self) -> String {
        match self {
            Self::Id => "id".to_owned(),
            Self::Name => "display_name".to_owned(),
            Self::Tags => "tags".to_owned(),
            Self::Observations => "observations.count".to_owned(),
            Self::LastObservation => "observations.last_at".to_owned(),
            Self::Attribute(key) => format!("attributes.{key}"),
            Self::Other(name) => name.clone(),
        }
    }
}

/// Rows of chosen columns, in the same forms and under the same headers as [`Format::Csv`].
pub struct Sheet {
    columns: Vec<SheetColumn>,
    line: Line,
    out: Vec<u8>,
    rows: u64,
}

impl std::fmt::Debug for Sheet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Rows hold people's data, which must not reach a log.
        f.debug_struct("Sheet").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Sheet {
    /// A sheet with a header and no rows.
    #[must_use]
    pub fn new(columns: Vec<SheetColumn>) -> Self {
        let mut sheet =
            Self { columns, line: Line::new(&Options::new(Format::Csv)), out: Vec::new(), rows: 0 };
        for column in &sheet.columns {
            sheet.line.text(&column.header());
        }
        sheet.end_line();
        sheet
    }

    /// Adds a row. `others` has a text for each [`SheetColumn::Other`], in their order.
    ///
    /// # Errors
    /// [`Error::Record`] where the text is no record; the sheet is as before then.
    pub fn add(&mut self, record: &str, others: &[&str]) -> Result<(), Error<Infallible>> {
        let row: Row<'_> = read(self.rows + 1, record)?;
        let mut others = others.iter();
        for column in &self.columns {
            let line = &mut self.line;
            match column {
                SheetColumn::Id => line.text(&row.id.0),
                SheetColumn::Name => line.optional(row.display_name.as_ref()),
                SheetColumn::Tags => line.list(row.tags.iter().map(|tag| &*tag.0)),
                SheetColumn::Observations => line.integer(row.observations.len() as u64),
                SheetColumn::LastObservation => {
                    line.instant(row.observations.last().map(|observation| &observation.at));
                }
                SheetColumn::Attribute(key) => {
                    match row.attributes.0.iter().find(|(name, _)| name.0 == *key) {
                        None => line.missing(1),
                        Some((_, value)) => line.scalar(value),
                    }
                }
                SheetColumn::Other(_) => match others.next() {
                    Some(text) => line.plain(text),
                    None => line.missing(1),
                },
            }
        }
        self.end_line();
        self.rows += 1;
        Ok(())
    }

    /// The header and all rows.
    #[must_use]
    pub fn finish(self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }

    fn end_line(&mut self) {
        // Writing into memory cannot fail.
        let _ = self.line.write_to(&mut self.out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_those_of_a_file_and_only_the_chosen_columns_are_there() {
        let attribute = |key: &str| SheetColumn::Attribute(key.to_owned());
        let columns = vec![
            SheetColumn::Id,
            attribute("score"),
            SheetColumn::Tags,
            attribute("note"),
            SheetColumn::Other("changed_at".to_owned()),
            SheetColumn::Observations,
        ];
        let mut sheet = Sheet::new(columns);
        let record = r#"{"schema":"user_profile.v1","id":"a","attributes":{"note":"=1+1, \"x\"","score":0.1},"tags":["new","v;ip"]}"#;
        sheet.add(record, &["2026-01-01T00:00:00Z"]).expect("a record");
        sheet.add(r#"{"schema":"user_profile.v1","id":"b"}"#, &[""]).expect("a record");
        assert_eq!(
            sheet.finish(),
            "id,attributes.score,tags,attributes.note,changed_at,observations.count\r\n\
             a,0.1,new;v\\;ip,\"'=1+1, \"\"x\"\"\",2026-01-01T00:00:00Z,0\r\n\
             b,,,,,0\r\n"
        );
    }

    #[test]
    fn what_is_no_record_is_told_without_its_contents() {
        let mut sheet = Sheet::new(vec![SheetColumn::Id]);
        let error = sheet.add("{\"secret\":1}", &[]).expect_err("no record");
        assert!(!error.to_string().contains("secret"), "{error}");
        assert_eq!(sheet.finish(), "id\r\n");
    }
}
