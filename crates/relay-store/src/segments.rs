//! Which segments a fresh replica begins with: a chain for each organisation, in the order of the
//! feed. The bytes are elsewhere; this is what is known of them. `docs/adr/0010` has the argument why
//! nothing is missed.

use kartei_protocol::bootstrap::{BootstrapManifest, BootstrapSegment};
use kartei_protocol::sync::Cursor;

use crate::access::OrgId;
use crate::engine::{Head, Result};
use crate::feed::FeedPage;
use crate::store::RelayStore;

/// A chain is worn where more than so many of a hundred lines are stale.
const STALE_PERCENT_MAX: u64 = 30;

/// What the database keeps of chains. Every method is one transaction.
pub(crate) trait Segments {
    /// The chain that counts.
    fn chain(&self, org: OrgId) -> Result<(Head, StoredChain)>;

    /// Adds a segment to a chain; `false` where that chain or that history no longer counts, or
    /// where somebody else was quicker.
    fn add_segment(&self, org: OrgId, chain: ChainName<'_>, segment: &Segment) -> Result<bool>;

    /// Begins a chain anew; `false` where `generation` no longer counts. The old one's segments can
    /// still be fetched until they are forgotten.
    fn renew_chain(&self, org: OrgId, generation: u64, now: i64) -> Result<bool>;

    /// Begins a chain anew and forgets all segments at once.
    fn drop_chain(&self, org: OrgId) -> Result<()>;

    /// Forgets segments of chains that were renewed before, and answers the blobs of all others.
    fn forget_segments(&self, org: OrgId, renewed_before: i64) -> Result<Vec<String>>;

    /// A segment that is not forgotten.
    fn segment(&self, org: OrgId, digest: &[u8; 32]) -> Result<Option<Segment>>;

    /// How many profiles were last changed at or below a revision.
    fn count_up_to(&self, org: OrgId, rev: u64) -> Result<u64>;
}

/// Which chain is meant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChainName<'a> {
    pub(crate) epoch: &'a str,
    pub(crate) generation: u64,
}

/// The segments of a generation, with the history of each.
#[derive(Debug)]
pub(crate) struct StoredChain {
    pub(crate) generation: u64,
    pub(crate) segments: Vec<(String, Segment)>,
}

/// What is known of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its place in the chain, from 1.
    pub number: u64,
    /// It has the feed above this revision,
    pub from_rev: u64,
    /// up to this one.
    pub rev: u64,
    /// SHA-256 of its bytes.
    pub digest: [u8; 32],
    /// How many bytes it has.
    pub bytes: u64,
    /// How many lines it has.
    pub lines: u64,
    /// Where its bytes are. Not its digest: two relays that build the same segment write the same
    /// bytes, and the one that is second takes its own away.
    pub blob: String,
    /// Milliseconds since 1970.
    pub made_at: i64,
}

/// The chain of an organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Identity of the relay's history.
    pub epoch: String,
    /// The newest revision.
    pub head_rev: u64,
    /// Deletions up to here are forgotten. The chain was begun after they were: forgetting renews it.
    pub horizon_rev: u64,
    /// Grows with each chain of the organisation.
    pub generation: u64,
    /// In order, without gaps from the start of the feed.
    pub segments: Vec<Segment>,
    /// Whether its segments belong to another history: nobody is given them, and it is made anew.
    pub is_foreign: bool,
}

impl Chain {
    /// The revision up to which it goes; 0 without segments.
    #[must_use]
    pub fn tip(&self) -> u64 {
        self.segments.last().map_or(0, |segment| segment.rev)
    }

    /// Lines of all segments.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.segments.iter().map(|segment| segment.lines).sum()
    }

    /// What a replica is told of it. Its cursors say that the replica is complete up to nothing:
    /// whatever moved up while the segments were made comes whole with the feed.
    #[must_use]
    pub fn manifest(&self) -> BootstrapManifest {
        let segments = self.segments.iter().map(|segment| BootstrapSegment {
            digest: hex(&segment.digest),
            cursor: Cursor {
                epoch: self.epoch.clone(),
                base: 0,
                rev: segment.rev,
                begun: segment.rev.max(self.horizon_rev),
            },
            lines: segment.lines,
            bytes: segment.bytes,
        });
        BootstrapManifest {
            epoch: self.epoch.clone(),
            generation: self.generation,
            head_rev: self.head_rev,
            segments: segments.collect(),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl RelayStore {
    /// The chain of an organisation, as far as it is built.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn chain(&self, org: OrgId) -> Result<Chain> {
        let (head, StoredChain { generation, segments }) = self.engine.chain(org)?;
        let is_foreign =
            segments.iter().any(|(epoch, segment)| *epoch != head.epoch || segment.rev > head.rev);
        let segments = if is_foreign { Vec::new() } else { segments };
        Ok(Chain {
            epoch: head.epoch,
            head_rev: head.rev,
            horizon_rev: head.horizon_rev,
            generation,
            segments: segments.into_iter().map(|(_, segment)| segment).collect(),
            is_foreign,
        })
    }

    /// Lines for a segment of `chain`: the feed above a revision, each profile whole.
    ///
    /// # Errors
    /// [`OtherEpoch`](crate::RelayStoreError::OtherEpoch) where the history is no longer the chain's, or a failure.
    pub fn segment_lines(
        &self,
        org: OrgId,
        chain: &Chain,
        from_rev: u64,
        rows_max: usize,
        bytes_max: usize,
    ) -> Result<FeedPage> {
        let (epoch, begun) = (chain.epoch.clone(), chain.head_rev);
        let cursor = Cursor { epoch, base: 0, rev: from_rev, begun };
        self.feed(org, Some(&cursor), rows_max, bytes_max)
    }

    /// Adds a segment to the end of `chain`; `false` where the chain was made anew or dropped
    /// meanwhile, or where somebody else added one: the bytes are of no use then.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn add_segment(&self, org: OrgId, chain: &Chain, segment: &Segment) -> Result<bool> {
        let name = ChainName { epoch: &chain.epoch, generation: chain.generation };
        self.engine.add_segment(org, name, segment)
    }

    /// Whether a chain is better made anew: of another history, or with many lines that later
    /// segments or the feed have again.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn is_worn(&self, org: OrgId, chain: &Chain) -> Result<bool> {
        if chain.is_foreign || chain.segments.is_empty() {
            return Ok(chain.is_foreign);
        }
        // A profile that stands at or below the tip has one line that counts.
        let live = self.engine.count_up_to(org, chain.tip())?;
        let lines = chain.lines();
        Ok(lines.saturating_sub(live) * 100 > lines * STALE_PERCENT_MAX)
    }

    /// Begins `chain` anew; `false` where somebody else did. Replicas that are fetching the old one
    /// find its segments until [`RelayStore::forget_segments`].
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn renew_chain(&self, org: OrgId, chain: &Chain, now: i64) -> Result<bool> {
        self.engine.renew_chain(org, chain.generation, now)
    }

    /// Drops an organisation's chain at once. Whoever is building one does not get to add to it, so
    /// nothing that was read before this is given out after it. The blobs are the caller's to
    /// delete: all below [`segment_folder`].
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn drop_chain(&self, org: OrgId) -> Result<()> {
        self.engine.drop_chain(org)
    }

    /// Forgets segments of chains that were renewed before a moment (milliseconds since 1970).
    /// Answers the blobs of all others; the rest below [`segment_folder`] is of no use.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn forget_segments(&self, org: OrgId, renewed_before: i64) -> Result<Vec<String>> {
        self.engine.forget_segments(org, renewed_before)
    }

    /// A segment by the SHA-256 of its bytes, also of a chain that was renewed a while ago.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn segment(&self, org: OrgId, digest: &[u8; 32]) -> Result<Option<Segment>> {
        self.engine.segment(org, digest)
    }
}

/// The beginning of the names of an organisation's segments.
#[must_use]
pub fn segment_folder(org: OrgId) -> String {
    format!("segments/{org}")
}
