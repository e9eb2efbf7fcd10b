//! Cases for presigned requests: what others bring to S3 and fetch from it by themselves.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use kartei_blob_store::{Digest, Draft, Landed, Presigned, SealKey, root_of};
use reqwest::{Client, Method, Response};

use crate::body::noise;
use crate::cases::{Case, cases};
use crate::subject::{Kind, Subject, name};

const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn all(subject: &Subject) -> Vec<Case<'_>> {
    match &subject.kind {
        Kind::Folder | Kind::Memory => cases![subject, there_is_nothing_to_presign],
        Kind::S3 { .. } => cases![
            subject,
            others_bring_the_parts_and_fetch_the_whole,
            a_presigned_part_is_good_for_its_bytes_alone,
            parts_of_other_lengths_are_no_blob,
        ],
    }
}

async fn there_is_nothing_to_presign(subject: &Subject) -> Result<()> {
    let (store, name) = (&subject.store, name("presigned/none"));
    ensure!(store.begin_plain_draft(&name, Some(5)).await?.is_none());
    ensure!(store.presign_get(&name, MINUTE, None).await?.is_none());
    let draft = store.begin_draft(&name, None).await?;
    ensure!(draft.presign_part(0, &Digest::of(b"abc"), MINUTE).await?.is_none());
    Ok(draft.abort().await?)
}

/// What a client does with a request that it was given.
async fn send(request: &Presigned, body: Bytes) -> Result<Response> {
    let method: Method = request.method.parse()?;
    let mut sent = Client::new().request(method, &request.url).body(body);
    if let Some((header, value)) = &request.header {
        sent = sent.header(*header, value);
    }
    Ok(sent.send().await?)
}

async fn bring(draft: &Draft, number: u64, bytes: &Bytes) -> Result<Landed> {
    let digest = Digest::of(bytes);
    let request = draft.presign_part(number, &digest, MINUTE).await?.context("it is plain")?;
    ensure!(!format!("{request:?}").contains("Signature"), "a secret is shown");
    let answer = send(&request, bytes.clone()).await?.error_for_status()?;
    let tag = answer.headers().get("etag").context("a part has a tag")?.to_str()?.to_owned();
    let offset = number * draft.piece_bytes();
    Landed::direct(offset, bytes.len() as u64, &tag, &digest).context("it is a tag")
}

async fn others_bring_the_parts_and_fetch_the_whole(subject: &Subject) -> Result<()> {
    let (store, name) = (&subject.store, name("presigned/whole"));
    let bytes = noise(51, 8 * 1024 * 1024 + 300_000);
    let size = bytes.len() as u64;
    let draft = store.begin_plain_draft(&name, Some(size)).await?.context("it is S3")?;
    let piece = usize::try_from(draft.piece_bytes())?;
    let last = bring(&draft, 1, &bytes.slice(piece..)).await?;
    // Another process goes on.
    let draft = store.open_draft(&name, &draft.place()).await?;
    let landed = [last, bring(&draft, 0, &bytes.slice(..piece)).await?];
    ensure!(root_of(size, &landed).is_none(), "nobody here has seen the bytes");
    draft.finish(size, &landed).await?;
    draft.finish(size, &landed).await?;
    ensure!(store.get(&name).await? == bytes, "other bytes");
    let disposition = "attachment; filename=\"a b.bin\"";
    let request = store.presign_get(&name, MINUTE, Some(disposition)).await?.context("it is S3")?;
    let answer = send(&request, Bytes::new()).await?.error_for_status()?;
    let told = answer.headers().get("content-disposition").map(|value| value.to_str());
    // s3s-fs keeps to what was stored with the blob.
    ensure!(told.transpose()? == Some(disposition) || subject.is_s3s_fs(), "another disposition");
    ensure!(answer.bytes().await? == bytes, "other bytes were fetched");
    let forged = Presigned { url: request.url.replace("whole", "other"), ..request };
    let answer = send(&forged, Bytes::new()).await?;
    ensure!(answer.status().is_client_error(), "a forged request got {}", answer.status());
    Ok(())
}

async fn a_presigned_part_is_good_for_its_bytes_alone(subject: &Subject) -> Result<()> {
    let (store, name) = (&subject.store, name("presigned/bytes"));
    let draft = store.begin_plain_draft(&name, Some(100)).await?.context("it is S3")?;
    let (right, wrong) = (noise(52, 100), noise(53, 100));
    let digest = Digest::of(&right);
    let request = draft.presign_part(0, &digest, MINUTE).await?.context("it is plain")?;
    let other = draft.presign_part(0, &Digest::of(&wrong), MINUTE).await?.context("it is plain")?;
    let forged = Presigned { header: other.header, ..request.clone() };
    let bare = Presigned { header: None, ..request.clone() };
    let numbered = request.url.replace("partNumber=1", "partNumber=2");
    ensure!(numbered != request.url, "the number is in the address");
    let numbered = Presigned { url: numbered, ..request.clone() };
    let cases = [
        ("other bytes", &request, &wrong),
        ("other bytes with their digest", &forged, &wrong),
        ("no digest", &bare, &right),
        ("another part", &numbered, &right),
    ];
    for (what, request, body) in cases {
        let status = send(request, body.clone()).await?.status();
        // s3s-fs does not look at the digest of a part, only at the signature over it.
        let is_unseen = subject.is_s3s_fs() && what == "other bytes";
        ensure!(status.is_client_error() != is_unseen, "{what}: {status}");
    }
    let answer = send(&request, right.clone()).await?;
    ensure!(answer.status().is_success(), "the right one: {}", answer.status());
    let key = SealKey::random()?;
    let written = draft.write_from(&key, 0).write(right).await;
    ensure!(written.is_err_and(|error| error.to_string().contains("presigned")));
    draft.abort().await?;
    for tag in ["", "<e/>", "a b", "ä", "a&b", "a\nb"] {
        ensure!(Landed::direct(0, 100, tag, &digest).is_none(), "{tag:?} is no tag");
    }
    Ok(())
}

async fn parts_of_other_lengths_are_no_blob(subject: &Subject) -> Result<()> {
    let (store, name) = (&subject.store, name("presigned/length"));
    let draft = store.begin_plain_draft(&name, Some(100)).await?.context("it is S3")?;
    let mut landed = bring(&draft, 0, &noise(54, 99)).await?;
    landed.len = 100;
    let error = draft.finish(100, &[landed]).await.err().context("it was published")?;
    ensure!(error.to_string().contains("99 bytes instead of 100"), "{error}");
    ensure!(store.find(&name).await?.is_none(), "it is there all the same");
    Ok(())
}
