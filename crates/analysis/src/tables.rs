//! The tables of a report: what stands behind its charts, and what goes into files.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Columns that say what a row is about; they stand first, in this order. The others are in the order of their names.
const FIRST: [&str; 10] = [
    "kind",
    "dimension",
    "segment",
    "component",
    "id",
    "name",
    "other_id",
    "other_name",
    "from",
    "to",
];

/// A table: every cell is nothing, a text, a number or a flag.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Its name: the report's member.
    pub name: String,
    /// The names of its columns; of what stands in an object of a row they are `outer.inner`.
    pub columns: Vec<String>,
    /// Its rows, each with a cell for every column.
    pub rows: Vec<Vec<Value>>,
}

/// The tables of a report, by name: its members that are lists of objects. Findings are sentences and none of them.
#[must_use]
pub fn tables(report: &Value) -> Vec<Table> {
    let members = report.as_object().into_iter().flatten();
    let lists = members.filter_map(|(name, value)| Some((name, value.as_array()?)));
    lists
        .filter(|(name, rows)| *name != "findings" && rows.iter().all(Value::is_object))
        .map(|(name, rows)| table(name, rows))
        .filter(|table| !table.rows.is_empty())
        .collect()
}

fn table(name: &str, rows: &[Value]) -> Table {
    let flat: Vec<Vec<(String, Value)>> = rows.iter().map(flat).collect();
    let columns: BTreeSet<&String> = flat.iter().flatten().map(|(column, _)| column).collect();
    // An object that is missing in a row leaves its name behind as a column of nothing.
    let is_outer = |column: &str| {
        let beginning = format!("{column}.");
        columns.iter().any(|other| other.starts_with(&beginning))
    };
    let mut columns: Vec<String> =
        columns.iter().filter(|column| !is_outer(column)).map(|column| (*column).clone()).collect();
    columns.sort_by_key(|column| {
        FIRST.iter().position(|first| first == column).unwrap_or(FIRST.len())
    });
    let rows = flat.into_iter().map(|row| {
        let mut cells: Map<String, Value> = row.into_iter().collect();
        columns.iter().map(|column| cells.remove(column).unwrap_or(Value::Null)).collect()
    });
    Table { name: name.to_owned(), rows: rows.collect(), columns }
}

fn flat(row: &Value) -> Vec<(String, Value)> {
    fn put(into: &mut Vec<(String, Value)>, name: String, value: &Value) {
        match value {
            Value::Object(members) => {
                for (inner, value) in members {
                    put(into, format!("{name}.{inner}"), value);
                }
            }
            Value::Array(values) => {
                // A pair of numbers has two columns, and so on; lists in a cell would be no table.
                for (at, value) in values.iter().enumerate() {
                    put(into, format!("{name}.{}", at + 1), value);
                }
            }
            cell => into.push((name, cell.clone())),
        }
    }
    let mut cells = Vec::new();
    for (name, value) in row.as_object().into_iter().flatten() {
        put(&mut cells, name.clone(), value);
    }
    cells
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_of_objects_are_tables() {
        let report = json!({
            "analysis": "x",
            "findings": [{"code": "c"}],
            "done": 3,
            "words": ["no", "table"],
            "none": [],
            "variables": [
                {"name": "a", "test": null, "mean": 1.5},
                {"name": "b", "test": {"t": 2, "p": 0.5}, "mean": 2},
            ],
        });
        let tables = tables(&report);
        assert_eq!(tables.len(), 1);
        assert_eq!(tables[0].name, "variables");
        assert_eq!(tables[0].columns, ["name", "mean", "test.p", "test.t"]);
        assert_eq!(tables[0].rows[0], [json!("a"), json!(1.5), Value::Null, Value::Null]);
        assert_eq!(tables[0].rows[1], [json!("b"), json!(2), json!(0.5), json!(2)]);
    }
}
