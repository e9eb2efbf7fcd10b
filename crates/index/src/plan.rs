//! A filter made ready: which column each term reads, and what is asked of it.

use std::sync::Arc;

use kartei_filter::{Comparison, Expr, Operand, Pattern, Status, Term, Word};

use crate::column;

/// A filter whose terms know their columns.
#[derive(Debug)]
pub(crate) enum Node<'e> {
    All(Vec<Node<'e>>),
    Any(Vec<Node<'e>>),
    Not(Box<Node<'e>>),
    Leaf(Leaf<'e>),
}

/// A term that knows its column.
#[derive(Debug)]
pub(crate) struct Leaf<'e> {
    pub(crate) term: &'e Term,
    pub(crate) test: Test<'e>,
    /// The place of its column among the columns of the plan.
    pub(crate) column: usize,
}

/// What is asked of a column.
#[derive(Debug)]
pub(crate) enum Test<'e> {
    Term(Vec<u8>),
    TermFits(&'e Pattern),
    Id(&'e Pattern),
    Name(&'e Pattern),
    Status(Arc<Vec<u64>>),
    Attribute(Comparison, &'e Operand),
    Score(Comparison, f64),
    Signal(Comparison, f64),
    Instant(Comparison, i64),
    Changed(Comparison, i64),
    Count(Comparison, f64),
    Words { words: &'e [Word], phrase: bool },
}

/// A filter and the columns it reads.
#[derive(Debug)]
pub(crate) struct Plan<'e> {
    pub(crate) root: Node<'e>,
    pub(crate) columns: Vec<String>,
}

/// Which rows have a status, for each that a filter names.
pub(crate) type StatusRows = Vec<(Status, Arc<Vec<u64>>)>;

/// Calls `found` with each status that a filter names.
pub(crate) fn each_status(expr: &Expr, found: &mut impl FnMut(Status)) {
    match expr {
        Expr::All(inner) | Expr::Any(inner) => inner.iter().for_each(|one| each_status(one, found)),
        Expr::Not(inner) => each_status(inner, found),
        Expr::Term(Term::Status(status)) => found(*status),
        Expr::Term(_) => {}
    }
}

impl<'e> Plan<'e> {
    pub(crate) fn new(expr: &'e Expr, statuses: &StatusRows) -> Self {
        let mut columns = Vec::new();
        let root = node(expr, statuses, &mut columns);
        Self { root, columns }
    }
}

fn node<'e>(expr: &'e Expr, statuses: &StatusRows, columns: &mut Vec<String>) -> Node<'e> {
    match expr {
        Expr::All(inner) => {
            let mut nodes: Vec<_> = inner.iter().map(|one| node(one, statuses, columns)).collect();
            // What is cheap and finds few comes first: nothing is asked where nothing is left.
            nodes.sort_by_key(cost);
            Node::All(nodes)
        }
        Expr::Any(inner) => {
            Node::Any(inner.iter().map(|one| node(one, statuses, columns)).collect())
        }
        Expr::Not(inner) => Node::Not(Box::new(node(inner, statuses, columns))),
        Expr::Term(term) => Node::Leaf(leaf(term, statuses, columns)),
    }
}

fn cost(node: &Node<'_>) -> u32 {
    match node {
        Node::All(inner) | Node::Any(inner) => inner.iter().map(cost).sum(),
        Node::Not(inner) => cost(inner),
        Node::Leaf(leaf) => match leaf.test {
            Test::Status(_) | Test::Changed(..) => 1,
            Test::Term(_) => 2,
            Test::Words { .. } | Test::TermFits(_) => 3,
            Test::Count(..) | Test::Instant(..) => 5,
            Test::Attribute(..) | Test::Score(..) => 6,
            Test::Signal(..) => 8,
            Test::Id(_) | Test::Name(_) => 20,
        },
    }
}

fn leaf<'e>(term: &'e Term, statuses: &StatusRows, columns: &mut Vec<String>) -> Leaf<'e> {
    let (name, test) = match term {
        Term::Tag(Pattern::Exact(tag)) => {
            (column::TAGS.to_owned(), Test::Term(tag.as_bytes().to_vec()))
        }
        Term::Tag(pattern) => (column::TAGS.to_owned(), Test::TermFits(pattern)),
        Term::Id(pattern) => (column::ID.to_owned(), Test::Id(pattern)),
        Term::Name(pattern) => (column::NAME.to_owned(), Test::Name(pattern)),
        Term::Status(status) => {
            let rows = statuses.iter().find(|(of, _)| of == status);
            let rows = rows.map(|(_, rows)| Arc::clone(rows)).unwrap_or_default();
            (String::new(), Test::Status(rows))
        }
        Term::Has(key) => {
            (column::FIELDS.to_owned(), Test::Term(column::of_attribute(key).into_bytes()))
        }
        Term::Attribute { key, comparison, operand } => {
            (column::of_attribute(key), Test::Attribute(*comparison, operand))
        }
        Term::Observed { signal, test: None } => {
            (column::FIELDS.to_owned(), Test::Term(column::of_signal(signal).into_bytes()))
        }
        Term::Observed { signal, test: Some((comparison, value)) } => {
            (column::of_signal(signal), Test::Signal(*comparison, *value))
        }
        Term::After(at) => {
            (column::LAST.to_owned(), Test::Instant(Comparison::GreaterOrEqual, *at))
        }
        Term::Before(at) => (column::FIRST.to_owned(), Test::Instant(Comparison::Less, *at)),
        Term::Changed(comparison, at) => (String::new(), Test::Changed(*comparison, *at)),
        Term::Observations(comparison, count) => {
            (column::OBSERVATIONS.to_owned(), Test::Count(*comparison, *count))
        }
        Term::Score { name, comparison, value } => {
            (column::of_score(name), Test::Score(*comparison, *value))
        }
        Term::Words { words, phrase } => {
            // One word follows itself.
            let phrase = *phrase && words.len() > 1;
            (column::WORDS.to_owned(), Test::Words { words, phrase })
        }
    };
    if name.is_empty() {
        return Leaf { term, test, column: usize::MAX };
    }
    let column = columns.iter().position(|one| *one == name).unwrap_or_else(|| {
        columns.push(name);
        columns.len() - 1
    });
    Leaf { term, test, column }
}
