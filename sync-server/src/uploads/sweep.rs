//! What nobody wants any more goes, and what does not fit together is found.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use kartei_blob_store::{BlobName, DraftEntry};
use kartei_relay_store::{ContentRow, OrgId, RelayStore, Tail, UploadEnd};
use serde::Serialize;

use super::session::{clear, end};
use super::take::failed;
use crate::admin::now;
use crate::problem::Failure;
use crate::rounds::Rounds;
use crate::serve::Relay;

/// How often a serving relay looks for uploads that nobody goes on with. They become due by the hour.
const EVERY: Duration = Duration::from_secs(60);

/// Contents that are removed in one go.
const CONTENTS_MAX: usize = 200;

/// Ended sessions are remembered for a week, so that a client that was away learns what became of them.
const REMEMBERED_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// More sessions than are open at once and remembered for a week.
const SESSIONS_MAX: usize = 10_000_000;

/// A relay that completes an upload touches it; one that was not touched for so long has none any more.
const COMPLETING_MS: i64 = 60 * 60 * 1_000;

/// Blobs younger than this may belong to what is just being written.
const YOUNG: Duration = Duration::from_secs(60 * 60);

/// What a round removed, or would.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Cleaned {
    /// Uploads that nobody went on with.
    pub(crate) expired_uploads: u64,
    /// Contents without a file.
    pub(crate) contents: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Drafts without an upload.
    pub(crate) drafts: u64,
}

/// Looks after uploads for as long as the relay runs.
pub(crate) async fn sweep(relay: Arc<Relay>) {
    let mut rounds = Rounds::every(EVERY, relay.stopping());
    while rounds.next().await {
        match clean(&relay, false).await {
            Ok(cleaned) if cleaned == Cleaned::default() => {}
            Ok(Cleaned { expired_uploads, contents, bytes, drafts }) => {
                tracing::info!(expired_uploads, contents, bytes, drafts, "Uploads were swept");
            }
            // Why is in the log already.
            Err(_) => tracing::warn!("Sweeping uploads failed; the next round may succeed"),
        }
    }
}

/// One round: uploads that expired, contents without a file, sessions that ended long ago.
///
/// # Errors
/// Where the database or the store fails; what was removed before stays removed.
pub(crate) async fn clean(relay: &Arc<Relay>, is_dry: bool) -> Result<Cleaned, Failure> {
    let now = now();
    let mut cleaned = Cleaned::default();
    let due = relay.store(move |store| store.due_uploads(now, now - COMPLETING_MS)).await?;
    for row in due {
        cleaned.expired_uploads += 1;
        if !is_dry {
            end(relay, &row, UploadEnd::Expired).await?;
        }
    }
    if !is_dry {
        // What a relay that died between an end and its cleaning left.
        let ended_before = now - COMPLETING_MS;
        let left = relay.store(move |store| store.left_drafts(ended_before, CONTENTS_MAX)).await?;
        for row in left {
            clear(relay, &row).await?;
        }
    }
    for draft in forsaken(relay).await? {
        cleaned.drafts += 1;
        if !is_dry {
            abandon(relay, &draft).await?;
        }
    }
    let before = relay.uploads().options().unreferenced_before(now);
    loop {
        let condemned =
            relay.store(move |store| store.unreferenced_contents(before, CONTENTS_MAX)).await?;
        let count = condemned.len();
        for (org, content) in condemned {
            cleaned.contents += 1;
            cleaned.bytes += content.size;
            if !is_dry {
                forget(relay, org, content).await?;
            }
        }
        if is_dry || count < CONTENTS_MAX {
            break;
        }
    }
    if !is_dry {
        for organisation in relay.store(RelayStore::organisations).await? {
            let (org, before) = (organisation.id, now - REMEMBERED_MS);
            relay.store(move |store| store.forget_uploads(org, before, CONTENTS_MAX)).await?;
        }
    }
    Ok(cleaned)
}

/// Drafts that no upload has: their relay died after it began one and before it noted the upload, or after it noted
/// a whole one and before it let go of the draft. They have the file's whole length from the beginning.
async fn forsaken(relay: &Arc<Relay>) -> Result<Vec<DraftEntry>, Failure> {
    let drafts = relay.blobs().list_drafts().await.map_err(|e| failed(&e))?;
    let is_old = |draft: &DraftEntry| draft.modified.elapsed().is_ok_and(|age| age >= YOUNG);
    let mut old: Vec<DraftEntry> = drafts.into_iter().filter(is_old).collect();
    if old.is_empty() {
        return Ok(old);
    }
    let mut known: HashSet<String> = HashSet::new();
    for organisation in relay.store(RelayStore::organisations).await? {
        let org = organisation.id;
        let uploads = relay.store(move |store| store.uploads(org, SESSIONS_MAX)).await?;
        // One that ended and was not cleared yet is the business of the round that clears it.
        known.extend(uploads.into_iter().filter(|row| row.draft).map(|row| row.blob));
    }
    old.retain(|draft| !known.contains(draft.name.as_str()));
    Ok(old)
}

/// Removes such a draft, and the blob that was made of it where no content has that: its relay died before the
/// database knew. While both are there the draft tells of the blob, so it is the last to go.
async fn abandon(relay: &Arc<Relay>, draft: &DraftEntry) -> Result<(), Failure> {
    for organisation in relay.store(RelayStore::organisations).await? {
        let (org, blob) = (organisation.id, draft.name.to_string());
        if !blob.starts_with(&format!("files/{org}/")) {
            continue;
        }
        if !relay.store(move |store| store.has_content(org, &blob)).await? {
            relay.blobs().delete(&draft.name).await.map_err(|e| failed(&e))?;
        }
    }
    let draft = relay.blobs().open_draft(&draft.name, &draft.place).await;
    draft.map_err(|e| failed(&e))?.abort().await.map_err(|e| failed(&e))
}

/// Removes a content: its key first, so that its bytes are nothing from then on.
async fn forget(relay: &Arc<Relay>, org: OrgId, content: ContentRow) -> Result<(), Failure> {
    let id = content.id;
    if !relay.store(move |store| store.condemn_content(org, id, now())).await? {
        // Somebody uploaded it again meanwhile.
        return Ok(());
    }
    let name = BlobName::new(&content.blob).map_err(|e| Failure::internal(&e))?;
    relay.blobs().delete(&name).await.map_err(|e| Failure::internal(&e))?;
    relay.store(move |store| store.forget_content(org, id)).await?;
    Ok(())
}

/// What does not fit together between database and store.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Findings {
    /// Contents that were looked at.
    pub(crate) contents: u64,
    /// Blobs that no content and no upload has. Mending removes them.
    pub(crate) orphans: Vec<String>,
    /// Contents whose bytes are not there, or are too few. Mending marks their files as lost.
    pub(crate) lost: Vec<String>,
    /// Contents that were taken for lost and are there: somebody brought the store back. Mending gives them out again.
    pub(crate) found: Vec<String>,
}

/// Compares database and store, and mends what does not fit.
///
/// # Errors
/// Where the database or the store fails.
pub(crate) async fn check(relay: &Arc<Relay>, mends: bool) -> Result<Findings, Failure> {
    let mut findings = Findings::default();
    let mut known: HashSet<String> = HashSet::new();
    for organisation in relay.store(RelayStore::organisations).await? {
        let org = organisation.id;
        let mut after = 0;
        loop {
            let contents =
                relay.store(move |store| store.contents(org, after, CONTENTS_MAX)).await?;
            let Some(last) = contents.last() else { break };
            after = last.id;
            for content in contents {
                known.insert(content.blob.clone());
                if content.condemned_at.is_some() {
                    continue;
                }
                findings.contents += 1;
                let name = BlobName::new(&content.blob).map_err(|e| Failure::internal(&e))?;
                let there = relay.blobs().find(&name).await.map_err(|e| Failure::internal(&e))?;
                let is_whole = there.is_some_and(|entry| entry.size_bytes >= content.size);
                let id = content.id;
                match (is_whole, content.lost_at.is_some()) {
                    (true, false) | (false, true) => {}
                    (false, false) => {
                        findings.lost.push(content.blob.clone());
                        if mends {
                            relay
                                .store(move |store| store.mark_content_lost(org, id, now()))
                                .await?;
                        }
                    }
                    (true, true) => {
                        findings.found.push(content.blob.clone());
                        if mends {
                            relay.store(move |store| store.mark_content_found(org, id)).await?;
                        }
                    }
                }
            }
        }
        let uploads = relay.store(move |store| store.uploads(org, SESSIONS_MAX)).await?;
        for row in uploads.into_iter().filter(|row| !row.phase.is_end()) {
            if let Some(Tail { seq, .. }) = row.tail {
                known.insert(format!("tails/{org}/{}/{seq}", row.id));
            }
            known.insert(row.blob);
        }
    }
    for prefix in ["files", "tails"] {
        let prefix = BlobName::new(prefix).map_err(|e| Failure::internal(&e))?;
        let mut listed = relay.blobs().list(Some(&prefix));
        while let Some(entry) = listed.try_next().await.map_err(|e| Failure::internal(&e))? {
            let is_young = entry.stored_at.elapsed().is_ok_and(|age| age < YOUNG);
            if is_young || known.contains(entry.name.as_str()) {
                continue;
            }
            findings.orphans.push(entry.name.to_string());
            if mends {
                relay.blobs().delete(&entry.name).await.map_err(|e| Failure::internal(&e))?;
            }
        }
    }
    for draft in forsaken(relay).await? {
        let name = draft.name.to_string();
        if !findings.orphans.contains(&name) {
            findings.orphans.push(name);
        }
        if mends {
            abandon(relay, &draft).await?;
        }
    }
    Ok(findings)
}
