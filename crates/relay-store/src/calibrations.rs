//! Calibrations of an organisation: what scores of its people are made by.
//!
//! ```text
//! add ─▶ draft ─▶ activate: one step, the one before retires ─▶ active ─▶ retired ─▶ activate: back again
//!          └─▶ delete
//! ```
//! A calibration's name is a hash of what it says, so that whoever adds one that is there adds nothing. The database
//! itself keeps that of each schema one is active at most.

use kartei_protocol::calibrations::CalibrationStage;
use serde_json::json;

use crate::access::OrgId;
use crate::audit::NewAudit;
use crate::engine::Result;
use crate::store::RelayStore;

/// Calibrations of an organisation at most: years of daily ones.
pub const CALIBRATIONS_MAX: u64 = 4_000;

/// A calibration, without what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalibrationRow {
    /// A hash of what it says.
    pub version: String,
    /// The schema's name.
    pub schema: String,
    /// The schema's version.
    pub schema_version: u32,
    /// The moment that scores are of, in milliseconds since 1970 as all moments here.
    pub as_of: i64,
    /// How many profiles it was made of.
    pub profiles: u64,
    /// Where it stands.
    pub stage: CalibrationStage,
    /// Who brought it here: a token's name.
    pub made_by: String,
    /// Milliseconds since 1970.
    pub made_at: i64,
    /// Who brought it into its stage.
    pub changed_by: String,
    /// Milliseconds since 1970.
    pub changed_at: i64,
}

/// The columns of a [`CalibrationRow`], in the order in which engines read them.
pub(crate) const CALIBRATION_COLUMNS: &str = "version, schema, schema_version, state, made_by, made_at, changed_by, changed_at, as_of, \
     profiles";

/// A calibration with what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeCalibration {
    /// The calibration.
    pub row: CalibrationRow,
    /// Its schema, canonical JSON.
    pub schema_text: String,
    /// What it says, canonical JSON.
    pub body: String,
    /// Whom it would move, once somebody has looked.
    pub dry_run: Option<DryRun>,
}

/// Whom a calibration would move: the newest that was seen of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DryRun {
    /// The version that it was held against.
    pub compared_with: String,
    /// By dimension, JSON; nothing where that one is of another version of the schema.
    pub moves: Option<String>,
}

/// A calibration that is to be kept, as a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewCalibrationRow<'a> {
    /// A hash of what it says.
    pub version: &'a str,
    /// The schema's name.
    pub schema: &'a str,
    /// The schema's version.
    pub schema_version: u32,
    /// The moment that scores are of.
    pub as_of: i64,
    /// How many profiles it was made of.
    pub profiles: u64,
    /// Its schema, canonical JSON.
    pub schema_text: &'a str,
    /// What it says, canonical JSON.
    pub body: &'a str,
}

impl NewCalibrationRow<'_> {
    /// As it is once somebody has brought it, at a moment in milliseconds since 1970.
    pub(crate) fn row(&self, actor: &str, now: i64) -> CalibrationRow {
        CalibrationRow {
            version: self.version.to_owned(),
            schema: self.schema.to_owned(),
            schema_version: self.schema_version,
            as_of: self.as_of,
            profiles: self.profiles,
            stage: CalibrationStage::Draft,
            made_by: actor.to_owned(),
            made_at: now,
            changed_by: actor.to_owned(),
            changed_at: now,
        }
    }
}

/// A stage as a database has it. Its check lets nothing else in.
pub(crate) fn stage_of(word: &str) -> CalibrationStage {
    CalibrationStage::of(word).unwrap_or(CalibrationStage::Draft)
}

/// What became of adding one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CalibrationAdded {
    /// It is a draft now.
    New(CalibrationRow),
    /// It was there.
    Same(CalibrationRow),
    /// There are [`CALIBRATIONS_MAX`].
    TooMany,
}

/// What became of activating one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Activated {
    /// It is active, and was not before.
    Now(CalibrationRow),
    /// It was active.
    Already(CalibrationRow),
    /// Another one is active than was thought, or none.
    Overtaken(Option<String>),
    /// There is none of this version.
    Missing,
}

/// What became of deleting one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalibrationDeleted {
    /// It is gone.
    Gone,
    /// Scores are or were by it.
    NoDraft,
    /// There is none of this version.
    Missing,
}

/// What the databases keep of calibrations.
pub(crate) trait CalibrationEngine {
    /// All, the one that was changed last first.
    fn calibrations(&self, org: OrgId) -> Result<Vec<CalibrationRow>>;

    /// One with what it says.
    fn calibration(&self, org: OrgId, version: &str) -> Result<Option<WholeCalibration>>;

    /// Keeps a draft.
    fn add_calibration(
        &self,
        org: OrgId,
        actor: &str,
        new: &NewCalibrationRow<'_>,
    ) -> Result<CalibrationAdded>;

    /// Keeps whom one would move. One that is gone meanwhile has nothing to be kept of.
    fn keep_dry_run(&self, org: OrgId, version: &str, dry_run: &DryRun) -> Result<()>;

    /// Makes one active in place of another, or of none.
    fn activate_calibration(
        &self,
        org: OrgId,
        actor: &str,
        version: &str,
        instead_of: Option<&str>,
    ) -> Result<Activated>;

    /// Deletes a draft.
    fn delete_calibration(
        &self,
        org: OrgId,
        actor: &str,
        version: &str,
    ) -> Result<CalibrationDeleted>;
}

/// What is told of something that was done.
pub(crate) fn told(
    actor: &str,
    action: &'static str,
    row: &CalibrationRow,
    instead_of: Option<&str>,
) -> NewAudit {
    let data = json!({
        "schema": row.schema,
        "schema_version": row.schema_version,
        "instead_of": instead_of,
    });
    NewAudit { actor: actor.to_owned(), action, subject: row.version.clone(), data }
}

impl RelayStore {
    /// The calibrations of an organisation, the one that was changed last first.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError), as all of these.
    pub fn calibrations(&self, org: OrgId) -> Result<Vec<CalibrationRow>> {
        self.engine.calibrations(org)
    }

    /// A calibration with what it says.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn calibration(&self, org: OrgId, version: &str) -> Result<Option<WholeCalibration>> {
        self.engine.calibration(org, version)
    }

    /// Keeps a calibration as a draft. The caller has read what it says, and its version is the hash of that.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn add_calibration(
        &self,
        org: OrgId,
        actor: &str,
        new: &NewCalibrationRow<'_>,
    ) -> Result<CalibrationAdded> {
        self.engine.add_calibration(org, actor, new)
    }

    /// Keeps whom a calibration would move, in place of what was kept of it before.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn keep_dry_run(&self, org: OrgId, version: &str, dry_run: &DryRun) -> Result<()> {
        self.engine.keep_dry_run(org, version, dry_run)
    }

    /// Makes a calibration the one that scores of its schema are by, in one step, where the one that is active now
    /// is `instead_of`.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn activate_calibration(
        &self,
        org: OrgId,
        actor: &str,
        version: &str,
        instead_of: Option<&str>,
    ) -> Result<Activated> {
        self.engine.activate_calibration(org, actor, version, instead_of)
    }

    /// Deletes a draft.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn delete_calibration(
        &self,
        org: OrgId,
        actor: &str,
        version: &str,
    ) -> Result<CalibrationDeleted> {
        self.engine.delete_calibration(org, actor, version)
    }
}
