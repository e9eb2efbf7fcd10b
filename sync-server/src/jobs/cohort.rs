//! The profiles of a job, in the order of the visit, as of one revision.
//!
//! Chosen once: whoever goes on with the job later reads the same ones, as they were then, whatever was
//! written meanwhile. So the choice is kept in the blob store beside what is known so far.

use std::io::{Cursor, Read, Write};

use kartei_analysis::{Seed, in_visiting_order};
use kartei_blob_store::{BlobError, BlobName, BlobStore};
use kartei_filter::Expr;
use kartei_live_list::Lists;
use kartei_relay_store::{OrgId, RelayStore, RelayStoreError};
use tokio::runtime::Handle;

use crate::lists::{ListError, chosen};

/// Ids that are read from the database at once.
const IDS_AT_ONCE: usize = 10_000;

/// The beginning of the names of what jobs that run keep.
pub(crate) const COHORTS: &str = "jobs";

/// Ids compress well; a higher level gains little.
const LEVEL: i32 = 1;

/// A profile of a cohort: its key in the table and its id.
pub(super) type Member = (i64, String);

/// The profiles of a job.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cohort {
    /// Identity of the history that the revision belongs to.
    pub(super) epoch: String,
    /// The revision that all are read at.
    pub(super) rev: u64,
    /// In the order of the visit.
    pub(super) members: Vec<Member>,
}

/// Why a cohort cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum CohortError {
    #[error(transparent)]
    List(#[from] ListError),
    #[error(transparent)]
    Store(#[from] RelayStoreError),
    #[error("the cohort of a job cannot be kept or read")]
    Blob(#[from] BlobError),
    #[error("the cohort of a job cannot be packed")]
    Packing(#[from] std::io::Error),
}

fn name(org: OrgId, job: &str) -> Option<BlobName> {
    BlobName::new(format!("{COHORTS}/{org}/{job}/cohort")).ok()
}

impl Cohort {
    /// Chooses the profiles of a job as they are now.
    pub(super) fn choose(
        store: &RelayStore,
        lists: &Lists<OrgId>,
        org: OrgId,
        job: &str,
        filter: Option<&Expr>,
    ) -> Result<Self, CohortError> {
        let chosen = chosen(lists, store, org, filter)?;
        let mut members = Vec::with_capacity(chosen.keys.len());
        for keys in chosen.keys.chunks(IDS_AT_ONCE) {
            members.extend(store.ids_by_key(org, keys)?);
        }
        let members = in_visiting_order(Seed::of(job), members, |(_, id)| id.as_str());
        Ok(Self { epoch: store.epoch(org)?, rev: chosen.rev, members })
    }

    /// Keeps it for whoever goes on with the job. Blocks, within a runtime.
    pub(super) fn keep(&self, blobs: &BlobStore, org: OrgId, job: &str) -> Result<(), CohortError> {
        let Some(name) = name(org, job) else { return Ok(()) };
        let mut packer = zstd::Encoder::new(Vec::new(), LEVEL)?;
        for (key, id) in &self.members {
            writeln!(packer, "{key} {id}")?;
        }
        let packed = packer.finish()?;
        Handle::current().block_on(blobs.put_reader(&name, &packed[..]))?;
        Ok(())
    }

    /// What was kept; nothing where nothing was, or where it cannot be understood. Blocks, within a
    /// runtime.
    pub(super) fn find(
        blobs: &BlobStore,
        org: OrgId,
        job: &str,
        input: (String, u64),
    ) -> Result<Option<Self>, CohortError> {
        let Some(name) = name(org, job) else { return Ok(None) };
        let packed = match Handle::current().block_on(blobs.get(&name)) {
            Ok(packed) => packed,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut text = String::new();
        let unpacked = zstd::Decoder::new(Cursor::new(packed))
            .and_then(|mut decoder| decoder.read_to_string(&mut text));
        if let Err(error) = unpacked {
            tracing::warn!(job_id = job, %error, "The kept cohort of a job cannot be read: it begins anew");
            return Ok(None);
        }
        let members: Option<Vec<Member>> = text
            .lines()
            .map(|line| {
                let (key, id) = line.split_once(' ')?;
                Some((key.parse().ok()?, id.to_owned()))
            })
            .collect();
        let (epoch, rev) = input;
        Ok(members.map(|members| Self { epoch, rev, members }))
    }

    /// Takes away what was kept of a job that ended. Blocks, within a runtime.
    pub(super) fn forget(blobs: &BlobStore, org: OrgId, job: &str) {
        let Some(name) = name(org, job) else { return };
        if let Err(error) = Handle::current().block_on(blobs.delete(&name))
            && !error.is_not_found()
        {
            tracing::warn!(job_id = job, error = %error, "The cohort of an ended job stays");
        }
    }
}
