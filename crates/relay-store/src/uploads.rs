//! Upload sessions: what is known of them while their bytes come, and how they end.
//!
//! ```text
//! begin ─▶ open ──▶ completing ──▶ completed          landed runs of pieces: see `landing`
//!            │           │                            files and contents: see `files`, `contents`
//!            └───────────┴──▶ failed, aborted, expired
//! ```
//! Each end happens once: whoever comes second is told which one it was. Bytes lie in the blob store;
//! `draft` says that some may lie there under the session's blob name that are no file's content.

use kartei_protocol::uploads::{ScanState, UploadPhase};

use crate::access::OrgId;
use crate::contents::ContentRow;
use crate::engine::Result;
use crate::files::FileRow;
use crate::landing::{Landed, LandedRow, Landing};
use crate::quota::{BYTES_MAX, Usage, lease_until};
use crate::store::RelayStore;

/// Sessions that one question for those that are due answers at most: the next one has the rest.
const DUE_MAX: usize = 1_000;

/// The problem of an upload that its organisation has no room for when it completes.
pub(crate) const QUOTA_EXCEEDED: &str = "quota_exceeded";

/// What the databases keep of upload sessions. Every method is one transaction.
pub(crate) trait UploadEngine {
    /// Keeps a session and reserves its size, under the lock on what the organisation uses.
    fn begin_upload(
        &self,
        org: OrgId,
        new: &NewUploadRow,
        limits: &UploadLimits,
        now: i64,
    ) -> Result<UploadBegun>;

    /// A session.
    fn upload(&self, org: OrgId, id: &str) -> Result<Option<UploadRow>>;

    /// The newest sessions.
    fn uploads(&self, org: OrgId, rows_max: usize) -> Result<Vec<UploadRow>>;

    /// What is durable of a session, by offset.
    fn landed(&self, org: OrgId, id: &str) -> Result<Vec<LandedRow>>;

    /// Keeps what landed. Sessions differ; one answer for each.
    fn note_landed(&self, landings: &[Landing<'_>]) -> Result<Vec<Landed>>;

    /// Keeps the size of a session that had none.
    fn size_upload(&self, org: OrgId, id: &str, size: u64, now: i64) -> Result<Reserved>;

    /// Reserves more for a session of unknown size: up to `wanted`, or at least `needed`.
    fn reserve_more(&self, org: OrgId, id: &str, needed: u64, wanted: u64) -> Result<Reserved>;

    /// Names the place of a session that has none; answers which one it has.
    fn place_upload(&self, org: OrgId, id: &str, place: &str) -> Result<Option<String>>;

    /// Open becomes completing.
    fn begin_completing(&self, org: OrgId, id: &str, now: i64) -> Result<Completing>;

    /// Makes a session's bytes a file.
    fn complete_upload(&self, org: OrgId, id: &str, done: &UploadDone) -> Result<UploadCompleted>;

    /// Ends a session that has not ended.
    fn end_upload(
        &self,
        org: OrgId,
        id: &str,
        end: UploadEnd<'_>,
        now: i64,
    ) -> Result<Option<UploadRow>>;

    /// Open sessions that expired, and completing ones that nobody touched since a moment.
    fn due_uploads(
        &self,
        now: i64,
        idle_before: i64,
        rows_max: usize,
    ) -> Result<Vec<(OrgId, String)>>;

    /// Ended sessions whose draft may still be there.
    fn left_drafts(&self, ended_before: i64, rows_max: usize) -> Result<Vec<(OrgId, String)>>;

    /// Notes that nothing lies under an ended session's blob name that is no content.
    fn draft_cleared(&self, org: OrgId, id: &str) -> Result<()>;

    /// Forgets sessions without a draft that ended before a moment, the oldest first.
    fn forget_uploads(&self, org: OrgId, ended_before: i64, rows_max: usize) -> Result<u64>;
}

/// An upload session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadRow {
    /// Its id, opaque.
    pub id: String,
    /// Whose it is.
    pub org: OrgId,
    /// The number of the token that began it.
    pub token: i64,
    /// That token's name.
    pub by: String,
    /// Through which door it came: `record`, `tus`, `draft`.
    pub door: String,
    /// The client's own name for it, one of a kind for its token.
    pub key: Option<String>,
    /// The file's name.
    pub name: String,
    /// What the client says that it is.
    pub content_type: Option<String>,
    /// The door's own.
    pub meta: Option<String>,
    /// Bytes of the whole; nothing while that is not known.
    pub size: Option<u64>,
    /// Bytes that are reserved for it; 0 once it ended.
    pub reserved: u64,
    /// Where it is.
    pub phase: UploadPhase,
    /// The code of the problem that ended it.
    pub problem: Option<String>,
    /// The name of its bytes in the blob store.
    pub blob: String,
    /// Whether bytes may lie under that name that are no file's content.
    pub draft: bool,
    /// The blob store's own name for what is not complete.
    pub place: String,
    /// Bytes of a piece.
    pub piece_bytes: u64,
    /// The key of its bytes, wrapped; empty once it ended.
    pub wrapped_key: Vec<u8>,
    /// BLAKE3 of the whole: announced, then found.
    pub digest: Option<[u8; 32]>,
    /// SHA-256 of the whole, where it was announced.
    pub sha256: Option<[u8; 32]>,
    /// What came after the last whole piece.
    pub tail: Option<Tail>,
    /// The file that it became.
    pub file: Option<String>,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// When something last happened to it, in milliseconds since 1970; when it ended, once it has.
    pub touched_at: i64,
    /// Milliseconds since 1970.
    pub expires_at: i64,
}

/// Bytes after the last whole piece, in a blob of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tail {
    /// Which blob: each tail that takes the place of one at the same offset has a greater one.
    pub seq: u64,
    /// Where it begins: at the end of what landed.
    pub offset: u64,
    /// How many bytes.
    pub len: u64,
}

/// A session that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUploadRow {
    /// Its id, opaque and new.
    pub id: String,
    /// The number of the token that begins it.
    pub token: i64,
    /// That token's name.
    pub by: String,
    /// Through which door: `record`, `tus`, `draft`.
    pub door: String,
    /// The client's own name for it.
    pub key: Option<String>,
    /// The file's name.
    pub name: String,
    /// What the client says that it is.
    pub content_type: Option<String>,
    /// The door's own.
    pub meta: Option<String>,
    /// Bytes of the whole, where that is known.
    pub size: Option<u64>,
    /// The name of its bytes in the blob store.
    pub blob: String,
    /// The blob store's own name for what is not complete; may be empty until
    /// [`RelayStore::place_upload`].
    pub place: String,
    /// Bytes of a piece.
    pub piece_bytes: u64,
    /// The key of its bytes, wrapped.
    pub wrapped_key: Vec<u8>,
    /// BLAKE3 of the whole, where it is announced.
    pub digest: Option<[u8; 32]>,
    /// SHA-256 of the whole, where it is announced.
    pub sha256: Option<[u8; 32]>,
    /// Milliseconds since 1970.
    pub expires_at: i64,
}

impl NewUploadRow {
    /// The session, once so much is reserved for it.
    pub(crate) fn begun(&self, org: OrgId, reserved: u64, now: i64) -> UploadRow {
        let new = self.clone();
        UploadRow {
            id: new.id,
            org,
            token: new.token,
            by: new.by,
            door: new.door,
            key: new.key,
            name: new.name,
            content_type: new.content_type,
            meta: new.meta,
            size: new.size,
            reserved,
            phase: UploadPhase::Open,
            problem: None,
            blob: new.blob,
            draft: true,
            place: new.place,
            piece_bytes: new.piece_bytes,
            wrapped_key: new.wrapped_key,
            digest: new.digest,
            sha256: new.sha256,
            tail: None,
            file: None,
            created_at: now,
            touched_at: now,
            expires_at: new.expires_at,
        }
    }
}

/// How much at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadLimits {
    /// Sessions of an organisation that have not ended, at most.
    pub open_max: u64,
}

/// What beginning came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadBegun {
    /// It is there.
    Begun(Box<UploadRow>),
    /// The token has one with this key, which may have ended; nothing was changed.
    Known(Box<UploadRow>),
    /// There is no room for it.
    OverQuota(Usage),
    /// There are so many that have not ended.
    TooMany(u64),
}

/// What giving or changing a size came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserved {
    /// So it is.
    Ok,
    /// Another size was said before: this one.
    Differs(u64),
    /// There is no room for it; the session goes on as it was.
    OverQuota(Usage),
    /// It is no longer open, but this.
    Ended(UploadPhase),
    /// The organisation has no such session.
    Unknown,
}

/// What is to be reserved for an open session.
pub(crate) enum Reserving {
    /// Nothing: this is the answer.
    Answer(Reserved),
    /// The first of these for which there is room, with the size.
    OneOf([u64; 2], Option<u64>),
}

impl Reserving {
    /// For a session that gets its size.
    pub(crate) fn for_size(upload: &UploadRow, size: u64) -> Self {
        match upload.size {
            Some(known) if known == size => Self::Answer(Reserved::Ok),
            Some(known) => Self::Answer(Reserved::Differs(known)),
            None => Self::OneOf([size, size], Some(size)),
        }
    }

    /// For a session that needs room.
    pub(crate) fn for_room(upload: &UploadRow, needed: u64, wanted: u64) -> Self {
        if upload.size.is_some() || needed <= upload.reserved {
            return Self::Answer(Reserved::Ok);
        }
        Self::OneOf([wanted, needed], None)
    }
}

/// What asking to complete came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completing {
    /// The caller completes it. Another one may have begun to and died; or not: completing has to be
    /// so that two of them do no harm.
    Ours(Box<UploadRow>),
    /// It is completed.
    Already(Box<UploadRow>),
    /// It ended otherwise.
    Ended(Box<UploadRow>),
    /// The organisation has no such session.
    Unknown,
}

impl Completing {
    /// What a session that did not begin to complete is.
    pub(crate) fn ended(found: Option<UploadRow>) -> Self {
        match found {
            None => Self::Unknown,
            Some(upload) if upload.phase == UploadPhase::Completed => {
                Self::Already(Box::new(upload))
            }
            Some(upload) => Self::Ended(Box::new(upload)),
        }
    }
}

/// What was found of bytes that are all there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadDone {
    /// BLAKE3.
    pub digest: [u8; 32],
    /// Bytes.
    pub size: u64,
    /// What it is.
    pub content_type: String,
    /// The id of the file, opaque and new.
    pub file_id: String,
    /// What a scanner says of content that is new.
    pub scan: ScanState,
    /// Milliseconds since 1970.
    pub now: i64,
}

impl UploadDone {
    /// The file that an upload becomes with this content.
    pub(crate) fn file_of(&self, upload: &UploadRow, content: ContentRow) -> FileRow {
        FileRow {
            id: self.file_id.clone(),
            name: upload.name.clone(),
            content_type: self.content_type.clone(),
            created_at: self.now,
            by: upload.by.clone(),
            profiles: Vec::new(),
            content,
        }
    }
}

/// What completing came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadCompleted {
    /// There is a file.
    Done {
        /// It.
        file: Box<FileRow>,
        /// Whether its content is what was uploaded. Otherwise the same was there, and the draft is to
        /// be taken away: [`RelayStore::draft_cleared`].
        is_new_content: bool,
    },
    /// The quota was made smaller meanwhile; the session failed with `quota_exceeded`.
    OverQuota(Usage),
    /// It ended before; or it is completed and its file was deleted since.
    Ended(Box<UploadRow>),
    /// The organisation has no such session.
    Unknown,
}

/// How a session ends that becomes no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadEnd<'a> {
    /// Somebody ended it.
    Aborted,
    /// Nobody went on with it. Nothing where somebody did since it was found to be due.
    Expired,
    /// What came is not what was announced: with the problem's code.
    Failed(&'a str),
}

impl<'a> UploadEnd<'a> {
    /// The phase that it ends in.
    #[must_use]
    pub fn phase(self) -> UploadPhase {
        match self {
            Self::Aborted => UploadPhase::Aborted,
            Self::Expired => UploadPhase::Expired,
            Self::Failed(_) => UploadPhase::Failed,
        }
    }

    /// The problem's code.
    #[must_use]
    pub fn problem(self) -> Option<&'a str> {
        match self {
            Self::Failed(problem) => Some(problem),
            Self::Aborted | Self::Expired => None,
        }
    }

    /// Whether it is true of a session at a moment.
    pub(crate) fn holds(self, upload: &UploadRow, now: i64) -> bool {
        match (upload.phase, self) {
            (UploadPhase::Open, Self::Expired) => upload.expires_at <= now,
            (phase, _) => !phase.is_end(),
        }
    }
}

/// A phase as it is stored.
pub(crate) fn phase_text(phase: UploadPhase) -> &'static str {
    match phase {
        UploadPhase::Open => "open",
        UploadPhase::Completing => "completing",
        UploadPhase::Completed => "completed",
        UploadPhase::Failed => "failed",
        UploadPhase::Aborted => "aborted",
        UploadPhase::Expired => "expired",
    }
}

/// A stored phase; the tables have no others.
pub(crate) fn phase_of(text: &str) -> UploadPhase {
    match text {
        "open" => UploadPhase::Open,
        "completing" => UploadPhase::Completing,
        "completed" => UploadPhase::Completed,
        "aborted" => UploadPhase::Aborted,
        "expired" => UploadPhase::Expired,
        _ => UploadPhase::Failed,
    }
}

/// The columns of an upload, of both engines, in the order in which they read them.
pub(crate) const UPLOAD_COLUMNS: &str = "id, org, token, by, door, key, name, content_type, meta, \
    size, reserved, phase, problem, blob, draft, place, piece_bytes, wrapped_key, digest, sha256, \
    tail_seq, tail_offset, tail_len, file, created_at, touched_at, expires_at";

impl RelayStore {
    /// Begins a session and reserves its size, or a first part of a quota for one of unknown size.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn begin_upload(
        &self,
        org: OrgId,
        new: &NewUploadRow,
        limits: &UploadLimits,
        now: i64,
    ) -> Result<UploadBegun> {
        self.engine.begin_upload(org, new, limits, now)
    }

    /// A session, also one that ended, until it is forgotten.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn upload(&self, org: OrgId, id: &str) -> Result<Option<UploadRow>> {
        self.engine.upload(org, id)
    }

    /// An organisation's sessions, the newest first.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn uploads(&self, org: OrgId, rows_max: usize) -> Result<Vec<UploadRow>> {
        self.engine.uploads(org, rows_max)
    }

    /// What is durable of a session, by offset; nothing once it ended.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn landed(&self, org: OrgId, id: &str) -> Result<Vec<LandedRow>> {
        self.engine.landed(org, id)
    }

    /// Says the size of a session that began without; what it has reserved follows.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn size_upload(&self, org: OrgId, id: &str, size: u64, now: i64) -> Result<Reserved> {
        self.engine.size_upload(org, id, size, now)
    }

    /// Makes sure that a session of unknown size has its first `until_bytes` reserved, and in steps of
    /// [`LEASE_BYTES`](crate::LEASE_BYTES) where there is room. One of known size has them.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn reserve_more(&self, org: OrgId, id: &str, until_bytes: u64) -> Result<Reserved> {
        let wanted = lease_until(until_bytes);
        if until_bytes > BYTES_MAX {
            return Ok(Reserved::OverQuota(self.usage(org)?));
        }
        self.engine.reserve_more(org, id, until_bytes, wanted)
    }

    /// Keeps the blob store's own name for what is not complete, of a session that has none. Answers
    /// the one that it has: where somebody was quicker, theirs. Nothing where it is not open.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn place_upload(&self, org: OrgId, id: &str, place: &str) -> Result<Option<String>> {
        self.engine.place_upload(org, id, place)
    }

    /// Takes a session's completing on: nothing lands from now on. Asking again while it completes
    /// answers the same, so it goes on after whoever died, and keeps it from being due.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn begin_completing(&self, org: OrgId, id: &str, now: i64) -> Result<Completing> {
        self.engine.begin_completing(org, id, now)
    }

    /// Makes a session's bytes a file, in one transaction: equal content of the organisation gets one
    /// file more, otherwise the bytes become content; what was reserved becomes use. A session need not
    /// have been completing. The same again answers the same.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn complete_upload(
        &self,
        org: OrgId,
        id: &str,
        done: &UploadDone,
    ) -> Result<UploadCompleted> {
        self.engine.complete_upload(org, id, done)
    }

    /// Ends a session: what it reserved is free, what landed is forgotten, its key is destroyed.
    /// Answers it as it was before, with place and key; nothing where it had ended, or where there is
    /// none. The draft's bytes are the caller's to delete, and then [`RelayStore::draft_cleared`].
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn end_upload(
        &self,
        org: OrgId,
        id: &str,
        end: UploadEnd<'_>,
        now: i64,
    ) -> Result<Option<UploadRow>> {
        self.engine.end_upload(org, id, end, now)
    }

    /// Sessions of all organisations that somebody has to look after: open ones that expired, and ones
    /// that are completing and were not touched since `idle_before` (milliseconds since 1970), because
    /// their relay died. The first thousand; the others when these ended.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn due_uploads(&self, now: i64, idle_before: i64) -> Result<Vec<UploadRow>> {
        self.each_upload(&self.engine.due_uploads(now, idle_before, DUE_MAX)?)
    }

    /// Sessions of all organisations that ended before a moment and whose drafts nobody said to be
    /// gone: whoever ended them died. Their bytes are to be deleted, then [`RelayStore::draft_cleared`].
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn left_drafts(&self, ended_before: i64, rows_max: usize) -> Result<Vec<UploadRow>> {
        self.each_upload(&self.engine.left_drafts(ended_before, rows_max)?)
    }

    fn each_upload(&self, named: &[(OrgId, String)]) -> Result<Vec<UploadRow>> {
        let found = named.iter().map(|(org, id)| self.upload(*org, id));
        found.filter_map(Result::transpose).collect()
    }

    /// Notes that no bytes lie in the blob store under an ended session's name, unless they are
    /// content. Nothing for one that has not ended.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn draft_cleared(&self, org: OrgId, id: &str) -> Result<()> {
        self.engine.draft_cleared(org, id)
    }

    /// Forgets sessions that ended before a moment; not those whose draft may still be there. Answers
    /// how many.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn forget_uploads(&self, org: OrgId, ended_before: i64, rows_max: usize) -> Result<u64> {
        self.engine.forget_uploads(org, ended_before, rows_max)
    }
}
