//! The filter language of lists, for window, command line and relay alike.
//!
//! [`parse()`] turns what a person typed into an [`Expr`], or says what is wrong and where;
//! [`words()`] does the same for a search field, where nothing can be wrong. Whoever evaluates an
//! expression (columns, SQL) must agree with its meaning as [`Term`] says it. [`words::each`] cuts
//! text into the words that are searched for. Pure; it must not know how profiles are stored.

mod ast;
mod error;
mod facts;
mod parse;
mod values;
pub mod words;

pub use ast::{Comparison, Expr, Operand, Pattern, Status, Term, Word};
pub use error::{FilterError, FilterErrorCode};
pub use facts::RecordFacts;
pub use parse::{DEPTH_MAX, TERMS_MAX, TEXT_BYTES_MAX, parse, search as words};
