//! What the catalog answers, against plain records and the meaning of filters on each of them.

mod arbitrary;
mod damage;
mod encodings;
mod facets;
mod lists;
mod segments;
mod store;
