//! Not written yet.

use kartei_behavior::Vector;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::context::Context;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Segments {}

impl Segments {
    pub(crate) fn begin(_: &Context) -> Self {
        Self {}
    }

    pub(crate) fn absorb(&mut self, _: &str, _: &Vector) {}

    pub(crate) fn merge(&mut self, _: &Context, _: Self) {}

    pub(crate) fn report(&self, _: &Context, _: u64, _: u64) -> Map<String, Value> {
        Map::new()
    }
}
