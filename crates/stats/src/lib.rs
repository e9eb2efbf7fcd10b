//! Statistics that come to the same bits on every platform, for any number of threads and in any
//! order of merging: tests, effect sizes, reliability, clusters, likeness of texts, record linkage.
//!
//! Slices in, structs out. Nothing here reads a clock, draws by chance, begins a thread or iterates
//! over a hash map, and of the functions of floating point only `+ - * / sqrt`, which IEEE 754 rounds
//! alike everywhere, and those of the crate `libm`, which are made of these. Numbers that are not
//! finite are refused with a [`StatError`].

mod error;
pub mod normal;
mod sum;

pub use error::StatError;
pub use sum::{ExactSum, Sum};
