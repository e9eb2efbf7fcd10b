//! The profiles of a job, in the order of the visit, as of one revision.
//!
//! Chosen once: whoever goes on with the job later reads the same ones, as they were then, whatever was
//! written meanwhile. So the choice is kept in the blob store beside what is known so far.

use std::io::{Cursor, Read, Write};

use kartei_analysis::{Other, Seed, Side, in_visiting_order, members};
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

/// A profile of a cohort: its key in the table, its id and the side that it is on.
pub(super) type Member = kartei_analysis::Member<i64>;

/// Who is looked at.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    /// The first cohort; everybody without a filter.
    pub(super) filter: Option<&'a Expr>,
    /// The other one, of an analysis that has two; the inner nothing is everybody else.
    pub(super) other: Option<Option<&'a Expr>>,
    /// What draws the order of the visit.
    pub(super) seed: Seed,
}

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

fn side_word(side: Option<Side>) -> &'static str {
    match side {
        None => "",
        Some(Side::A) => "a",
        Some(Side::B) => "b",
    }
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
        wanted: &Wanted<'_>,
    ) -> Result<Self, CohortError> {
        let filters: Vec<Option<&Expr>> =
            [Some(wanted.filter), wanted.other].into_iter().flatten().collect();
        let (keys_of, rev) = chosen(lists, store, org, &filters)?;
        let mut cohorts = Vec::with_capacity(keys_of.len());
        for keys in keys_of {
            let mut named = Vec::with_capacity(keys.len());
            for keys in keys.chunks(IDS_AT_ONCE) {
                named.extend(store.ids_by_key(org, keys)?);
            }
            cohorts.push(named);
        }
        let other = match (wanted.other, cohorts.len()) {
            (Some(filter), 2) => {
                let others = cohorts.pop().unwrap_or_default();
                if filter.is_some() { Other::These(others) } else { Other::Rest(others) }
            }
            _ => Other::None,
        };
        let members = members(cohorts.pop().unwrap_or_default(), other);
        let members = in_visiting_order(wanted.seed, members, |(_, id, _)| id.as_str());
        Ok(Self { epoch: store.epoch(org)?, rev, members })
    }

    /// Keeps it for whoever goes on with the job. Blocks, within a runtime.
    pub(super) fn keep(&self, blobs: &BlobStore, org: OrgId, job: &str) -> Result<(), CohortError> {
        let Some(name) = name(org, job) else { return Ok(()) };
        let mut packer = zstd::Encoder::new(Vec::new(), LEVEL)?;
        for (key, id, side) in &self.members {
            writeln!(packer, "{key}{} {id}", side_word(*side))?;
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
                let digits = key.trim_end_matches(['a', 'b']);
                let side = match &key[digits.len()..] {
                    "" => None,
                    "a" => Some(Side::A),
                    "b" => Some(Side::B),
                    _ => return None,
                };
                Some((digits.parse().ok()?, id.to_owned(), side))
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
