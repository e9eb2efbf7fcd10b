//! Cases for what only servers can get wrong. Errors must say what to look at and no secret.

use anyhow::{Result, bail, ensure};
use bytes::Bytes;
use futures_util::TryStreamExt;
use kartei_blob_store::{
    BlobError, BlobStore, ByteRange, Draft, Landed, PART_BYTES, SealKey, root_of,
};
use kartei_test_support::{FaultProxy, S3Kind, S3Server, SilentPort, Weather};

use crate::body::{noise, pieces};
use crate::cases::{Case, cases};
use crate::subject::{Kind, Subject, name, open};

pub(crate) fn all(subject: &Subject) -> Vec<Case<'_>> {
    let mut all = match &subject.kind {
        Kind::Folder | Kind::Memory => return Vec::new(),
        Kind::S3 { .. } => cases![
            subject,
            wrong_credentials_are_refused_clearly,
            an_endpoint_that_does_not_answer_is_said,
            a_store_sees_its_prefix_alone,
            a_server_that_dies_is_said,
            a_draft_gets_through_bad_weather,
        ],
    };
    if !subject.is_s3s_fs() {
        all.extend::<Vec<Case<'_>>>(cases![subject, a_missing_bucket_is_said]);
    }
    all
}

fn server(subject: &Subject) -> Result<(&S3Server, S3Kind)> {
    match &subject.kind {
        Kind::S3 { server, kind } => Ok((server, *kind)),
        _ => bail!("no server"),
    }
}

async fn wrong_credentials_are_refused_clearly(subject: &Subject) -> Result<()> {
    let (server, _) = server(subject)?;
    let secret = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";
    let wrong =
        [("AWS_SECRET_ACCESS_KEY", secret), ("AWS_ACCESS_KEY_ID", "GKffffffffffffffffffffffff")];
    for (changed, value) in wrong {
        let store = BlobStore::open_with(&server.url(""), subject.folder.path(), &|name| {
            if name == changed { Some(value.to_owned()) } else { server.variable(name) }
        })?;
        let name = name("wrong/credentials");
        let long = noise(20, 20 * 1024 * 1024);
        let errors = [
            store.check().await.err(),
            store.get(&name).await.err(),
            store.put_stream(&name, pieces(&long)).await.err(),
        ];
        for error in errors {
            let Some(error) = error else { bail!("{changed} was not looked at") };
            let text = error.to_string();
            let is_refused = matches!(error, BlobError::Refused { .. });
            ensure!(is_refused && text.contains("check the credentials"), "{changed}: {error:?}");
            ensure!(text.contains(store.place()), "{text}");
            ensure!(!format!("{error:?}").contains(secret), "a secret is in {error:?}");
        }
    }
    Ok(())
}

async fn a_missing_bucket_is_said(subject: &Subject) -> Result<()> {
    let (server, kind) = server(subject)?;
    let store = open(server, &server.url_of_bucket("no-such-bucket", ""), subject.folder.path())?;
    let Err(error) = store.check().await else { bail!("a missing bucket was not missed") };
    let text = error.to_string();
    ensure!(text.contains("no-such-bucket") && !error.is_not_found(), "{kind:?}: {error:?}");
    Ok(())
}

async fn an_endpoint_that_does_not_answer_is_said(subject: &Subject) -> Result<()> {
    let (server, _) = server(subject)?;
    // Over TLS too: without a crypto provider the client would not even be made.
    let port = SilentPort::take()?;
    for scheme in ["http", "https"] {
        let url = format!("s3://kartei?endpoint={scheme}://127.0.0.1:{}", port.number());
        let store = open(server, &url, subject.folder.path())?;
        let Err(error) = store.check().await else { bail!("nobody answered") };
        let text = error.to_string();
        let is_unreachable = matches!(error, BlobError::Unreachable { .. });
        ensure!(is_unreachable && text.contains("does not answer"), "{error:?}");
        ensure!(text.contains(store.place()), "{text}");
    }
    Ok(())
}

async fn a_server_that_dies_is_said(subject: &Subject) -> Result<()> {
    let (_, kind) = server(subject)?;
    let folder = tempfile::tempdir()?;
    let dying = S3Server::start(kind)?;
    let store = open(&dying, &dying.url(""), folder.path())?;
    let (name, bytes) = (name("dying/blob"), noise(21, 5 * PART_BYTES));
    store.put_stream(&name, pieces(&bytes)).await?;
    let reading = store.get_stream(&name, None).await?;
    let mut dying = Some(dying);
    // The server goes when half of the second put is on its way.
    let half = bytes.len() as u64 / 2;
    let mut sent = 0;
    let body = pieces(&bytes).inspect_ok(move |piece| {
        sent += piece.len() as u64;
        if sent > half {
            drop(dying.take());
        }
    });
    let Err(error) = store.put_stream(&name, body).await else { bail!("nobody took it") };
    ensure!(matches!(error, BlobError::Unreachable { .. }), "{error:?}");
    ensure!(error.to_string().contains("dying/blob"), "{error}");
    let read: Result<Vec<_>, _> = reading.bytes.try_collect().await;
    ensure!(read.is_err() || read?.concat() == bytes, "a stream that broke off ended as if whole");
    Ok(())
}

async fn a_store_sees_its_prefix_alone(subject: &Subject) -> Result<()> {
    let (server, _) = server(subject)?;
    let other = open(server, &server.url("another"), subject.folder.path())?;
    let whole = open(server, &server.url(""), subject.folder.path())?;
    other.put_bytes(&name("a/b"), Bytes::from("0123456789")).await?;
    ensure!(subject.store.find(&name("a/b")).await?.is_none());
    let names: Vec<_> = other.list(None).map_ok(|entry| entry.name).try_collect().await?;
    ensure!(names == [name("a/b")], "{names:?}");
    let reading = whole.get_stream(&name("another/a/b"), Some(ByteRange::Last(3))).await?;
    ensure!(reading.bytes.try_collect::<Vec<_>>().await?.concat() == b"789");
    Ok(())
}

/// Tries at most, each with the client's own: the chance that so many fail is none.
const TRIES: usize = 60;

async fn a_draft_gets_through_bad_weather(subject: &Subject) -> Result<()> {
    let (server, _) = server(subject)?;
    let proxy = FaultProxy::start(&[server.address()], 6)?;
    let url =
        server.url("weather").replace(&server.address().to_string(), &proxy.address().to_string());
    let store = open(server, &url, subject.folder.path())?;
    let (name, key, bytes) =
        (name("weather/draft"), SealKey::random()?, noise(22, 2 * PART_BYTES + 9));
    let size = bytes.len() as u64;
    let draft = store.begin_draft(&name, Some(size)).await?;
    // Of a part's thousand pieces one is cut, mostly.
    proxy.set_weather(Weather { cut: 1, ..Weather::CALM });
    let mut landed: Vec<Landed> = Vec::new();
    for _ in 0..TRIES {
        let offset = landed.last().map_or(0, Landed::end);
        if offset == size {
            break;
        }
        let rest = bytes.slice(usize::try_from(offset)?..);
        if let Err(error) = write_on(&draft, &key, offset, rest, &mut landed).await {
            let is_told = matches!(error, BlobError::Unreachable { .. } | BlobError::Failed { .. });
            ensure!(is_told, "{error:?}");
        }
    }
    ensure!(root_of(size, &landed) == Some(blake3::hash(&bytes).into()), "another digest");
    // Requests arrive whose answers do not, and are sent again.
    proxy.set_weather(Weather { cut: 300, ..Weather::CALM });
    let mut finished = draft.finish(size, &landed).await;
    for _ in 0..TRIES {
        // Again where nothing happened yet: finishing twice is fine.
        if finished.is_ok() && proxy.tally().cut > 0 {
            break;
        }
        finished = store.open_draft(&name, &draft.place()).await?.finish(size, &landed).await;
    }
    finished?;
    ensure!(proxy.tally().cut > 0, "the weather was not bad");
    proxy.set_weather(Weather::CALM);
    let blob = store.open_sealed(&name, &key, size).await?;
    ensure!(blob.read(0..size).try_collect::<Vec<_>>().await?.concat() == bytes, "other bytes");
    Ok(())
}

/// Writes from an offset to the end; what landed before an error is kept.
async fn write_on(
    draft: &Draft,
    key: &SealKey,
    offset: u64,
    bytes: Bytes,
    landed: &mut Vec<Landed>,
) -> Result<(), BlobError> {
    let mut writer = draft.write_from(key, offset);
    for start in (0..bytes.len()).step_by(PART_BYTES) {
        writer.write(bytes.slice(start..bytes.len().min(start + PART_BYTES))).await?;
        landed.extend(writer.checkpoint().await?);
    }
    landed.extend(writer.finish(true).await?.landed);
    Ok(())
}
