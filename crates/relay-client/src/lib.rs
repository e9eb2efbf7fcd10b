//! HTTP client of the relay: who am I, segments, push, pull, events, uploads, files.
//!
//! [`RelayClient`] turns answers into rows and failures into [`RelayError`], which says whether
//! trying again can help. It must not know where rows come from or go to.

mod bootstrap;
mod calibrations;
mod error;
mod events;
mod files;
mod jobs;
mod sign_in;
mod trust;
mod uploads;
mod wire;

use std::time::Duration;

use kartei_protocol::desktop::ErasureReport;
use kartei_protocol::sync::{
    BucketDigests, Cursor, ErasedLine, FetchRequest, Member, MemberLine, PresenceReport,
    ProfileLine, PullLine, PushAnswer, PushEnd, PushItem, WhoAmI,
};
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, Url};
use serde::de::DeserializeOwned;

pub use bootstrap::{SegmentError, read_segment};
pub use error::{CertificateFault, RelayError};
pub use events::{JobNotices, Notice, Notices};
pub use files::{Download, FilesAsked};
pub use sign_in::{Begun, CameBack, provider_name};
pub use trust::Trust;
pub use uploads::{Chunk, UploadFailure};

/// A relay that does not even accept a connection in this time is away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Silence in the middle of an answer. The relay's event stream speaks every 15 seconds.
const READ_TIMEOUT: Duration = Duration::from_secs(45);

/// One page of the feed.
#[derive(Debug)]
pub struct Page {
    /// Profiles in the order of their revisions.
    pub lines: Vec<ProfileLine>,
    /// Profiles that were erased for good, in the order of their revisions.
    pub erased: Vec<ErasedLine>,
    /// Where to go on.
    pub cursor: Cursor,
    /// The relay's newest revision.
    pub head_rev: u64,
    /// Whether more follows.
    pub more: bool,
    /// Digest of all profiles at `head_rev`, where nothing follows and the relay knows it.
    pub total: Option<String>,
}

/// The profiles of some buckets.
#[derive(Debug)]
pub struct Members {
    /// Identity of the relay's history.
    pub epoch: String,
    /// The newest revision of the same snapshot.
    pub rev: u64,
    /// In any order.
    pub members: Vec<Member>,
}

/// Answers to a push.
#[derive(Debug)]
pub struct PushAnswers {
    /// One for each item, in order.
    pub answers: Vec<PushAnswer>,
    /// What the push did to the order.
    pub end: PushEnd,
}

/// A relay at an address, with a token.
#[derive(Clone)]
pub struct RelayClient {
    http: Client,
    base: Url,
    token: String,
}

impl std::fmt::Debug for RelayClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The token must never reach a log.
        f.debug_struct("RelayClient").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

/// An answer that is JSON.
async fn read<T: DeserializeOwned>(response: Response, what: &str) -> Result<T, RelayError> {
    let body = response.bytes().await.map_err(|e| RelayError::from_http(&e))?;
    serde_json::from_slice(&body).map_err(|e| RelayError::Incompatible(format!("{what}: {e}")))
}

fn page(body: &[u8]) -> Result<Page, RelayError> {
    let mut rows: Vec<PullLine> = wire::unpack(body)?;
    let Some(PullLine::End { cursor, head_rev, more, total }) = rows.pop() else {
        return Err(RelayError::CutOff);
    };
    let mut lines = Vec::with_capacity(rows.len());
    let mut erased = Vec::new();
    for row in rows {
        match row {
            PullLine::Profile(line) => lines.push(line),
            PullLine::Erased(line) => erased.push(line),
            PullLine::End { .. } => {
                return Err(RelayError::Incompatible("pull: two ends".to_owned()));
            }
        }
    }
    Ok(Page { lines, erased, cursor, head_rev, more, total })
}

impl RelayClient {
    /// A client for the relay at `url`.
    ///
    /// # Errors
    /// [`RelayError::Address`] where it is no `http` or `https` address, [`RelayError::Insecure`] where it is an
    /// `http` address of another machine that is not allowed, [`RelayError::Authorities`] where these cannot be read.
    pub fn new(url: &str, token: &str, trust: &Trust) -> Result<Self, RelayError> {
        Self::build(url, token, trust, Client::builder().read_timeout(READ_TIMEOUT))
    }

    /// A client for the same that carries files. A request may take as long as its bytes do, so whoever drives it
    /// watches that it moves; and each has a connection of its own, as many as are wanted at once, rather than a
    /// share of one.
    ///
    /// # Errors
    /// As [`RelayClient::new`].
    pub fn for_transfers(url: &str, token: &str, trust: &Trust) -> Result<Self, RelayError> {
        Self::build(url, token, trust, Client::builder().http1_only().tcp_nodelay(true))
    }

    fn build(
        url: &str,
        token: &str,
        trust: &Trust,
        http: ClientBuilder,
    ) -> Result<Self, RelayError> {
        let address =
            |reason: &str| RelayError::Address { url: url.to_owned(), reason: reason.to_owned() };
        let mut base = Url::parse(url.trim()).map_err(|e| address(&e.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(address("it begins with http:// or https://"));
        }
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        trust.check(&base)?;
        // Another part of the program may have installed it already; either way there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = trust
            .apply(http)?
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("kartei/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| RelayError::from_http(&e))?;
        Ok(Self { http, base, token: token.to_owned() })
    }

    fn url(&self, path: &str) -> Result<Url, RelayError> {
        self.base
            .join(path)
            .map_err(|e| RelayError::Address { url: self.base.to_string(), reason: e.to_string() })
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, RelayError> {
        let sent = request.bearer_auth(&self.token).send().await;
        let response = sent.map_err(|e| RelayError::from_http(&e))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(RelayError::from_answer(response).await)
    }

    /// Sends a request of which the answer is JSON; `what` is it of, for whoever reads that it is none.
    async fn answered<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        what: &str,
    ) -> Result<T, RelayError> {
        read(self.send(request).await?, what).await
    }

    /// Who the token belongs to.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn who_am_i(&self) -> Result<WhoAmI, RelayError> {
        self.answered(self.http.get(self.url("sync/v1/whoami")?), "whoami").await
    }

    /// Sends items; the answers are in their order.
    ///
    /// # Errors
    /// [`RelayError`]; the relay may have taken the items all the same. Sending them again then
    /// changes nothing.
    pub async fn push(&self, items: &[PushItem]) -> Result<PushAnswers, RelayError> {
        let body = wire::pack(items)?;
        let request = self
            .http
            .post(self.url("sync/v1/push")?)
            .header(CONTENT_TYPE, "application/x-ndjson")
            .header(CONTENT_ENCODING, "gzip")
            .body(body);
        let response = self.send(request).await?;
        let body = response.bytes().await.map_err(|e| RelayError::from_http(&e))?;
        let mut answers: Vec<PushAnswer> = wire::unpack(&body)?;
        match answers.pop() {
            Some(PushAnswer::End(end)) if answers.len() == items.len() => {
                Ok(PushAnswers { answers, end })
            }
            Some(PushAnswer::End(_)) => {
                Err(RelayError::Incompatible("push: not one answer for each item".to_owned()))
            }
            _ => Err(RelayError::CutOff),
        }
    }

    /// Gets a page of the feed above `cursor`, or from its start.
    ///
    /// # Errors
    /// [`RelayError::OtherHistory`] where the cursor belongs to a history that the relay no longer
    /// has, [`RelayError::CursorTooOld`] where the relay forgot deletions since, or another failure.
    pub async fn pull(&self, cursor: Option<&Cursor>) -> Result<Page, RelayError> {
        let mut url = self.url("sync/v1/pull")?;
        if let Some(cursor) = cursor {
            url.query_pairs_mut().append_pair("cursor", &cursor.to_string());
        }
        let response = self.send(self.http.get(url)).await?;
        let body = response.bytes().await.map_err(|e| RelayError::from_http(&e))?;
        page(&body)
    }

    /// The digests of all buckets.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn digests(&self) -> Result<BucketDigests, RelayError> {
        self.answered(self.http.get(self.url("sync/v1/digests")?), "digests").await
    }

    /// The profiles of some buckets.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn members(&self, buckets: &[u8]) -> Result<Members, RelayError> {
        let buckets: Vec<String> = buckets.iter().map(ToString::to_string).collect();
        let url = self.url(&format!("sync/v1/digests/{}", buckets.join(",")))?;
        let response = self.send(self.http.get(url)).await?;
        let body = response.bytes().await.map_err(|e| RelayError::from_http(&e))?;
        let mut rows: Vec<MemberLine> = wire::unpack(&body)?;
        let Some(MemberLine::End { epoch, rev }) = rows.pop() else {
            return Err(RelayError::CutOff);
        };
        let members = rows.into_iter().map(|row| match row {
            MemberLine::Member(member) => Ok(member),
            MemberLine::End { .. } => Err(RelayError::Incompatible("members: two ends".to_owned())),
        });
        Ok(Members { epoch, rev, members: members.collect::<Result<_, _>>()? })
    }

    /// Whole profiles by their ids, `FETCH_IDS_MAX` at most; those that the relay does not have are
    /// left out.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn fetch(&self, ids: &[String]) -> Result<Vec<ProfileLine>, RelayError> {
        let body = serde_json::to_vec(&FetchRequest { ids: ids.to_vec() })
            .map_err(|e| RelayError::Incompatible(format!("fetch: {e}")))?;
        let request = self
            .http
            .post(self.url("sync/v1/fetch")?)
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        let response = self.send(request).await?;
        let body = response.bytes().await.map_err(|e| RelayError::from_http(&e))?;
        Ok(page(&body)?.lines)
    }

    /// Erases a profile for good, at the relay and by and by on every device.
    ///
    /// # Errors
    /// [`RelayError::Forbidden`] where the token is no administrator's, or another failure; nothing
    /// was erased then, unless the answer was lost. Asking again changes nothing.
    pub async fn erase(&self, id: &str) -> Result<ErasureReport, RelayError> {
        let mut url = self.url("profiles/")?;
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend([id, "erase"]);
        }
        self.answered(self.http.post(url), "erase").await
    }

    /// Follows the relay's newest revision until the connection ends; with a `session`, which profiles
    /// others have open too.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn events(&self, session: Option<&str>) -> Result<Notices, RelayError> {
        let mut url = self.url("sync/v1/events")?;
        if let Some(session) = session {
            url.query_pairs_mut().append_pair("session", session);
        }
        Ok(Notices::new(self.send(self.http.get(url)).await?))
    }

    /// Tells the relay what is open here.
    ///
    /// # Errors
    /// [`RelayError`]; a relay of an earlier version refuses with status 404.
    pub async fn report_presence(&self, report: &PresenceReport) -> Result<(), RelayError> {
        let body = serde_json::to_vec(report)
            .map_err(|e| RelayError::Incompatible(format!("presence: {e}")))?;
        let request = self
            .http
            .post(self.url("sync/v1/presence")?)
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        self.send(request).await.map(drop)
    }
}
