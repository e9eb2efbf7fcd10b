//! Segments, made in the background: what fresh replicas begin with instead of the whole feed.
//!
//! ```text
//! writes ──▶ note(head) ──▶ build: feed pages ─▶ NDJSON ─▶ zstd ─▶ blob ─▶ row of the chain
//!              │ only where a segment's worth lies above the chain          │ somebody was quicker:
//!              ▼                                                            ▼ the blob goes again
//!            nothing
//! ```
//! One organisation at a time, a page at a time: requests are not held up, and memory does not grow
//! with the organisation. `docs/adr/0010` says why nothing is missed.

use std::collections::{HashMap, HashSet};
use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::TryStreamExt;
use kartei_blob_store::{BlobError, BlobName, Digest};
use kartei_protocol::bootstrap::{SEGMENT_BYTES_MAX, SEGMENT_LINES_MAX};
use kartei_relay_store::{Chain, OrgId, RelayStore, Segment, segment_folder};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::admin::now;
use crate::problem::Failure;
use crate::serve::Relay;

/// Revisions above the chain that are worth a segment. Below this the feed is as quick.
const DUE_REVS: u64 = 10_000;

/// Rows that are read at once. The embedded database has one connection for readers: this is a few
/// milliseconds of it.
const PAGE_ROWS: usize = 500;

/// Bytes that are read at once.
const PAGE_BYTES: usize = 2 * 1024 * 1024;

/// Of zstd. Measured for its ratio on profiles: higher levels gain some percent and cost several
/// times as much.
const LEVEL: i32 = 3;

/// How long segments of a worn chain can still be fetched, and how long a blob that nobody knows is
/// left alone: somebody may be fetching the one, and about to name the other.
const GRACE: Duration = Duration::from_hours(1);

#[derive(Debug, Default, Clone, Copy)]
struct Known {
    /// The chain goes at least up to here.
    tip: u64,
    /// It is queued.
    is_asked: bool,
}

/// Which organisations are due for a segment.
#[derive(Debug)]
pub(crate) struct Segments {
    asked: UnboundedSender<OrgId>,
    known: Mutex<HashMap<OrgId, Known>>,
}

impl Segments {
    /// With where the organisations come out that are due.
    pub(crate) fn new() -> (Self, UnboundedReceiver<OrgId>) {
        let (asked, due) = unbounded_channel();
        (Self { asked, known: Mutex::default() }, due)
    }

    /// The newest revision is this. Cheap: it is called at every write.
    pub(crate) fn note(&self, org: OrgId, head_rev: u64) {
        let mut all = self.known();
        let known = all.entry(org).or_default();
        if !known.is_asked && head_rev >= known.tip.saturating_add(DUE_REVS) {
            // The other end goes when the relay stops.
            known.is_asked = self.asked.send(org).is_ok();
        }
    }

    /// The chain goes up to here and is no longer queued.
    fn settle(&self, org: OrgId, tip: u64) {
        self.known().insert(org, Known { tip, is_asked: false });
    }

    /// The chain may begin anew.
    fn unsettle(&self, org: OrgId) {
        self.known().entry(org).or_default().tip = 0;
    }

    fn known(&self) -> MutexGuard<'_, HashMap<OrgId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes what is due, for as long as the relay runs.
pub(crate) async fn build(relay: &Relay, mut due: UnboundedReceiver<OrgId>) {
    let mut stopping = relay.stopping();
    loop {
        let org = tokio::select! {
            org = due.recv() => org,
            _ = stopping.wait_for(|stopping| *stopping) => None,
        };
        let Some(org) = org else { return };
        match build_chain(relay, org).await {
            Ok(tip) => relay.segments().settle(org, tip),
            Err(error) => {
                tracing::error!(%org, %error, "Segments could not be made; the feed does without");
                // Tried again when as much as a segment was written since, or when a replica asks.
                let head = relay.store(move |store| store.head_rev(org)).await;
                relay.segments().settle(org, head.unwrap_or_default());
            }
        }
    }
}

/// Why a segment could not be made.
#[derive(Debug, thiserror::Error)]
enum BuildError {
    #[error("the database failed while segments were read or noted")]
    Store,
    #[error("a segment could not be stored: {0}")]
    Blob(#[from] BlobError),
    #[error("a segment could not be packed: {0}")]
    Pack(#[from] std::io::Error),
    #[error("no random name for a segment: {0}")]
    Random(String),
}

impl From<Failure> for BuildError {
    /// What failed is in the log already.
    fn from(_: Failure) -> Self {
        Self::Store
    }
}

/// Adds to a chain what is due. Answers up to where it goes.
async fn build_chain(relay: &Relay, org: OrgId) -> Result<u64, BuildError> {
    let mut chain = relay
        .store(move |store| {
            let chain = store.chain(org)?;
            if store.is_worn(org, &chain)? && store.renew_chain(org, &chain, now())? {
                tracing::info!(%org, generation = chain.generation, "A worn chain is made anew");
                return store.chain(org);
            }
            Ok(chain)
        })
        .await?;
    while chain.head_rev >= chain.tip() + DUE_REVS && !relay.stops() {
        let Some(made) = make(relay, org, chain.clone()).await? else { break };
        let name = segment_name(org)?;
        let digest = *relay.blobs().put_bytes(&name, made.bytes.clone()).await?.digest.as_bytes();
        let segment = Segment {
            number: chain.segments.len() as u64 + 1,
            from_rev: chain.tip(),
            rev: made.rev,
            digest,
            bytes: made.bytes.len() as u64,
            lines: made.lines,
            blob: name.to_string(),
            made_at: now(),
        };
        let (next, added) = relay
            .store(move |store| {
                let added = store.add_segment(org, &chain, &segment)?;
                Ok::<_, kartei_relay_store::RelayStoreError>((store.chain(org)?, added))
            })
            .await?;
        chain = next;
        if !added {
            // Another relay is at it, or the chain was dropped: whoever wrote last asks again.
            relay.blobs().delete(&name).await?;
            break;
        }
        tracing::info!(%org, rev = made.rev, lines = made.lines, "A segment was made");
    }
    sweep(relay, org).await?;
    Ok(chain.tip())
}

/// The bytes of a segment.
struct Made {
    bytes: Bytes,
    lines: u64,
    rev: u64,
}

async fn make(relay: &Relay, org: OrgId, chain: Chain) -> Result<Option<Made>, BuildError> {
    let mut packer = Packer::new(&chain)?;
    loop {
        let chain = chain.clone();
        let (next, more) = relay
            .store(move |store| Ok::<_, Failure>(packer.add_page(store, org, &chain)))
            .await??;
        packer = next;
        if !more {
            return Ok(packer.finish()?);
        }
    }
}

/// Packs pages of the feed.
struct Packer {
    encoder: zstd::Encoder<'static, Vec<u8>>,
    line: Vec<u8>,
    lines: u64,
    bytes: usize,
    rev: u64,
}

impl Packer {
    fn new(chain: &Chain) -> Result<Self, std::io::Error> {
        let encoder = zstd::Encoder::new(Vec::new(), LEVEL)?;
        Ok(Self { encoder, line: Vec::new(), lines: 0, bytes: 0, rev: chain.tip() })
    }

    /// Adds a page; answers whether there is room and matter for another.
    fn add_page(
        mut self,
        store: &RelayStore,
        org: OrgId,
        chain: &Chain,
    ) -> Result<(Self, bool), BuildError> {
        let room = usize::try_from(SEGMENT_LINES_MAX - self.lines).unwrap_or(PAGE_ROWS);
        let page = store
            .segment_lines(org, chain, self.rev, room.min(PAGE_ROWS), PAGE_BYTES)
            .map_err(Failure::from)?;
        for line in &page.lines {
            self.line.clear();
            serde_json::to_writer(&mut self.line, line).map_err(std::io::Error::from)?;
            self.line.push(b'\n');
            self.encoder.write_all(&self.line)?;
            self.bytes += self.line.len();
        }
        self.lines += page.lines.len() as u64;
        self.rev = page.cursor.rev;
        let more = page.more && self.lines < SEGMENT_LINES_MAX && self.bytes < SEGMENT_BYTES_MAX;
        Ok((self, more))
    }

    /// `None` where there was nothing.
    fn finish(self) -> Result<Option<Made>, std::io::Error> {
        let (lines, rev) = (self.lines, self.rev);
        let bytes = self.encoder.finish()?.into();
        Ok((lines > 0).then_some(Made { bytes, lines, rev }))
    }
}

fn folder(org: OrgId) -> Result<BlobName, BlobError> {
    Ok(BlobName::new(segment_folder(org))?)
}

/// A name that nobody else uses: the one that is second with a segment deletes its own.
fn segment_name(org: OrgId) -> Result<BlobName, BuildError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| BuildError::Random(error.to_string()))?;
    let name = format!("{:032x}.zst", u128::from_be_bytes(random));
    Ok(folder(org)?.join(&name).map_err(BlobError::from)?)
}

/// Deletes blobs that no chain has: of worn chains after a while, and what a relay that died left.
async fn sweep(relay: &Relay, org: OrgId) -> Result<(), BuildError> {
    let grace = i64::try_from(GRACE.as_millis()).unwrap_or(i64::MAX);
    let used = relay.store(move |store| store.forget_segments(org, now() - grace)).await?;
    let used: HashSet<String> = used.into_iter().collect();
    let before = SystemTime::now().checked_sub(GRACE);
    let mut blobs = relay.blobs().list(Some(&folder(org)?));
    while let Some(entry) = blobs.try_next().await? {
        let is_old = before.is_some_and(|before| entry.stored_at < before);
        if is_old && !used.contains(entry.name.as_str()) {
            relay.blobs().delete(&entry.name).await?;
        }
    }
    Ok(())
}

impl Relay {
    /// Drops an organisation's chain with its blobs, at once: what was erased is in no segment any
    /// more when this answers, and whoever reads it at this moment does not get to add it. A replica
    /// that is fetching one asks for the manifest again. What is left is made anew by itself.
    ///
    /// # Errors
    /// Where the database or the blob store fails; calling again ends it.
    pub(crate) async fn drop_segments(&self, org: OrgId) -> Result<(), Failure> {
        self.store(move |store| store.drop_chain(org)).await?;
        self.segments().unsettle(org);
        let deleted = async {
            let mut blobs = self.blobs().list(Some(&folder(org)?));
            while let Some(entry) = blobs.try_next().await? {
                self.blobs().delete(&entry.name).await?;
            }
            Ok::<_, BlobError>(())
        };
        deleted.await.map_err(|error| Failure::internal(&error))
    }

    /// The bytes of a segment of the caller's organisation; `None` where there is none. Where they
    /// are lost or not what they were, they are refused by name, and the chain is made anew.
    ///
    /// # Errors
    /// Where the database or the blob store fails.
    pub(crate) async fn segment(
        &self,
        org: OrgId,
        digest: Digest,
    ) -> Result<Option<Bytes>, Failure> {
        let found = self.store(move |store| store.segment(org, digest.as_bytes())).await?;
        let Some(segment) = found else { return Ok(None) };
        let name = BlobName::new(segment.blob).map_err(|error| Failure::internal(&error))?;
        match self.blobs().get(&name).await {
            Ok(bytes) => {
                let whole = bytes.clone();
                let read = tokio::task::spawn_blocking(move || Digest::of(&whole)).await;
                if read.map_err(|error| Failure::internal(&error))? == digest {
                    return Ok(Some(bytes));
                }
                tracing::error!(%org, %digest, blob = %name, "A segment is damaged");
            }
            Err(error) if error.is_not_found() => {
                tracing::error!(%org, %digest, blob = %name, "A segment is lost");
            }
            Err(error) => return Err(Failure::internal(&error)),
        }
        self.drop_segments(org).await?;
        Ok(None)
    }
}
