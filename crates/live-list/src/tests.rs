//! Lists against plain records and the meaning of filters on each of them.

mod cursors;
mod damage;
mod database;
mod made;
mod many;
mod memory;
mod steps;
