//! Behaviour vectors: where a profile stands by the active calibrations, and how calibrations come to be.
//!
//! ```text
//! get_behavior ─▶ record + active calibrations ─▶ kartei_behavior::Scorer ─▶ vector
//! fit_calibration ─▶ thread: passes over a snapshot ─▶ draft in the store, with whom it moves
//! activate_calibration ─▶ store: one step, the one before retires ─▶ HostEvent::Calibrated
//! ```
//! A vector is made anew whenever somebody looks: it is a few microseconds, and can be by no calibration but the one
//! that is active.

mod commands;
mod fit;
mod lists;
pub(crate) mod shown;

pub(crate) use lists::ListScores;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use kartei_analysis::{AskedWrongly, Scored};
use kartei_behavior::{Calibration, Fitted, Schema, ready};
use kartei_local_store::{Store, StoredCalibration};
use kartei_protocol::desktop::{CalibrationRun, CalibrationRunState};
use kartei_protocol::events::HostEvent;
use kartei_protocol::problem::{Problem, ProblemCode};

use crate::problem::of_store;
use crate::runs::{Runs, Shown};
use crate::shared::lock;

/// Calibrations that are kept ready: as many as there are active ones, as a rule.
const READY_MAX: usize = 16;

/// What behaviour vectors are made by.
#[derive(Debug, Default)]
pub(crate) struct Behavior {
    runs: Runs<CalibrationRun>,
    /// By version: a version never changes.
    known: Mutex<BTreeMap<String, Arc<Fitted>>>,
}

impl Behavior {
    pub(crate) fn is_busy(&self) -> bool {
        self.runs.is_busy()
    }

    pub(crate) fn stop(&self, run: u64) -> Result<CalibrationRun, Problem> {
        self.runs.stop(run)
    }

    pub(crate) fn shutdown(&self) {
        self.runs.shutdown();
    }

    fn fitted(&self, store: &Store, stored: &StoredCalibration) -> Result<Arc<Fitted>, Problem> {
        if let Some(known) = lock(&self.known).get(&stored.version) {
            return Ok(Arc::clone(known));
        }
        let schema = find_schema(store, &stored.schema, Some(stored.schema_version))?;
        let fitted = Arc::new(read(schema, stored)?);
        let mut known = lock(&self.known);
        while known.len() >= READY_MAX {
            known.pop_first();
        }
        known.insert(stored.version.clone(), Arc::clone(&fitted));
        Ok(fitted)
    }
}

fn read(schema: Schema, stored: &StoredCalibration) -> Result<Fitted, Problem> {
    let fitted = Calibration::parse(&stored.text).and_then(|found| Fitted::new(schema, found));
    fitted.map_err(|e| Problem::new(ProblemCode::StoreDamaged, e.to_string()))
}

/// Schemas by name and version, and whether each comes with the program.
type Schemas = BTreeMap<(String, u32), (Schema, bool)>;

/// The schemas of a data folder and those that come with the program, by name and version. Where both have a version,
/// the data folder's counts.
fn schemas(store: &Store) -> Result<Schemas, Problem> {
    let mut schemas = BTreeMap::new();
    for schema in ready() {
        schemas.insert((schema.name().to_owned(), schema.version()), (schema, true));
    }
    for stored in store.behavior_schemas().map_err(|e| of_store(&e))? {
        let schema = Schema::parse(&stored.text).map_err(|mistake| {
            let message = format!("schema {} {}: {mistake}", stored.name, stored.version);
            Problem::new(ProblemCode::StoreDamaged, message)
        })?;
        let place = (stored.name, stored.version);
        let is_ready = schemas.get(&place).is_some_and(|(known, _)| known.hash() == schema.hash());
        schemas.insert(place, (schema, is_ready));
    }
    Ok(schemas)
}

/// A schema by its name; its newest version where none is named.
pub(crate) fn find_schema(
    store: &Store,
    name: &str,
    version: Option<u32>,
) -> Result<Schema, Problem> {
    let found = schemas(store)?
        .into_iter()
        .rev()
        .find(|((known, its), _)| known == name && version.is_none_or(|version| version == *its));
    found.map(|(_, (schema, _))| schema).ok_or_else(|| {
        let version = version.map(|version| format!(" {version}")).unwrap_or_default();
        let message = format!("there is no behaviour schema `{name}`{version}");
        Problem::new(ProblemCode::NotFound, message).about(name)
    })
}

/// What scores are made by: the calibration of this version, or the beginning of one that no other has; without one the
/// only one that is active. Nothing where none is named and none is active, or where several are and the analysis can do
/// without.
pub(crate) fn scale(
    store: &Store,
    version: Option<&str>,
    scored: Scored,
) -> Result<Option<Fitted>, Problem> {
    let wrong = |error: &AskedWrongly| Problem::new(ProblemCode::Blocked, error.to_string());
    let stored = match version {
        Some(version) => Some(find_calibration(store, version)?),
        None => {
            let mut active = store.active_calibrations().map_err(|e| of_store(&e))?;
            if active.len() > 1 {
                if scored == Scored::Perhaps {
                    return Ok(None);
                }
                let names: Vec<&str> = active.iter().map(|one| one.schema.as_str()).collect();
                return Err(wrong(&AskedWrongly::SeveralCalibrations(names.join(", "))));
            }
            active.pop()
        }
    };
    let Some(stored) = stored else { return Ok(None) };
    let schema = find_schema(store, &stored.schema, Some(stored.schema_version))?;
    read(schema, &stored).map(Some)
}

/// By its version, or the beginning of one that no other has.
fn find_calibration(store: &Store, version: &str) -> Result<StoredCalibration, Problem> {
    let all = store.calibrations().map_err(|e| of_store(&e))?;
    the_one(all, |one| &one.version, version, "here")
}

/// The calibration whose version begins so, of all that there are at a place.
pub(crate) fn the_one<T>(
    all: Vec<T>,
    version_of: impl Fn(&T) -> &str,
    beginning: &str,
    place: &str,
) -> Result<T, Problem> {
    let mut found = all.into_iter().filter(|one| version_of(one).starts_with(beginning));
    match (found.next(), found.next()) {
        (Some(one), None) if !beginning.is_empty() => Ok(one),
        (Some(_), Some(_)) => {
            let message = format!("several calibrations begin with `{beginning}`; say more of it");
            Err(Problem::new(ProblemCode::InvalidRequest, message).about(beginning))
        }
        _ => {
            let message = format!("there is no calibration `{beginning}` {place}");
            Err(Problem::new(ProblemCode::NotFound, message).about(beginning))
        }
    }
}

impl Shown for CalibrationRun {
    const NAME: &'static str = "calibration";

    fn is_running(&self) -> bool {
        self.state == CalibrationRunState::Running
    }

    fn event(self) -> HostEvent {
        HostEvent::Calibration { run: self }
    }
}
