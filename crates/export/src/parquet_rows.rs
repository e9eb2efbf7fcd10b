//! Parquet: one row a profile, typed, with nested observations.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;

use crate::SCHEMA_NAME;
use crate::columns::{Columns, Kind};
use crate::error::Error;
use crate::leaf::{Leaf, Value};
use crate::parquet_schema::Layout;
use crate::row::{AttributeValue, Row, Scalar, Text, micros, read};
use crate::sink::Sink;
use crate::source::{Feed, Source};

/// Rows of a row group. Readers share out work by row groups, and a million profiles make sixteen.
pub const ROW_GROUP_ROWS: usize = 65_536;

/// Bytes after which a row group ends early: what one export holds in memory, encoding apart.
pub const ROW_GROUP_BYTES: usize = 128 * 1024 * 1024;

/// Level of zstd: its library's own default.
pub const ZSTD_LEVEL: i32 = 3;

/// Key of the file's metadata under which the name of the schema stands.
pub const SCHEMA_KEY: &str = "kartei.schema";

/// Key of the file's metadata under which name and version of this crate stand.
pub const WRITER_KEY: &str = "kartei.writer";

/// Definition level of a missing value and of an empty list.
const MISSING: i16 = 0;

/// Definition level of a missing optional member inside of a list's element or of `consent`.
const MEMBER_MISSING: i16 = 1;

/// Writes one row a profile and the footer.
pub(crate) fn write<S: Source, W: Write + Send>(
    feed: &mut Feed<'_, S>,
    columns: &Columns,
    sink: &mut Sink<W>,
) -> Result<(), Error<S::Error>> {
    let result = write_groups(feed, columns, sink);
    if matches!(result, Err(Error::Parquet { .. }))
        && let Some(source) = sink.take_failure()
    {
        return Err(Error::Write { profiles: feed.profiles(), source });
    }
    result
}

fn write_groups<S: Source, W: Write + Send>(
    feed: &mut Feed<'_, S>,
    columns: &Columns,
    sink: &mut Sink<W>,
) -> Result<(), Error<S::Error>> {
    let failed = |profiles, source| Error::Parquet { profiles, source };
    let mut layout = Layout::new(columns).map_err(|e| failed(0, e))?;
    let properties = properties().map_err(|e| failed(0, e))?;
    let schema = Arc::clone(&layout.schema);
    let mut file =
        SerializedFileWriter::new(sink, schema, Arc::new(properties)).map_err(|e| failed(0, e))?;
    let (mut rows, mut bytes) = (0, 0);
    feed.each(|position, record| {
        let row: Row<'_> = read(position, record)?;
        bytes += put_row(position, &row, columns, &mut layout)?;
        rows += 1;
        if rows >= ROW_GROUP_ROWS || bytes >= ROW_GROUP_BYTES {
            write_group(&mut layout, &mut file).map_err(|e| failed(position - 1, e))?;
            (rows, bytes) = (0, 0);
        }
        Ok(())
    })?;
    let profiles = feed.profiles();
    if rows > 0 {
        write_group(&mut layout, &mut file).map_err(|e| failed(profiles, e))?;
    }
    file.finish().map_err(|e| failed(profiles, e))?;
    Ok(())
}

fn properties() -> Result<WriterProperties, ParquetError> {
    let writer = concat!("kartei-export ", env!("CARGO_PKG_VERSION"));
    Ok(WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_created_by(writer.to_owned())
        .set_key_value_metadata(Some(vec![
            KeyValue::new(SCHEMA_KEY.to_owned(), SCHEMA_NAME.to_owned()),
            KeyValue::new(WRITER_KEY.to_owned(), writer.to_owned()),
        ]))
        .build())
}

fn write_group<W: Write + Send>(
    layout: &mut Layout,
    file: &mut SerializedFileWriter<W>,
) -> Result<(), ParquetError> {
    let mut group = file.next_row_group()?;
    for leaf in layout.leaves() {
        let Some(mut column) = group.next_column()? else {
            return Err(ParquetError::General("fewer columns than the schema".to_owned()));
        };
        leaf.write_to(&mut column)?;
        column.close()?;
    }
    group.close()?;
    Ok(())
}

/// Puts a row into the columns; answers the bytes it takes there.
fn put_row<E>(
    position: u64,
    row: &Row<'_>,
    columns: &Columns,
    layout: &mut Layout,
) -> Result<usize, Error<E>> {
    let instant = |text: &Option<Text<'_>>| match text {
        Some(text) => Ok(Ok(Value::Integer(micros(position, text)?))),
        None => Ok(Err(MISSING)),
    };
    let created_at = instant(&row.created_at)?;
    let updated_at = instant(&row.updated_at)?;
    let put = |leaf: &mut Leaf, value| leaf.put(value).ok_or(Error::Changed { position });
    let mut bytes = put(&mut layout.id, Ok(Value::Text(&row.id.0)))?
        + put(&mut layout.display_name, text(row.display_name.as_ref(), MISSING))?
        + put(&mut layout.notes, text(row.notes.as_ref(), MISSING))?
        + put(&mut layout.created_at, created_at)?
        + put(&mut layout.updated_at, updated_at)?;

    let consent = match &row.consent {
        Some(consent) => [
            Ok(Value::Bool(consent.analytics)),
            Ok(Value::Integer(micros(position, &consent.recorded_at)?)),
            text(consent.source.as_ref(), MEMBER_MISSING),
        ],
        None => [Err(MISSING); 3],
    };
    for (leaf, value) in layout.consent.iter_mut().zip(consent) {
        bytes += put(leaf, value)?;
    }

    let mut rest = row.attributes.0.iter().peekable();
    for ((key, &kind), leaf) in columns.attributes.iter().zip(&mut layout.attributes) {
        let value = match rest.next_if(|(name, _)| name.0 == **key) {
            Some((_, value)) => typed(kind, value).ok_or(Error::Changed { position })?,
            None => Err(MISSING),
        };
        bytes += put(leaf, value)?;
    }
    if rest.next().is_some() {
        return Err(Error::Changed { position });
    }

    let tags = row.tags.iter().map(|tag| Ok([Ok(Value::Text(&tag.0))]));
    let observations = row.observations.iter().map(|o| {
        Ok([
            Ok(Value::Text(&o.id.0)),
            Ok(Value::Text(&o.signal.0)),
            Ok(Value::Double(o.value.value)),
            Ok(Value::Integer(o.n)),
            Ok(Value::Integer(micros(position, &o.at)?)),
            text(o.source.as_ref(), MEMBER_MISSING),
        ])
    });
    let attachments = row.attachments.iter().map(|file| {
        Ok([
            Ok(Value::Text(&file.file_id.0)),
            Ok(Value::Text(&file.name.0)),
            Ok(Value::Integer(file.size)),
            Ok(Value::Text(&file.media_type.0)),
            Ok(Value::Text(&file.digest.0)),
        ])
    });
    bytes += put_list(position, std::slice::from_mut(&mut layout.tags), tags)?;
    bytes += put_list(position, &mut layout.observations, observations)?;
    bytes += put_list(position, &mut layout.attachments, attachments)?;
    Ok(bytes)
}

type Cell<'a> = Result<Value<'a>, i16>;

fn put_list<'a, const N: usize, E>(
    position: u64,
    leaves: &mut [Leaf],
    elements: impl Iterator<Item = Result<[Cell<'a>; N], Error<E>>>,
) -> Result<usize, Error<E>> {
    let mut bytes = 0;
    let mut begins = true;
    for element in elements {
        for (leaf, value) in leaves.iter_mut().zip(element?) {
            bytes += leaf.put_in_list(begins, value).ok_or(Error::Changed { position })?;
        }
        begins = false;
    }
    if begins {
        for leaf in leaves {
            bytes += leaf.put_in_list(true, Err(MISSING)).ok_or(Error::Changed { position })?;
        }
    }
    Ok(bytes)
}

fn text<'a>(text: Option<&'a Text<'_>>, missing: i16) -> Cell<'a> {
    text.map(|text| Value::Text(&text.0)).ok_or(missing)
}

/// The value as a column of `kind` holds it; `None` where it cannot.
fn typed<'a>(kind: Kind, value: &'a AttributeValue<'_>) -> Option<Cell<'a>> {
    if !kind.holds(Kind::of(&value.scalar)) {
        return None;
    }
    Some(Ok(match (&value.scalar, kind) {
        (Scalar::Null, _) => return Some(Err(MISSING)),
        (_, Kind::Mixed) => Value::Text(value.json),
        (Scalar::Bool(x), _) => Value::Bool(*x),
        (Scalar::Text(text), _) => Value::Text(&text.0),
        (Scalar::Number(x), Kind::Double) => Value::Double(x.value),
        (Scalar::Number(x), _) => Value::Integer(x.text.parse().ok()?),
    }))
}
