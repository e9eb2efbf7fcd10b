//! Cases for whole blobs that are sealed as they are stored: nobody who stores or reads them notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, ensure};
use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::future::BoxFuture;
use kartei_blob_store::{AtRest, BlobStore, BoxError, Digest, PART_BYTES, SealKey};

use crate::body::{noise, pieces};
use crate::cases::{Case, cases};
use crate::subject::{Subject, name};

pub(crate) fn all(subject: &Subject) -> Vec<Case<'_>> {
    cases![
        subject,
        what_is_sealed_reads_as_it_was_given,
        what_lies_plain_is_read_beside_it,
        another_key_opens_nothing
    ]
}

/// One key for everything below `sealed/…`, while it is asked for.
#[derive(Debug)]
struct Ring {
    key: Arc<SealKey>,
    seals: AtomicBool,
}

impl Ring {
    fn new() -> Result<Arc<Self>> {
        Ok(Arc::new(Self { key: Arc::new(SealKey::random()?), seals: AtomicBool::new(true) }))
    }
}

impl AtRest for Ring {
    fn covers(&self, scope: &str) -> bool {
        scope.starts_with("sealed/")
    }

    fn sealing<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<Arc<SealKey>>, BoxError>> {
        let key = self.seals.load(Ordering::Relaxed).then(|| Arc::clone(&self.key));
        Box::pin(async move { Ok(key) })
    }

    fn opening<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Arc<SealKey>, BoxError>> {
        let key = Arc::clone(&self.key);
        Box::pin(async move { Ok(key) })
    }
}

/// Sizes around what is written at once, and more than a part of S3 has.
fn sizes() -> [usize; 5] {
    [0, 1, 64 * 1024, 64 * 1024 + 1, PART_BYTES + 70_001]
}

async fn same(store: &BlobStore, at: &str, bytes: &Bytes) -> Result<()> {
    let reading = store.get_stream(&name(at), None).await?;
    ensure!(reading.entry.size_bytes == bytes.len() as u64, "{at}: {:?}", reading.entry);
    let read = reading.bytes.try_collect::<Vec<_>>().await?;
    ensure!(read.concat() == *bytes, "{at}: {} bytes came back otherwise", bytes.len());
    Ok(())
}

/// Whether what lies there shows something of what was given.
async fn shows(raw: &BlobStore, at: &str, bytes: &Bytes) -> Result<bool> {
    let lying =
        raw.get_stream(&name(at), None).await?.bytes.try_collect::<Vec<_>>().await?.concat();
    let some = bytes.get(..bytes.len().min(32)).unwrap_or_default();
    Ok(!some.is_empty() && some.len() > 8 && lying.windows(some.len()).any(|part| part == some))
}

async fn what_is_sealed_reads_as_it_was_given(subject: &Subject) -> Result<()> {
    let raw = subject.store.clone();
    let store = raw.clone().sealing(Ring::new()?);
    for (at, size) in sizes().into_iter().enumerate() {
        let bytes = noise(at as u64, size);
        let digest = Digest::of(&bytes);
        let stream = format!("sealed/{at}/stream");
        let stored = store.put_stream(&name(&stream), pieces(&bytes)).await?;
        ensure!(stored.digest == digest && stored.size_bytes == size as u64, "{stored:?}");
        // Again, in its place.
        store.put_stream(&name(&stream), pieces(&bytes)).await?;
        let whole = format!("sealed/{at}/whole");
        let stored = store.put_bytes(&name(&whole), bytes.clone()).await?;
        ensure!(stored.digest == digest && stored.size_bytes == size as u64, "{stored:?}");
        ensure!(
            store
                .put_bytes(&name(&whole), bytes.clone())
                .await
                .is_err_and(|e| e.is_already_exists())
        );
        ensure!(store.get(&name(&whole)).await? == bytes);
        let prefix = name(&format!("sealed/{at}"));
        let first = store.put_content_addressed(&prefix, pieces(&bytes)).await?;
        ensure!(first.digest == digest && first.size_bytes == size as u64, "{first:?}");
        ensure!(first.name.as_str().ends_with(&digest.to_string()) && !first.was_present);
        let again = store.put_content_addressed(&prefix, pieces(&bytes)).await?;
        ensure!(again.was_present && again.name == first.name);
        let announced = name(&format!("sealed/announced{at}"));
        let stored = store.put_announced(&announced, digest, pieces(&bytes)).await?;
        ensure!(stored.digest == digest && !stored.was_present, "{stored:?}");
        let wrong = store.put_announced(&announced, Digest::of(b"x"), pieces(&bytes)).await;
        ensure!(wrong.is_err(), "what was not announced is refused");
        for at in [&stream, &whole, &first.name.to_string(), &stored.name.to_string()] {
            same(&store, at, &bytes).await?;
            ensure!(!store.is_plain(&name(at)).await?, "{at}");
            ensure!(!shows(&raw, at, &bytes).await?, "{at} shows what it says");
        }
    }
    ensure!(subject.leftovers().await? == 0, "nothing is left behind");
    Ok(())
}

async fn what_lies_plain_is_read_beside_it(subject: &Subject) -> Result<()> {
    let (raw, ring) = (subject.store.clone(), Ring::new()?);
    let store = raw.clone().sealing(Arc::clone(&ring) as _);
    let bytes = noise(77, 100_000);
    let (plain, other) = ("sealed/beside/plain", "open/beside/plain");
    raw.put_stream(&name(plain), pieces(&bytes)).await?;
    same(&store, plain, &bytes).await?;
    ensure!(store.is_plain(&name(plain)).await?);
    // As what was there before is sealed.
    let reading = store.get_stream(&name(plain), None).await?.bytes;
    store.put_stream(&name(plain), reading).await?;
    ensure!(!store.is_plain(&name(plain)).await?);
    same(&store, plain, &bytes).await?;
    ring.seals.store(false, Ordering::Relaxed);
    let reading = store.get_stream(&name(plain), None).await?.bytes;
    store.put_stream(&name(plain), reading).await?;
    ensure!(store.is_plain(&name(plain)).await?);
    same(&raw, plain, &bytes).await?;
    ring.seals.store(true, Ordering::Relaxed);
    store.put_stream(&name(other), pieces(&bytes)).await?;
    ensure!(shows(&raw, other, &bytes).await?, "elsewhere nothing is sealed");
    for short in ["", "\u{ff}"] {
        let bytes = Bytes::from(short.to_owned());
        raw.put_stream(&name(plain), pieces(&bytes)).await?;
        same(&store, plain, &bytes).await?;
    }
    Ok(())
}

async fn another_key_opens_nothing(subject: &Subject) -> Result<()> {
    let raw = subject.store.clone();
    let (store, other) = (raw.clone().sealing(Ring::new()?), raw.sealing(Ring::new()?));
    let at = name("sealed/another/key");
    store.put_stream(&at, pieces(&noise(3, 1_000))).await?;
    let Err(error) = other.get(&at).await else { anyhow::bail!("it opens") };
    ensure!(error.to_string().contains("do not open"), "{error}");
    Ok(())
}
