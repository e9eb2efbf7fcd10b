//! The filter language of lists, for window, command line and relay alike.
//!
//! [`parse`] turns what a person typed into an [`Expr`], or says what is wrong and where.
//! [`matches`] is the meaning of an expression on one record; whoever evaluates it faster (columns,
//! SQL) must agree with it. [`words::each`] cuts text into the words that are searched for. Pure; it
//! must not know how profiles are stored.

mod ast;
pub mod words;

pub use ast::{Comparison, Expr, Operand, Pattern, Status, Term, Word};
