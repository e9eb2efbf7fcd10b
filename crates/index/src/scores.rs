//! Columns of scores, which are no part of a record: whoever makes them makes their columns here.

use crate::attribute::{self, Values};
use crate::catalog::Catalog;
use crate::column::{self, SCORE_PREFIX};
use crate::numbers::normal;
use crate::order::OrderKey;
use crate::postings::Scratch;

/// Makes the columns of some scores of a chunk, row by row.
#[derive(Debug)]
pub struct ScoreColumns {
    rows: u32,
    columns: Vec<Column>,
}

#[derive(Debug, Default, Clone)]
struct Column {
    rows: Vec<u32>,
    scores: Vec<f64>,
}

impl ScoreColumns {
    /// Of so many scores a row.
    #[must_use]
    pub fn new(scores: usize) -> Self {
        Self { rows: 0, columns: vec![Column::default(); scores] }
    }

    /// Adds the next row: its scores in their order, finite numbers, and nothing where it has none.
    pub fn push(&mut self, scores: impl IntoIterator<Item = Option<f64>>) {
        for (column, score) in self.columns.iter_mut().zip(scores) {
            if let Some(score) = score.filter(|score| score.is_finite()) {
                column.rows.push(self.rows);
                column.scores.push(normal(score));
            }
        }
        self.rows += 1;
    }

    /// The bodies of the columns, in the order of the scores.
    #[must_use]
    pub fn finish(self) -> Vec<Vec<u8>> {
        let mut scratch = Scratch::default();
        let column = |column: &Column| {
            let values =
                Values { numbers: &column.scores, number_rows: &column.rows, ..Values::default() };
            attribute::column(self.rows as usize, &values, std::iter::empty(), &mut scratch)
        };
        self.columns.iter().map(column).collect()
    }
}

/// The name of the column of a score, for [`Catalog::add_rows`].
#[must_use]
pub fn score_column(name: &str) -> String {
    column::of_score(name)
}

/// The score that a column has, by its name in filters; nothing for other columns. What a
/// [`Source`](crate::Source) needs that keeps scores apart.
#[must_use]
pub fn score_of(column: &str) -> Option<&str> {
    column.strip_prefix(SCORE_PREFIX)
}

impl Catalog {
    /// Forgets what was read of scores and found by them: the source has others now. Those of rows
    /// in memory stay what they are.
    pub fn forget_scores(&mut self) {
        self.columns.forget(|name| score_of(name).is_some());
        self.orders.forget(|by| matches!(by, OrderKey::Score(_)));
        self.version += 1;
    }
}
