//! The filter language of lists, for window, command line and relay alike.
//!
//! [`parse()`] turns what a person typed into an [`Expr`], or says what is wrong and where;
//! [`words()`] does the same for a search field, where nothing can be wrong. An [`Expr`] written
//! as a text parses to itself again, and [`narrow()`] adds a value to a text or takes it out, for
//! facets. [`matches()`] is the meaning on one profile, which whoever
//! evaluates an expression (columns, SQL) must agree with. [`words::each`] cuts text into the words
//! that are searched for. Pure; it must not know how profiles are stored.

mod ast;
mod display;
mod error;
mod facts;
mod free;
mod gone;
mod meaning;
mod narrow;
mod parse;
mod scan;
mod term;
mod values;
pub mod words;

pub use ast::{Comparison, Expr, Operand, Pattern, Status, Term, Word};
pub use error::{FilterError, FilterErrorCode, utf16_range};
pub use facts::{Facts, RecordFacts};
pub use free::search as words;
pub use meaning::{holds, matches};
pub use narrow::{Chosen, Narrow, Subject, narrow};
pub use parse::{DEPTH_MAX, TERMS_MAX, TEXT_BYTES_MAX, parse};
