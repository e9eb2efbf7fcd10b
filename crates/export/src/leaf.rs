//! The columns of one Parquet row group while it is gathered.

use bytes::Bytes;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::Result;
use parquet::file::writer::SerializedColumnWriter;

use crate::columns::Kind;

/// Values of one column. Texts lie one after another in one piece of memory.
#[derive(Debug)]
enum Values {
    Bool(Vec<bool>),
    Integer(Vec<i64>),
    Double(Vec<f64>),
    Text { bytes: Vec<u8>, ends: Vec<usize> },
}

/// A value to put into a column.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Bool(bool),
    Integer(i64),
    Double(f64),
    Text(&'a str),
}

/// One column: its values, and the levels that say where one is missing or a list begins.
#[derive(Debug)]
pub(crate) struct Leaf {
    values: Values,
    /// Empty for columns in which nothing can be missing.
    definition: Vec<i16>,
    /// Empty for columns outside lists.
    repetition: Vec<i16>,
    max_definition: i16,
}

impl Leaf {
    /// A column of `kind` whose present values have the definition level `max_definition`.
    pub(crate) fn new(kind: Kind, max_definition: i16) -> Self {
        let values = match kind {
            Kind::Bool => Values::Bool(Vec::new()),
            Kind::Integer => Values::Integer(Vec::new()),
            Kind::Double => Values::Double(Vec::new()),
            Kind::Text | Kind::Mixed | Kind::Empty => {
                Values::Text { bytes: Vec::new(), ends: Vec::new() }
            }
        };
        Self { values, definition: Vec::new(), repetition: Vec::new(), max_definition }
    }

    /// Puts in a value, or that it is missing at the given definition level. Answers the bytes
    /// this takes; a value of another type than the column's is not put in, and is `None`.
    pub(crate) fn put(&mut self, value: core::result::Result<Value<'_>, i16>) -> Option<usize> {
        let (level, bytes) = match value {
            Ok(value) => (self.max_definition, self.put_value(value)?),
            Err(level) => (level, 0),
        };
        if self.max_definition > 0 {
            self.definition.push(level);
        }
        Some(bytes + size_of::<i16>())
    }

    /// Like [`Self::put`] for columns in lists; `begins` a record or goes on with its list.
    pub(crate) fn put_in_list(
        &mut self,
        begins: bool,
        value: core::result::Result<Value<'_>, i16>,
    ) -> Option<usize> {
        let bytes = self.put(value)?;
        self.repetition.push(i16::from(!begins));
        Some(bytes + size_of::<i16>())
    }

    fn put_value(&mut self, value: Value<'_>) -> Option<usize> {
        match (&mut self.values, value) {
            (Values::Bool(values), Value::Bool(x)) => values.push(x),
            (Values::Integer(values), Value::Integer(x)) => values.push(x),
            (Values::Double(values), Value::Double(x)) => values.push(x),
            (Values::Text { bytes, ends }, Value::Text(text)) => {
                bytes.extend_from_slice(text.as_bytes());
                ends.push(bytes.len());
                // The end, and the slice that is made of it when the group is written.
                return Some(text.len() + size_of::<usize>() + size_of::<ByteArray>());
            }
            _ => return None,
        }
        Some(size_of::<u64>())
    }

    /// Writes everything that was put in, and is empty then.
    pub(crate) fn write_to(&mut self, column: &mut SerializedColumnWriter<'_>) -> Result<()> {
        let definition = (self.max_definition > 0).then_some(&*self.definition);
        let repetition = (!self.repetition.is_empty()).then_some(&*self.repetition);
        match &mut self.values {
            Values::Bool(values) => {
                column.typed::<BoolType>().write_batch(values, definition, repetition)?;
                values.clear();
            }
            Values::Integer(values) => {
                column.typed::<Int64Type>().write_batch(values, definition, repetition)?;
                values.clear();
            }
            Values::Double(values) => {
                column.typed::<DoubleType>().write_batch(values, definition, repetition)?;
                values.clear();
            }
            Values::Text { bytes, ends } => {
                let all = Bytes::from(std::mem::take(bytes));
                let starts = std::iter::once(0).chain(ends.iter().copied());
                let texts: Vec<ByteArray> = starts
                    .zip(ends.iter())
                    .map(|(start, &end)| ByteArray::from(all.slice(start..end)))
                    .collect();
                column.typed::<ByteArrayType>().write_batch(&texts, definition, repetition)?;
                ends.clear();
            }
        }
        self.definition.clear();
        self.repetition.clear();
        Ok(())
    }
}
