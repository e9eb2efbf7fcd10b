//! What crosses a boundary: the desktop's commands and events, the wire rows of sync, and the one
//! closed list of problem codes.
//!
//! Main types: [`commands::Commands`] (the declared command list), [`problem::Problem`],
//! [`sync::PushItem`] and [`sync::PullLine`]. This crate must not know how anything is stored,
//! sent or merged: it holds shapes only, so that every side can depend on it.

pub mod admin;
pub mod bootstrap;
pub mod calibrations;
pub mod commands;
pub mod desktop;
pub mod events;
pub mod jobs;
pub mod problem;
pub mod sign_in;
pub mod sync;
pub mod uploads;
