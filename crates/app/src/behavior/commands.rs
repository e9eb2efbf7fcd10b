//! What front ends ask of behaviour vectors and calibrations.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use kartei_behavior::{
    Calibration, Fitted, GateKind, Moved, Schema, Wanted, check_taken, compare, fit, unseen,
};
use kartei_local_store::{CalibrationState, Doing, StoredCalibration, StoredSchema};
use kartei_profile::{Instant, Record};
use kartei_protocol::desktop::{
    ActivateCalibration, BehaviorVectors, CalibrationAct, CalibrationDetail, CalibrationRun,
    CalibrationRunState, CalibrationStep, Calibrations, CheckedSchema, CompareCalibrations,
    FitCalibration, SchemaText, Selection,
};
use kartei_protocol::events::HostEvent;
use kartei_protocol::problem::{Problem, ProblemCode};

use super::fit::{Reading, Stop, Tell};
use super::{find_calibration, find_schema, schemas, shown};
use crate::app::App;
use crate::clock;
use crate::problem::{check_without_scores, of_filter, of_store};
use crate::shared::Shared;
use crate::sync::{block_on, publish};

impl App {
    /// Where somebody stands, by the active calibrations.
    pub(crate) fn behavior_of(&self, id: &str) -> Result<BehaviorVectors, Problem> {
        let store = &self.shared.store;
        let view = store.profile(id).map_err(|e| of_store(&e))?;
        let record = Record::from_stored(&view.record)
            .map_err(|e| Problem::new(ProblemCode::StoreDamaged, e.to_string()).about(id))?;
        let active = store.active_calibrations().map_err(|e| of_store(&e))?;
        let mut vectors = Vec::new();
        for stored in &active {
            let fitted = self.behavior.fitted(store, stored)?;
            let (schema, calibration) = (fitted.schema(), fitted.calibration());
            vectors.extend(shown::vector(schema, calibration, &stored.version, &record));
        }
        Ok(BehaviorVectors { vectors, calibrated: !active.is_empty() })
    }

    /// All that there is to calibrate by.
    pub(crate) fn all_calibrations(&self) -> Result<Calibrations, Problem> {
        let store = &self.shared.store;
        let schemas =
            schemas(store)?.values().map(|(schema, ready)| shown::schema(schema, *ready)).collect();
        let mut calibrations = Vec::new();
        for stored in store.calibrations().map_err(|e| of_store(&e))? {
            let calibration = Calibration::parse(&stored.text)
                .map_err(|e| Problem::new(ProblemCode::StoreDamaged, e.to_string()))?;
            calibrations.push(shown::info(&stored, &calibration));
        }
        let acts = store.calibration_acts().map_err(|e| of_store(&e))?;
        let acts = acts.into_iter().map(|act| CalibrationAct {
            version: act.version,
            schema: act.schema,
            act: act.act,
            by: act.by,
            at: clock::text(act.at),
        });
        let running = self.behavior.runs.running();
        Ok(Calibrations { schemas, calibrations, acts: acts.collect(), running })
    }

    pub(crate) fn calibration_detail(&self, version: &str) -> Result<CalibrationDetail, Problem> {
        let stored = self.find_calibration(version)?;
        let fitted = self.behavior.fitted(&self.shared.store, &stored)?;
        let active = self.active(&stored.schema)?;
        let active = active.as_ref().map(|(version, _)| version.as_str());
        Ok(shown::detail(&stored, fitted.schema(), fitted.calibration(), active))
    }

    pub(crate) fn check_schema_text(&self, request: &SchemaText) -> Result<CheckedSchema, Problem> {
        let schema = match Schema::parse(&request.text) {
            Ok(schema) => schema,
            Err(mistake) => {
                let (pointer, reason) = (Some(mistake.pointer), Some(mistake.reason));
                return Ok(CheckedSchema { schema: None, pointer, reason });
            }
        };
        if request.keep {
            self.keep_schema(&schema)?;
        }
        let ready = kartei_behavior::ready().iter().any(|one| one.hash() == schema.hash());
        let schema = Some(shown::schema(&schema, ready));
        Ok(CheckedSchema { schema, pointer: None, reason: None })
    }

    fn keep_schema(&self, schema: &Schema) -> Result<(), Problem> {
        check_taken(schema).map_err(|taken| {
            Problem::new(ProblemCode::Blocked, taken.to_string()).about(schema.name())
        })?;
        let stored = StoredSchema {
            name: schema.name().to_owned(),
            version: schema.version(),
            text: schema.text().to_owned(),
            saved_at: clock::now(),
        };
        let by = self.session().author;
        let store = &self.shared.store;
        store.save_behavior_schema(&stored, by.as_deref()).map_err(|e| of_store(&e))
    }

    /// Makes a calibration, a draft, and looks whom it moves against the one that is active now.
    pub(crate) fn start_calibration(
        &self,
        request: FitCalibration,
    ) -> Result<CalibrationRun, Problem> {
        let store = &self.shared.store;
        let same = request.same_fit_as.as_deref().map(|version| self.find_calibration(version));
        let same = same.transpose()?;
        let (name, version) = match &same {
            Some(same) => (&same.schema, Some(same.schema_version)),
            None => (&request.schema, request.schema_version),
        };
        let schema = find_schema(store, name, version)?;
        let same = same.map(|same| self.behavior.fitted(store, &same)).transpose()?;
        let as_of_ms = request.as_of.as_deref().map(moment).transpose()?;
        // What scores are made by is there as long as they are, also in a later version of the program.
        self.keep_schema(&schema)?;
        let active = self.active(schema.name())?;
        // Whose fit is kept was made of its own profiles; the moment is looked for among all.
        let filter = if same.is_some() { String::new() } else { request.filter };
        check_without_scores(&filter)?;
        let selection = Selection { filter: filter.clone(), ..Selection::default() };
        let total = store.count_selected(&selection).map_err(|e| of_filter(&e, &filter))?;
        let by = self.session().author;
        self.start_run(schema.name().to_owned(), total, move |shared, tell| {
            let before = active.as_ref().map(|(_, fitted)| fitted.calibration());
            let before = before.filter(|before| before.check_schema(&schema).is_ok());
            let made = shared.store.export(&selection, |exported| {
                let now_ms = clock::now();
                let same_fit_as = same.as_ref().map(|same| same.calibration());
                let wanted = Wanted {
                    schema: &schema,
                    filter: &filter,
                    as_of_ms,
                    now_ms,
                    before,
                    same_fit_as,
                };
                fit(&mut Reading { exported, tell }, &wanted, None)
            });
            let made = made.map_err(Stop::Store)??;
            let moved = before.map(|before| everybody(shared, &schema, (before, &made), tell));
            let moved = moved.transpose()?;
            let draft = StoredCalibration {
                version: made.version(),
                schema: schema.name().to_owned(),
                schema_version: schema.version(),
                state: CalibrationState::Draft,
                text: made.text(),
                compared_with: active.as_ref().map(|(version, _)| version.clone()),
                moves: moved.and_then(|moved| serde_json::to_string(&moved).ok()),
                made_at: clock::now(),
            };
            let doing = Doing { by: by.as_deref(), at: draft.made_at };
            shared.store.add_calibration(&draft, doing).map_err(Stop::Store)?;
            Ok(draft.version)
        })
    }

    /// Looks anew whom a calibration moves, against the active one or `with`.
    pub(crate) fn start_comparison(
        &self,
        request: &CompareCalibrations,
    ) -> Result<CalibrationRun, Problem> {
        let store = &self.shared.store;
        let mut stored = self.find_calibration(&request.version)?;
        let fitted = self.behavior.fitted(store, &stored)?;
        let other = match &request.with {
            Some(with) => {
                let with = self.find_calibration(with)?;
                let other = self.behavior.fitted(store, &with)?;
                let check = other.calibration().check_schema(fitted.schema());
                check.map_err(|e| Problem::new(ProblemCode::Blocked, e.to_string()))?;
                Some((with.version, other))
            }
            None => self.active(&stored.schema)?,
        };
        let total = self.count_all()?;
        self.start_run(stored.schema.clone(), total, move |shared, tell| {
            let before = other.as_ref().map(|(_, fitted)| fitted.calibration());
            let before = before.filter(|before| before.check_schema(fitted.schema()).is_ok());
            let moved = before.map(|before| {
                everybody(shared, fitted.schema(), (before, fitted.calibration()), tell)
            });
            stored.moves = moved.transpose()?.and_then(|moved| serde_json::to_string(&moved).ok());
            stored.compared_with = other.as_ref().map(|(version, _)| version.clone());
            shared.store.compare_calibration(&stored).map_err(Stop::Store)?;
            Ok(stored.version)
        })
    }

    fn start_run(
        &self,
        schema: String,
        total: u64,
        work: impl FnOnce(&Shared, Tell<'_>) -> Result<String, Stop> + Send + 'static,
    ) -> Result<CalibrationRun, Problem> {
        let shown = |run, running: &[&CalibrationRun]| {
            if !running.is_empty() {
                let message = "a calibration is being made; wait for it, or stop it";
                return Err(Problem::new(ProblemCode::Blocked, message));
            }
            Ok(CalibrationRun {
                run,
                state: CalibrationRunState::Running,
                schema,
                step: CalibrationStep::Moment,
                profiles: 0,
                profiles_total: total,
                version: None,
                failure: None,
            })
        };
        let shared = Arc::clone(&self.shared);
        self.behavior.runs.start(&self.shared.hub, shown, move |mut telling| {
            let cancel = telling.cancel();
            let mut tell = |step, profiles, total| {
                telling.progress(|run| {
                    (run.step, run.profiles, run.profiles_total) = (step, profiles, total);
                });
                if cancel.load(Ordering::Relaxed) {
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            };
            let made = work(&shared, &mut tell);
            telling.tell(|run| match made {
                Ok(version) => {
                    run.state = CalibrationRunState::Done;
                    run.version = Some(version);
                }
                Err(Stop::Cancelled) => run.state = CalibrationRunState::Cancelled,
                Err(Stop::Store(error)) => fail(run, of_store(&error)),
                Err(Stop::Problem(problem)) => fail(run, problem),
            });
        })
    }

    /// Makes a calibration the one that scores of its schema are by. Where it does not pass its gates, somebody has to
    /// have seen that.
    pub(crate) fn activate(&self, request: &ActivateCalibration) -> Result<Calibrations, Problem> {
        let store = &self.shared.store;
        let stored = self.find_calibration(&request.version)?;
        let fitted = self.behavior.fitted(store, &stored)?;
        let active = self.active(&stored.schema)?;
        let failing: Vec<&str> = unseen(
            fitted.calibration(),
            active.as_ref().map(|(_, active)| active.calibration()),
            shown::moved(&stored).as_ref().map(Moved::band_changes).as_deref(),
        )
        .into_iter()
        .map(GateKind::word)
        .collect();
        if !failing.is_empty() && !request.accept && stored.state == CalibrationState::Draft {
            let message = format!(
                "the calibration does not pass: {}; look at them, then accept them",
                failing.join(", ")
            );
            return Err(Problem::new(ProblemCode::Gates, message).about(stored.version));
        }
        // Going back to one that was active needs no dry run: its scores are known.
        let compared = match stored.state {
            CalibrationState::Draft => stored.compared_with.clone(),
            CalibrationState::Active | CalibrationState::Retired => {
                active.map(|(version, _)| version)
            }
        };
        block_on(publish(&self.shared, &stored))??;
        let by = self.session().author;
        let doing = Doing { by: by.as_deref(), at: clock::now() };
        let changed = store
            .activate_calibration(&stored.version, compared.as_deref(), doing)
            .map_err(|e| of_store(&e))?;
        if changed {
            self.shared.hub.emit(&HostEvent::Calibrated);
        }
        self.all_calibrations()
    }

    pub(crate) fn forget_calibration(&self, version: &str) -> Result<Calibrations, Problem> {
        let stored = self.find_calibration(version)?;
        let by = self.session().author;
        let doing = Doing { by: by.as_deref(), at: clock::now() };
        let store = &self.shared.store;
        store.delete_calibration(&stored.version, doing).map_err(|e| of_store(&e))?;
        self.all_calibrations()
    }

    fn count_all(&self) -> Result<u64, Problem> {
        let all = self.shared.store.count_selected(&Selection::default());
        all.map_err(|e| of_store(&e))
    }

    fn active(&self, schema: &str) -> Result<Option<(String, Arc<Fitted>)>, Problem> {
        let store = &self.shared.store;
        let active = store.active_calibrations().map_err(|e| of_store(&e))?;
        let Some(stored) = active.into_iter().find(|one| one.schema == schema) else {
            return Ok(None);
        };
        let fitted = self.behavior.fitted(store, &stored)?;
        Ok(Some((stored.version, fitted)))
    }

    fn find_calibration(&self, version: &str) -> Result<StoredCalibration, Problem> {
        find_calibration(&self.shared.store, version)
    }
}

/// Whom `to` moves of all profiles that are here, whatever it was made of.
fn everybody(
    shared: &Shared,
    schema: &Schema,
    both: (&Calibration, &Calibration),
    tell: Tell<'_>,
) -> Result<Moved, Stop> {
    let moved = shared.store.export(&Selection::default(), |exported| {
        compare(&mut Reading { exported, tell }, schema, both)
    });
    moved.map_err(Stop::Store)?
}

fn fail(run: &mut CalibrationRun, problem: Problem) {
    run.state = CalibrationRunState::Failed;
    run.failure = Some(problem);
}

fn moment(text: &str) -> Result<i64, Problem> {
    Instant::parse(text).map(Instant::unix_millis).map_err(|e| {
        Problem::new(ProblemCode::InvalidRequest, format!("as_of: {e}")).about("as_of")
    })
}
