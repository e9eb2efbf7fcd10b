//! Files: names for contents, what they are attached to, and who read them.

use kartei_protocol::uploads::ScanState;

use crate::access::OrgId;
use crate::contents::ContentRow;
use crate::engine::Result;
use crate::quota::Usage;
use crate::store::RelayStore;

/// Reads that are forgotten at once: writers of the organisation wait meanwhile.
const FORGOTTEN_ROWS: usize = 10_000;

/// What the databases keep of files. Every method is one transaction.
pub(crate) trait FileEngine {
    /// What an organisation uses.
    fn usage(&self, org: OrgId) -> Result<Usage>;

    /// Sets a quota; answers what is used.
    fn set_quota(&self, org: OrgId, actor: &str, quota: Option<u64>) -> Result<Usage>;

    /// Counts use and references anew, from the rows.
    fn recount_usage(&self, org: OrgId, now: i64) -> Result<Usage>;

    /// A file.
    fn file(&self, org: OrgId, id: &str) -> Result<Option<FileRow>>;

    /// A page of files.
    fn files(&self, org: OrgId, asked: &FilesAsked<'_>) -> Result<Vec<FileRow>>;

    /// Changes a file; `name` comes with the form that is looked in.
    fn change_file(
        &self,
        org: OrgId,
        id: &str,
        name: Option<(&str, &str)>,
        content_type: Option<&str>,
    ) -> Result<Option<FileRow>>;

    /// Attaches a file to a profile that is there, or detaches it.
    fn attach_file(
        &self,
        org: OrgId,
        file: &str,
        profile: &str,
        attached_at: Option<i64>,
    ) -> Result<Attached>;

    /// Deletes a file, with its attachments.
    fn delete_file(&self, org: OrgId, id: &str, now: i64) -> Result<bool>;

    /// Keeps who read what.
    fn note_reads(&self, reads: &[FileRead]) -> Result<()>;

    /// The newest reads of a file, with the tokens' names.
    fn reads(&self, org: OrgId, file: &str, rows_max: usize) -> Result<Vec<(String, FileRead)>>;

    /// Forgets reads before a moment, the oldest first.
    fn forget_reads(&self, org: OrgId, before: i64, rows_max: usize) -> Result<u64>;
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRow {
    /// Its id, opaque.
    pub id: String,
    /// Its name: data, never a path.
    pub name: String,
    /// What it is.
    pub content_type: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// The name of the token that uploaded it.
    pub by: String,
    /// Ids of the profiles that it is attached to and that are not deleted, in order.
    pub profiles: Vec<String>,
    /// Its bytes.
    pub content: ContentRow,
}

impl FileRow {
    /// Bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.content.size
    }

    /// BLAKE3 of its bytes.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.content.digest
    }

    /// What a scanner says of its bytes.
    #[must_use]
    pub fn scan(&self) -> ScanState {
        self.content.scan
    }
}

/// Which files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileQuery {
    /// At most so many.
    pub limit: usize,
    /// Those after the file of this moment and id, in the order of the list.
    pub before: Option<(i64, String)>,
    /// Those with this in their name, in small or large letters.
    pub name_contains: Option<String>,
    /// Those of this type; `text/*` for all that begin so.
    pub content_type: Option<String>,
    /// Those that are attached to this profile.
    pub profile: Option<String>,
}

/// The same as databases are asked.
#[derive(Debug)]
pub(crate) struct FilesAsked<'a> {
    pub(crate) limit: i64,
    /// Moments and ids below this.
    pub(crate) before: (i64, &'a str),
    pub(crate) folded: Option<String>,
    pub(crate) type_is: Option<String>,
    pub(crate) type_begins: Option<String>,
    pub(crate) profile: Option<&'a str>,
}

impl<'a> FilesAsked<'a> {
    fn of(query: &'a FileQuery) -> Self {
        let asked_type = query.content_type.as_deref().map(str::to_ascii_lowercase);
        let family = asked_type.as_deref().and_then(|one| one.strip_suffix('*')).map(str::to_owned);
        Self {
            limit: i64::try_from(query.limit).unwrap_or(i64::MAX),
            before: query.before.as_ref().map_or((i64::MAX, ""), |(at, id)| (*at, id)),
            folded: query.name_contains.as_deref().map(fold),
            type_is: asked_type.filter(|_| family.is_none()),
            type_begins: family,
            profile: query.profile.as_deref(),
        }
    }
}

/// A name in the form in which it is looked for.
pub(crate) fn fold(name: &str) -> String {
    name.to_lowercase()
}

/// What attaching came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attached {
    /// So it is; perhaps it was so before.
    Done,
    /// The organisation has no such file.
    NoFile,
    /// It has no such profile, or that is deleted or erased.
    NoProfile,
}

/// That somebody read bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRead {
    /// The organisation.
    pub org: OrgId,
    /// The file's id.
    pub file: String,
    /// The token's number.
    pub token: i64,
    /// Milliseconds since 1970.
    pub at: i64,
    /// The first byte.
    pub from: u64,
    /// The byte after the last one.
    pub to: u64,
}

impl RelayStore {
    /// A file.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn file(&self, org: OrgId, id: &str) -> Result<Option<FileRow>> {
        self.engine.file(org, id)
    }

    /// Files, the newest first.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn files(&self, org: OrgId, query: &FileQuery) -> Result<Vec<FileRow>> {
        self.engine.files(org, &FilesAsked::of(query))
    }

    /// Changes a file's name or type; answers what it is now.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn change_file(
        &self,
        org: OrgId,
        id: &str,
        name: Option<&str>,
        content_type: Option<&str>,
    ) -> Result<Option<FileRow>> {
        let folded = name.map(fold);
        self.engine.change_file(org, id, name.zip(folded.as_deref()), content_type)
    }

    /// Attaches a file to a profile that is there and not deleted.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn attach_file(&self, org: OrgId, file: &str, profile: &str, now: i64) -> Result<Attached> {
        self.engine.attach_file(org, file, profile, Some(now))
    }

    /// Detaches a file from a profile, which may be deleted.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn detach_file(&self, org: OrgId, file: &str, profile: &str) -> Result<Attached> {
        self.engine.attach_file(org, file, profile, None)
    }

    /// Deletes a file; `false` where there is none. Its content stays as long as another file has it,
    /// and then until it is condemned.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn delete_file(&self, org: OrgId, id: &str, now: i64) -> Result<bool> {
        self.engine.delete_file(org, id, now)
    }

    /// Keeps who read which bytes, of files of any organisations.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError); some may be kept then.
    pub fn note_reads(&self, reads: &[FileRead]) -> Result<()> {
        if reads.is_empty() {
            return Ok(());
        }
        self.engine.note_reads(reads)
    }

    /// Who read a file, with the tokens' names, the newest first; also of a file that was deleted.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn reads(
        &self,
        org: OrgId,
        file: &str,
        rows_max: usize,
    ) -> Result<Vec<(String, FileRead)>> {
        self.engine.reads(org, file, rows_max)
    }

    /// Forgets reads before a moment (milliseconds since 1970); answers how many.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError); calling again goes on.
    pub fn forget_reads(&self, org: OrgId, before: i64) -> Result<u64> {
        let mut forgotten = 0;
        loop {
            let some = self.engine.forget_reads(org, before, FORGOTTEN_ROWS)?;
            forgotten += some;
            if some < FORGOTTEN_ROWS as u64 {
                return Ok(forgotten);
            }
        }
    }
}
