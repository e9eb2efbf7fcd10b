//! Statistics that come to the same bits on every platform, for any number of threads and in any
//! order of merging: tests, effect sizes, reliability, clusters, likeness of texts, record linkage.
//!
//! Slices in, structs out. Nothing here reads a clock, draws by chance, begins a thread or iterates
//! over a hash map, and of the functions of floating point only `+ - * / sqrt`, which IEEE 754 rounds
//! alike everywhere, and those of the crate `libm`, which are made of these. Numbers that are not
//! finite are refused with a [`StatError`]. Where the order of the input matters to the last bits the
//! function says so, or takes it as given: the caller brings the same order.

pub mod adjust;
pub mod anova;
pub mod beta;
pub mod chi_square;
pub mod cluster;
pub mod distance;
pub mod effect;
mod error;
pub mod linear;
pub mod linkage;
pub mod matrix;
pub mod moments;
pub mod normal;
mod pairs;
mod products;
pub mod reliability;
pub mod robust;
pub mod sum;
pub mod text;
pub mod two;

pub use error::StatError;
pub use matrix::{Rows, Symmetric};
pub use moments::Summary;
pub use normal::{cdf, quantile};
pub use pairs::Pairs;
pub use products::CrossProducts;
pub use sum::{ExactSum, Sum};
