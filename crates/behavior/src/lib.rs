//! Behaviour vectors: where a person stands among a population, how sure that is, and which observations it rests on.
//!
//! ```text
//! Schema ─┐                    ┌─▶ First, Second, Third over a population ─▶ Calibration
//! Record ─┴─▶ Person::measure ─┤
//!                              └─▶ Scorer (Schema, Calibration) ─▶ Vector: scores, bands, contributions
//! ```
//! A vector is a pure function of a record, a schema and a calibration, which names the moment that it is of. Every
//! machine computes the same bits: sums are compensated in a fixed order or exact, functions are those of `libm`, and
//! nothing depends on the order of a map, on threads or on the clock.

mod calibration;
mod fit;
mod fitted;
mod gates;
mod make;
mod measure;
mod moves;
mod population;
mod reference;
mod schema;
mod score;

pub use calibration::{
    Calibration, CalibrationMistake, DimensionFit, Holdout, SchemaName, Separation, SignalFit,
};
pub use fit::{Asked, First, Known, Second, Third};
pub use fitted::{Fitted, Scores};
pub use gates::{Gate, GateKind, gates, unseen};
pub use make::{Passes, Refused, SoFar, Step, Wanted, compare, fit};
pub use measure::{Counted, Measured, Person, newest, weight_at};
pub use moves::{BandChanges, DimensionMoves, Move, Moved, Moves};
pub use reference::{Place, Reference, Scale};
pub use schema::{
    DIMENSIONS_MAX, Dimension, Direction, Kind, Measure, NameTaken, SIGNALS_MAX, Schema,
    SchemaMistake, Signal, Title, check_taken, ready,
};
pub use score::{Band, Contribution, DimensionScore, Scorer, Standing, Vector, distance};

/// Version of what makes scores. Another one may give other bits.
pub const ENGINE: u32 = 1;
