//! A data folder with a listener.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kartei_app::{App, AppOptions};
use kartei_protocol::commands::Commands;
use kartei_protocol::desktop::{
    ActivateCalibration, BehaviorVectors, CalibrationDetail, CalibrationId, CalibrationRun,
    CalibrationRunState, CalibrationStage, Empty, FitCalibration, ProfileId,
};
use kartei_protocol::events::HostEvent;
use kartei_protocol::problem::ProblemCode;

/// A calibration of some thousand profiles takes half a second; the rest is a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) const BFI: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/data/bfi.ndjson.gz");
pub(crate) const CDNOW: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/data/cdnow.ndjson.gz");

pub(crate) struct Desk {
    pub(crate) app: Arc<App>,
    pub(crate) events: Receiver<HostEvent>,
}

impl Desk {
    pub(crate) fn open(data: &Path) -> Result<Self> {
        let app = App::open(AppOptions { data_dir: data.to_owned(), ..AppOptions::default() })?;
        let (sender, events) = channel();
        app.subscribe(move |event| drop(sender.send(event.clone())));
        Ok(Self { app, events })
    }

    pub(crate) fn import(&self, file: &Path, profiles: u64) -> Result<()> {
        let report = self.app.import_now(file, false, |_| ());
        ensure!(report.counts.created == profiles, "{report:?}");
        Ok(())
    }

    /// Waits until a run has ended.
    pub(crate) fn ended(&self, run: &CalibrationRun) -> Result<CalibrationRun> {
        loop {
            let event =
                self.events.recv_timeout(DEADLINE).context("the host tells nothing more")?;
            if let HostEvent::Calibration { run: told } = event
                && told.run == run.run
                && told.state != CalibrationRunState::Running
            {
                return Ok(told);
            }
        }
    }

    pub(crate) fn fit(&self, asked: FitCalibration) -> Result<CalibrationDetail> {
        let run = self.ended(&self.app.fit_calibration(asked)?)?;
        ensure!(run.state == CalibrationRunState::Done, "{run:?}");
        let version = run.version.context("a calibration that is there has a version")?;
        Ok(self.app.get_calibration(CalibrationId { version })?)
    }

    pub(crate) fn activate(&self, version: &str, accept: bool) -> Result<(), ProblemCode> {
        let version = version.to_owned();
        let asked = ActivateCalibration { version, accept };
        self.app.activate_calibration(asked).map(drop).map_err(|problem| problem.code)
    }

    pub(crate) fn stage(&self, version: &str) -> Result<CalibrationStage> {
        let all = self.app.list_calibrations(Empty {})?.calibrations;
        let found = all.iter().find(|one| one.version == version).context("it is on the list")?;
        Ok(found.stage)
    }

    pub(crate) fn vectors(&self, id: &str) -> Result<BehaviorVectors> {
        Ok(self.app.get_behavior(ProfileId { id: id.to_owned() })?)
    }
}

pub(crate) fn of(schema: &str, filter: &str) -> FitCalibration {
    FitCalibration {
        schema: schema.to_owned(),
        schema_version: None,
        filter: filter.to_owned(),
        as_of: None,
        same_fit_as: None,
    }
}
