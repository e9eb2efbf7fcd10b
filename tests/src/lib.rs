//! Journeys and proofs across components: see `tests/` beside this folder. What is exported is
//! for fuzzing: each target takes any bytes, and says by a panic what must not be.

pub mod fuzz;
