//! Not written yet.

use kartei_profile::Record;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::context::{Context, Scores};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Drift {}

impl Drift {
    pub(crate) fn begin(_: &Context) -> Self {
        Self {}
    }

    pub(crate) fn absorb(&mut self, _: &Record, _: &mut Scores<'_>) {}

    pub(crate) fn merge(&mut self, _: Self) {}

    pub(crate) fn report(&self, _: &Context, _: u64, _: u64) -> Map<String, Value> {
        Map::new()
    }
}
