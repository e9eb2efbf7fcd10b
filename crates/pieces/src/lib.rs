//! A file in pieces that come in any order, as both ends of an upload need it: what of it is there
//! ([`Ranges`]), and the BLAKE3 digest of the whole without a second look at the bytes ([`tree`]).

mod ranges;
pub mod tree;

pub use ranges::{Ranges, Spot};
