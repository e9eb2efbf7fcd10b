//! Cases for every backend. Each uses names of its own.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use kartei_blob_store::{
    BlobError, ByteRange, Checked, Digest, NAME_BYTES_MAX, PART_BYTES, WHOLE_BYTES_MAX,
};
use tokio::sync::Notify;

use crate::body::{MIB, broken, noise, pieces, stalled};
use crate::subject::{Kind, Subject, name};

/// Time in which what a dropped put began must be gone, on a busy machine.
const GONE_WITHIN: Duration = Duration::from_secs(30);

/// More than the thousand that S3 lists in one answer.
const MANY: usize = 1_100;

pub(crate) type Case<'a> = (&'static str, Pin<Box<dyn Future<Output = Result<()>> + 'a>>);

macro_rules! cases {
    ($subject:expr, $($case:ident),+ $(,)?) => {
        vec![$((stringify!($case), Box::pin($case($subject)) as _)),+]
    };
}
pub(crate) use cases;

pub(crate) fn all(subject: &Subject) -> Vec<Case<'_>> {
    cases![
        subject,
        the_check_passes_and_leaves_nothing,
        what_was_put_comes_back,
        an_empty_blob_is_a_blob,
        a_long_stream_comes_back_with_its_digest,
        sizes_around_a_part_come_back,
        ranges_are_cut_as_http_says,
        a_missing_blob_is_told_apart,
        deleting_twice_is_fine,
        a_list_has_all_below_a_prefix,
        a_taken_name_is_not_created_again,
        of_creators_at_once_one_wins,
        a_put_replaces_as_a_whole,
        a_dropped_put_leaves_nothing,
        a_failed_put_leaves_nothing,
        every_allowed_character_comes_back,
        equal_contents_are_one_blob,
        equal_contents_at_once_are_one_blob,
        announced_contents_are_checked,
        equal_announced_contents_at_once_are_one_blob,
        what_is_too_large_is_refused,
    ]
}

async fn the_check_passes_and_leaves_nothing(subject: &Subject) -> Result<()> {
    let honours_create = subject.honours_create();
    ensure!(subject.store.check().await? == Checked { honours_create });
    let left: Vec<_> = subject.store.list(None).try_collect().await?;
    ensure!(left.is_empty(), "left: {left:?}");
    Ok(())
}

async fn what_was_put_comes_back(subject: &Subject) -> Result<()> {
    let (store, name) = (&subject.store, name("round/trip"));
    let stored = store.put_bytes(&name, Bytes::from("abc")).await?;
    ensure!(stored.name == name && stored.size_bytes == 3 && !stored.was_present);
    ensure!(stored.digest == Digest::of(b"abc"));
    ensure!(store.get(&name).await? == "abc");
    let entry = store.head(&name).await?;
    ensure!(entry.name == name && entry.size_bytes == 3);
    let reader = &b"from a reader"[..];
    store.put_reader(&name, reader).await?;
    ensure!(store.get(&name).await? == reader);
    Ok(())
}

async fn an_empty_blob_is_a_blob(subject: &Subject) -> Result<()> {
    let (store, nothing) = (&subject.store, Bytes::new());
    let (streamed, whole) = (name("empty/streamed"), name("empty/whole"));
    ensure!(store.put_stream(&streamed, pieces(&nothing)).await?.digest == Digest::of(b""));
    store.put_bytes(&whole, nothing.clone()).await?;
    for name in [&streamed, &whole] {
        ensure!(store.get(name).await?.is_empty());
        ensure!(store.head(name).await?.size_bytes == 0);
        let range = store.get_stream(name, Some(ByteRange::From(0))).await;
        ensure!(matches!(range, Err(BlobError::Range { size_bytes: 0, .. })), "{range:?}");
    }
    let content = store.put_content_addressed(&name("empty/content"), pieces(&nothing)).await?;
    ensure!(store.head(&content.name).await?.size_bytes == 0);
    Ok(())
}

async fn a_long_stream_comes_back_with_its_digest(subject: &Subject) -> Result<()> {
    let (store, name) = (&subject.store, name("long/stream"));
    let bytes = noise(1, 40 * MIB);
    let stored = store.put_stream(&name, pieces(&bytes)).await?;
    ensure!(stored.digest == Digest::of(&bytes) && stored.size_bytes == bytes.len() as u64);
    ensure!(store.get(&name).await? == bytes, "other bytes came back");
    let reading = store.get_stream(&name, None).await?;
    ensure!(reading.range == (0..bytes.len() as u64));
    let pieces: Vec<Bytes> = reading.bytes.try_collect().await?;
    let is_memory = matches!(subject.kind, Kind::Memory);
    ensure!(pieces.len() > 1 || is_memory, "a blob that was held in memory as a whole");
    ensure!(pieces.concat() == bytes, "other bytes were streamed");
    Ok(())
}

async fn sizes_around_a_part_come_back(subject: &Subject) -> Result<()> {
    let (store, name) = (&subject.store, name("around/part"));
    for length in [PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES] {
        let bytes = noise(2, length);
        let stored = store.put_stream(&name, pieces(&bytes)).await?;
        ensure!(stored.digest == Digest::of(&bytes), "{length}");
        ensure!(store.get(&name).await? == bytes, "{length}: other bytes came back");
    }
    Ok(())
}

async fn ranges_are_cut_as_http_says(subject: &Subject) -> Result<()> {
    let (store, name) = (&subject.store, name("ranges/blob"));
    let bytes = noise(3, MIB);
    let size = bytes.len() as u64;
    store.put_bytes(&name, bytes.clone()).await?;
    let cases = [
        ByteRange::Between(0, 1),
        ByteRange::Between(700_000, 700_500),
        ByteRange::Between(0, size),
        ByteRange::Between(size - 1, size + 10),
        ByteRange::From(0),
        ByteRange::From(size - 1),
        ByteRange::Last(1),
        ByteRange::Last(size + 5),
    ];
    for range in cases {
        let expected = range.within(size).context("it is within")?;
        let reading = store.get_stream(&name, Some(range)).await?;
        ensure!(reading.range == expected && reading.entry.size_bytes == size, "{range:?}");
        let got: Vec<Bytes> = reading.bytes.try_collect().await?;
        let expected = usize::try_from(expected.start)?..usize::try_from(expected.end)?;
        ensure!(got.concat() == bytes[expected], "{range:?}");
    }
    let outside = [
        ByteRange::Between(size, size + 1),
        ByteRange::From(size),
        ByteRange::Between(5, 5),
        ByteRange::Last(0),
    ];
    for range in outside {
        let got = store.get_stream(&name, Some(range)).await;
        let is_refused =
            matches!(got, Err(BlobError::Range { size_bytes, .. }) if size_bytes == size);
        ensure!(is_refused, "{range:?}: {got:?}");
    }
    Ok(())
}

async fn a_missing_blob_is_told_apart(subject: &Subject) -> Result<()> {
    let store = &subject.store;
    store.put_bytes(&name("missing/there"), Bytes::from("x")).await?;
    let mut missing = vec![name("missing/blob"), name("missing/there/below")];
    if !subject.is_s3s_fs() {
        missing.push(name("missing"));
    }
    for missing in missing {
        let range = Some(ByteRange::Between(3, 5));
        let errors = [
            store.get(&missing).await.err(),
            store.head(&missing).await.err(),
            store.get_stream(&missing, None).await.err(),
            store.get_stream(&missing, range).await.err(),
        ];
        for error in errors {
            let error = error.with_context(|| format!("{missing} is there"))?;
            ensure!(error.is_not_found(), "{missing}: {error}");
            ensure!(error.to_string().contains(missing.as_str()), "{error}");
        }
        ensure!(store.find(&missing).await?.is_none());
    }
    Ok(())
}

async fn deleting_twice_is_fine(subject: &Subject) -> Result<()> {
    let (store, name) = (&subject.store, name("deleted/blob"));
    store.put_bytes(&name, Bytes::from("x")).await?;
    store.delete(&name).await?;
    ensure!(store.find(&name).await?.is_none());
    store.delete(&name).await?;
    if !subject.is_s3s_fs() {
        store.delete(&self::name("deleted")).await?;
    }
    store.delete(&self::name("never/was")).await?;
    Ok(())
}

async fn a_list_has_all_below_a_prefix(subject: &Subject) -> Result<()> {
    let store = &subject.store;
    let names: BTreeSet<_> = (0..MANY).map(|n| name(&format!("many/{}/{n}", n % 7))).collect();
    let beside = [name("many-more/1"), name("man/1")];
    stream::iter(names.iter().chain(&beside))
        .map(|name| store.put_bytes(name, Bytes::from("12345")))
        .buffer_unordered(16)
        .try_collect::<Vec<_>>()
        .await?;
    let list = async |prefix: &str| -> Result<BTreeSet<_>> {
        let entries: Vec<_> = store.list(Some(&name(prefix))).try_collect().await?;
        ensure!(entries.iter().all(|entry| entry.size_bytes == 5), "sizes");
        let names: BTreeSet<_> = entries.iter().map(|entry| entry.name.clone()).collect();
        ensure!(names.len() == entries.len(), "a name came twice");
        Ok(names)
    };
    ensure!(list("many").await? == names, "not the names below `many`");
    let sixth = names.iter().filter(|name| name.as_str().starts_with("many/6/")).cloned().collect();
    ensure!(list("many/6").await? == sixth, "not the names below `many/6`");
    ensure!(list("many/6/6").await?.is_empty(), "a blob is not below itself");
    ensure!(list("no/such").await?.is_empty());
    let all: BTreeSet<_> = store.list(None).map_ok(|entry| entry.name).try_collect().await?;
    ensure!(all.is_superset(&names) && beside.iter().all(|name| all.contains(name)));
    Ok(())
}

async fn a_taken_name_is_not_created_again(subject: &Subject) -> Result<()> {
    let (store, name) = (&subject.store, name("created/once"));
    store.put_bytes(&name, Bytes::from("first")).await?;
    let Err(error) = store.put_bytes(&name, Bytes::from("second")).await else {
        bail!("it was created twice");
    };
    ensure!(error.is_already_exists() && error.to_string().contains(name.as_str()), "{error}");
    ensure!(store.get(&name).await? == "first");
    Ok(())
}

async fn of_creators_at_once_one_wins(subject: &Subject) -> Result<()> {
    let (store, name) = (&subject.store, name("created/at-once"));
    let answers: Vec<_> = stream::iter(0..8)
        .map(|n| store.put_bytes(&name, Bytes::from(format!("creator {n}"))))
        .buffer_unordered(8)
        .collect()
        .await;
    let mut winners = Vec::new();
    for answer in answers {
        match answer {
            Ok(stored) => winners.push(stored.digest),
            Err(error) => ensure!(error.is_already_exists(), "{error}"),
        }
    }
    let found = Digest::of(&store.get(&name).await?);
    ensure!(winners.contains(&found), "the bytes are no winner's");
    ensure!(winners.len() == 1 || !subject.creates_in_one_step(), "{} won", winners.len());
    Ok(())
}

async fn a_put_replaces_as_a_whole(subject: &Subject) -> Result<()> {
    let (store, name) = (&subject.store, name("replaced/blob"));
    store.put_stream(&name, pieces(&noise(4, 10 * MIB))).await?;
    let reading = store.get_stream(&name, None).await?;
    ensure!(reading.entry.size_bytes == 10 * MIB as u64);
    store.put_stream(&name, pieces(&noise(5, MIB))).await?;
    ensure!(store.get(&name).await? == noise(5, MIB));
    Ok(())
}

async fn a_dropped_put_leaves_nothing(subject: &Subject) -> Result<()> {
    let (bytes, kept) = (noise(6, 3 * PART_BYTES), name("dropped/kept"));
    subject.store.put_bytes(&kept, Bytes::from("as it was")).await?;
    let gone = name("dropped/gone");
    for name in [&gone, &kept] {
        let reached = Arc::new(Notify::new());
        let put = subject.store.put_stream(name, stalled(&bytes, Arc::clone(&reached)));
        tokio::select! {
            stored = put => bail!("a stream without an end was stored: {stored:?}"),
            () = reached.notified() => {}
        }
    }
    let reached = Arc::new(Notify::new());
    let body = stalled(&bytes, Arc::clone(&reached));
    let prefix = name("dropped/content");
    tokio::select! {
        stored = subject.store.put_content_addressed(&prefix, body) => bail!("stored: {stored:?}"),
        () = reached.notified() => {}
    }
    ensure!(subject.store.get(&kept).await? == "as it was");
    nothing_left(subject, &[kept], "dropped").await
}

async fn a_failed_put_leaves_nothing(subject: &Subject) -> Result<()> {
    let (store, bytes) = (&subject.store, noise(7, 3 * PART_BYTES));
    let (streamed, prefix) = (name("failed/streamed"), name("failed/content"));
    let answers = [
        store.put_stream(&streamed, broken(&bytes)).await,
        store.put_content_addressed(&prefix, broken(&bytes)).await,
        store.put_announced(&prefix, Digest::of(&bytes), broken(&bytes)).await,
    ];
    for answer in answers {
        let Err(BlobError::Body { source, name }) = answer else { bail!("{answer:?}") };
        ensure!(source.to_string().contains("the sender went away") && !name.as_str().is_empty());
    }
    nothing_left(subject, &[], "failed").await
}

/// Below the prefix is only what is kept, and no file or upload is left behind it.
async fn nothing_left(
    subject: &Subject,
    kept: &[kartei_blob_store::BlobName],
    prefix: &str,
) -> Result<()> {
    let listed = subject.store.list(Some(&name(prefix)));
    let names: Vec<_> = listed.map_ok(|entry| entry.name).try_collect().await?;
    ensure!(names == kept, "there are {names:?}");
    let end = Instant::now() + GONE_WITHIN;
    loop {
        match subject.leftovers().await? {
            0 => return Ok(()),
            left if Instant::now() > end => bail!("{left} are left in {}", subject.store.place()),
            _ => tokio::task::yield_now().await,
        }
    }
}

async fn every_allowed_character_comes_back(subject: &Subject) -> Result<()> {
    let store = &subject.store;
    let longest = match subject.is_s3s_fs() {
        true => format!("chars/{}", "l".repeat(80)),
        false => format!("chars/{}/{}/{}", "l".repeat(200), "m".repeat(200), "n".repeat(104)),
    };
    let names = ["chars/abcdefghijklmnopqrstuvwxyz0123456789/a.b_c=d-e", "chars/-/=/_", &longest];
    let names: BTreeSet<_> = names.map(name).into();
    ensure!(longest.len() == NAME_BYTES_MAX || subject.is_s3s_fs());
    for name in &names {
        store.put_bytes(name, Bytes::from(name.to_string())).await?;
        ensure!(store.get(name).await? == name.as_str());
    }
    let listed = store.list(Some(&name("chars"))).map_ok(|entry| entry.name);
    ensure!(listed.try_collect::<BTreeSet<_>>().await? == names);
    for name in &names {
        store.delete(name).await?;
        ensure!(store.find(name).await?.is_none());
    }
    Ok(())
}

async fn equal_contents_are_one_blob(subject: &Subject) -> Result<()> {
    let (store, prefix) = (&subject.store, name("content/twice"));
    for bytes in [noise(8, 1000), noise(9, 2 * PART_BYTES + 1)] {
        let first = store.put_content_addressed(&prefix, pieces(&bytes)).await?;
        ensure!(first.name == prefix.join(&Digest::of(&bytes).to_string())? && !first.was_present);
        let second = store.put_content_addressed(&prefix, pieces(&bytes)).await?;
        ensure!(second.was_present && second.name == first.name);
        ensure!(store.get(&first.name).await? == bytes);
    }
    Ok(())
}

async fn equal_contents_at_once_are_one_blob(subject: &Subject) -> Result<()> {
    let (store, prefix) = (&subject.store, name("content/at-once"));
    let bytes = noise(10, 10 * MIB);
    let stored: Vec<_> = stream::iter(0..6)
        .map(|_| store.put_content_addressed(&prefix, pieces(&bytes)))
        .buffer_unordered(6)
        .try_collect()
        .await?;
    ensure!(stored.iter().all(|each| each.digest == Digest::of(&bytes)));
    let entries: Vec<_> = store.list(Some(&prefix)).try_collect().await?;
    ensure!(entries.len() == 1 && entries[0].size_bytes == bytes.len() as u64, "{entries:?}");
    ensure!(store.get(&entries[0].name).await? == bytes);
    Ok(())
}

async fn equal_announced_contents_at_once_are_one_blob(subject: &Subject) -> Result<()> {
    let (store, prefix) = (&subject.store, name("announced/at-once"));
    let bytes = noise(13, 3 * PART_BYTES + 1);
    let digest = Digest::of(&bytes);
    let stored: Vec<_> = stream::iter(0..6)
        .map(|_| store.put_announced(&prefix, digest, pieces(&bytes)))
        .buffer_unordered(6)
        .try_collect()
        .await?;
    ensure!(stored.iter().all(|each| each.size_bytes == bytes.len() as u64));
    ensure!(stored.iter().any(|each| !each.was_present), "somebody stored it");
    ensure!(store.get(&stored[0].name).await? == bytes);
    nothing_left(subject, &[stored[0].name.clone()], "announced/at-once").await
}

async fn announced_contents_are_checked(subject: &Subject) -> Result<()> {
    let (store, prefix) = (&subject.store, name("announced/checked"));
    let (right, wrong) = (noise(11, 2 * PART_BYTES + 7), noise(12, 2 * PART_BYTES + 7));
    let digest = Digest::of(&right);
    let Err(BlobError::DigestDiffers { expected, found, .. }) =
        store.put_announced(&prefix, digest, pieces(&wrong)).await
    else {
        bail!("other bytes than announced were stored");
    };
    ensure!(expected == digest && found == Digest::of(&wrong));
    nothing_left(subject, &[], "announced/checked").await?;
    let stored = store.put_announced(&prefix, digest, pieces(&right)).await?;
    ensure!(!stored.was_present && store.get(&stored.name).await? == right);
    let again = store.put_announced(&prefix, digest, pieces(&right)).await?;
    ensure!(again.was_present && again.size_bytes == stored.size_bytes);
    let guessed = store.put_announced(&prefix, digest, pieces(&wrong)).await;
    ensure!(matches!(guessed, Err(BlobError::DigestDiffers { .. })), "{guessed:?}");
    ensure!(store.get(&stored.name).await? == right, "a wrong body left the blob as it was");
    Ok(())
}

async fn what_is_too_large_is_refused(subject: &Subject) -> Result<()> {
    let (store, name) = (&subject.store, name("too/large"));
    let bytes = Bytes::from(vec![0; usize::try_from(WHOLE_BYTES_MAX)? + 1]);
    let put = store.put_bytes(&name, bytes.clone()).await;
    ensure!(matches!(put, Err(BlobError::TooLarge { .. })), "{put:?}");
    store.put_stream(&name, pieces(&bytes)).await?;
    let got = store.get(&name).await;
    ensure!(
        matches!(got, Err(BlobError::TooLarge { .. })),
        "of {:?}",
        got.map(|bytes| bytes.len())
    );
    store.delete(&name).await?;
    Ok(())
}
