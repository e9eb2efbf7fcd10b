//! A table of an analysis as CSV or Parquet: columns of any names, cells of nothing, texts, numbers and flags.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use serde_json::Value as Json;

use crate::cells::Line;
use crate::columns::Kind;
use crate::leaf::{Leaf, Value};
use crate::parquet_rows::ZSTD_LEVEL;
use crate::{Format, Options};

/// A table: every row has a cell for every column.
#[derive(Debug, Clone, Copy)]
pub struct TableData<'a> {
    /// The names of the columns.
    pub columns: &'a [String],
    /// The rows.
    pub rows: &'a [Vec<Json>],
}

/// What the cells of a column are; of several kinds they are texts.
fn kind_of(table: TableData<'_>, column: usize) -> Kind {
    let mut kind = None;
    for cell in table.rows.iter().filter_map(|row| row.get(column)).filter(|cell| !cell.is_null()) {
        let its = match cell {
            Json::Bool(_) => Kind::Bool,
            Json::Number(number) if number.is_i64() => Kind::Integer,
            Json::Number(_) => Kind::Double,
            _ => Kind::Text,
        };
        kind = Some(match (kind, its) {
            (None, its) => its,
            (Some(Kind::Integer), Kind::Double) | (Some(Kind::Double), Kind::Integer) => {
                Kind::Double
            }
            (Some(known), its) if known == its => its,
            _ => return Kind::Text,
        });
    }
    kind.unwrap_or(Kind::Text)
}

/// A cell as a text, for columns of several kinds and for CSV.
fn text_of(cell: &Json) -> String {
    match cell {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl TableData<'_> {
    /// Writes it as CSV (RFC 4180) with a header; texts that a spreadsheet would run as a formula begin with an
    /// apostrophe.
    ///
    /// # Errors
    /// What `out` cannot take.
    pub fn write_csv(self, out: &mut impl Write) -> io::Result<()> {
        let mut line = Line::new(&Options::new(Format::Csv));
        self.columns.iter().for_each(|name| line.text(name));
        line.write_to(out)?;
        for row in self.rows {
            for cell in row {
                match cell {
                    Json::Null => line.missing(1),
                    Json::String(text) => line.text(text),
                    other => line.plain(&other.to_string()),
                }
            }
            line.write_to(out)?;
        }
        Ok(())
    }

    /// Writes it as Parquet: whole numbers as INT64, others as DOUBLE, flags as BOOLEAN, texts as UTF-8, all optional.
    ///
    /// # Errors
    /// What `out` or the format cannot take.
    pub fn write_parquet(self, out: impl Write + Send) -> Result<()> {
        let kinds: Vec<Kind> =
            (0..self.columns.len()).map(|column| kind_of(self, column)).collect();
        let fields = self.columns.iter().zip(&kinds).map(|(name, kind)| field(name, *kind));
        let fields = fields.collect::<Result<_>>()?;
        let schema = Type::group_type_builder("result").with_fields(fields).build()?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
            .set_created_by(concat!("kartei-export ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let mut file = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?;
        let mut group = file.next_row_group()?;
        for (column, kind) in kinds.iter().enumerate() {
            let mut leaf = Leaf::new(*kind, 1);
            for row in self.rows {
                put(&mut leaf, *kind, row.get(column).unwrap_or(&Json::Null))?;
            }
            let Some(mut column) = group.next_column()? else {
                return Err(ParquetError::General("fewer columns than the schema".to_owned()));
            };
            leaf.write_to(&mut column)?;
            column.close()?;
        }
        group.close()?;
        file.close()?;
        Ok(())
    }
}

fn field(name: &str, kind: Kind) -> Result<Arc<Type>> {
    let physical = match kind {
        Kind::Bool => Physical::BOOLEAN,
        Kind::Integer => Physical::INT64,
        Kind::Double => Physical::DOUBLE,
        Kind::Text | Kind::Mixed | Kind::Empty => Physical::BYTE_ARRAY,
    };
    let builder =
        Type::primitive_type_builder(name, physical).with_repetition(Repetition::OPTIONAL);
    let builder = match physical {
        Physical::BYTE_ARRAY => builder.with_logical_type(Some(LogicalType::String)),
        _ => builder,
    };
    Ok(Arc::new(builder.build()?))
}

fn put(leaf: &mut Leaf, kind: Kind, cell: &Json) -> Result<()> {
    let text;
    let value = match (kind, cell) {
        (_, Json::Null) => Err(0),
        (Kind::Bool, Json::Bool(flag)) => Ok(Value::Bool(*flag)),
        (Kind::Integer, Json::Number(number)) => {
            Ok(Value::Integer(number.as_i64().unwrap_or_default()))
        }
        (Kind::Double, Json::Number(number)) => {
            Ok(Value::Double(number.as_f64().unwrap_or_default()))
        }
        (_, cell) => {
            text = text_of(cell);
            Ok(Value::Text(&text))
        }
    };
    let put = leaf.put(value);
    put.map(|_| ()).ok_or_else(|| ParquetError::General("a cell of another kind".to_owned()))
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;
    use serde_json::json;

    use super::*;

    fn table() -> (Vec<String>, Vec<Vec<Json>>) {
        let columns = ["id", "people", "share", "told", "mixed"].map(str::to_owned).to_vec();
        let rows = vec![
            vec![json!("=a,\"b\""), json!(3), json!(0.5), json!(true), json!(1)],
            vec![Json::Null, Json::Null, json!(2), Json::Null, json!("x")],
        ];
        (columns, rows)
    }

    #[test]
    fn a_table_is_csv() {
        let (columns, rows) = table();
        let mut out = Vec::new();
        TableData { columns: &columns, rows: &rows }.write_csv(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "id,people,share,told,mixed\r\n\"'=a,\"\"b\"\"\",3,0.5,true,1\r\n,,2,,x\r\n"
        );
    }

    #[test]
    fn a_table_is_parquet() {
        let (columns, rows) = table();
        let mut out = Vec::new();
        TableData { columns: &columns, rows: &rows }.write_parquet(&mut out).unwrap();
        let read = SerializedFileReader::new(bytes::Bytes::from(out)).unwrap();
        let rows: Vec<Vec<(String, Field)>> = read
            .get_row_iter(None)
            .unwrap()
            .map(|row| {
                let row = row.unwrap();
                row.get_column_iter().map(|(name, field)| (name.clone(), field.clone())).collect()
            })
            .collect();
        let fields =
            |row: usize| rows[row].iter().map(|(_, field)| field.clone()).collect::<Vec<_>>();
        assert_eq!(
            fields(0),
            [
                Field::Str("=a,\"b\"".to_owned()),
                Field::Long(3),
                Field::Double(0.5),
                Field::Bool(true),
                Field::Str("1".to_owned())
            ]
        );
        assert_eq!(
            fields(1),
            [Field::Null, Field::Null, Field::Double(2.0), Field::Null, Field::Str("x".to_owned())]
        );
    }
}
