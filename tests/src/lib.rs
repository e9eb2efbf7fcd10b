//! Journeys and proofs across components: see `tests/` beside this folder. Nothing is exported.
