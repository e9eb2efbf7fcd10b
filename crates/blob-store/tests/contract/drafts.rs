//! Cases for drafts and sealed blobs, on every backend.

use std::ops::Range;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures_util::TryStreamExt;
use kartei_blob_store::{
    BlobError, BlobName, BlobStore, Draft, Landed, SealKey, UNIT_BYTES, root_of, sealed_bytes,
};

use crate::body::{MIB, noise};
use crate::cases::{Case, cases};
use crate::subject::{Kind, Subject, name};

pub(crate) fn all(subject: &Subject) -> Vec<Case<'_>> {
    cases![
        subject,
        a_draft_is_seen_when_it_is_finished,
        sizes_around_units_come_back_sealed,
        an_empty_file_is_a_blob,
        pieces_come_in_any_order_by_several_writers,
        another_process_goes_on,
        finishing_twice_is_fine,
        what_is_not_whole_is_not_finished,
        an_aborted_draft_is_gone,
        drafts_of_one_name_do_not_meet,
        a_changed_blob_is_an_error,
        another_key_or_size_opens_nothing,
        writing_begins_with_a_piece,
        a_draft_is_read_before_its_end,
        drafts_are_listed,
    ]
}

/// Writes bytes from an offset on, with a checkpoint in the middle.
async fn write(
    draft: &Draft,
    key: &SealKey,
    offset: u64,
    bytes: &[u8],
    is_end: bool,
) -> Result<Vec<Landed>> {
    let mut writer = draft.write_from(key, offset);
    let mut landed = Vec::new();
    for (number, piece) in bytes.chunks(300_007).enumerate() {
        writer.write(Bytes::copy_from_slice(piece)).await?;
        if number == 7 {
            landed.extend(writer.checkpoint().await?);
        }
    }
    let settled = writer.finish(is_end).await?;
    landed.extend(settled.landed);
    let rest = if is_end { 0 } else { bytes.len() as u64 % draft.piece_bytes() };
    ensure!(settled.rest == bytes[bytes.len() - usize::try_from(rest)?..], "another rest");
    Ok(landed)
}

/// A finished blob of these bytes.
async fn stored(store: &BlobStore, name: &BlobName, bytes: &[u8]) -> Result<SealKey> {
    let (key, size) = (SealKey::random()?, bytes.len() as u64);
    let draft = store.begin_draft(name, Some(size)).await?;
    let landed = write(&draft, &key, 0, bytes, true).await?;
    ensure!(root_of(size, &landed) == Some(blake3::hash(bytes).into()), "another digest");
    draft.finish(size, &landed).await?;
    Ok(key)
}

async fn read(
    store: &BlobStore,
    name: &BlobName,
    key: &SealKey,
    size: usize,
    range: Range<u64>,
) -> Result<Vec<u8>, BlobError> {
    let blob = store.open_sealed(name, key, size as u64).await?;
    Ok(blob.read(range).try_collect::<Vec<_>>().await?.concat())
}

fn piece(draft: &Draft) -> usize {
    usize::try_from(draft.piece_bytes()).unwrap_or_default()
}

async fn a_draft_is_seen_when_it_is_finished(subject: &Subject) -> Result<()> {
    let (store, name, key) = (&subject.store, name("drafts/seen"), SealKey::random()?);
    let bytes = noise(31, 17 * MIB + 12_345);
    let size = bytes.len() as u64;
    let draft = store.begin_draft(&name, Some(size)).await?;
    let landed = write(&draft, &key, 0, &bytes, true).await?;
    ensure!(store.find(&name).await?.is_none(), "it is seen before it is finished");
    let names: Vec<_> = store.list(Some(&name)).try_collect().await?;
    ensure!(names.is_empty(), "{names:?}");
    draft.finish(size, &landed).await?;
    ensure!(store.head(&name).await?.size_bytes == sealed_bytes(size));
    ensure!(read(store, &name, &key, bytes.len(), 0..size).await? == bytes, "other bytes");
    let raw = store.get_stream(&name, None).await?.bytes.try_collect::<Vec<_>>().await?.concat();
    let is_plain = raw.windows(16).step_by(4096).any(|window| bytes[..64].starts_with(window));
    ensure!(!is_plain && raw[..64] != bytes[..64], "it lies there as it came");
    ensure!(store.list_drafts().await?.iter().all(|entry| entry.name != name));
    let ranges = [
        0..1,
        65_535..65_537,
        UNIT_BYTES - 1..UNIT_BYTES + 1,
        UNIT_BYTES..2 * UNIT_BYTES,
        3 * UNIT_BYTES + 200_000..9 * UNIT_BYTES + 5,
        size - 1..size,
        size - 12_346..size + 99,
        size..size + 1,
        5..5,
    ];
    for range in ranges {
        let expected = range.start.min(size)..range.end.min(size);
        let expected = &bytes[usize::try_from(expected.start)?..usize::try_from(expected.end)?];
        ensure!(
            read(store, &name, &key, bytes.len(), range.clone()).await? == expected,
            "{range:?}"
        );
    }
    Ok(())
}

async fn sizes_around_units_come_back_sealed(subject: &Subject) -> Result<()> {
    let sizes = [1, 4095, 4096, 65_536, 65_537, MIB - 1, MIB, MIB + 1, 2 * MIB, 3 * MIB + 4097];
    for size in sizes {
        let (name, bytes) = (name("drafts/sizes").join(&size.to_string())?, noise(32, size));
        let key = stored(&subject.store, &name, &bytes).await?;
        let read = read(&subject.store, &name, &key, size, 0..size as u64).await?;
        ensure!(read == bytes, "{size}: other bytes came back");
        ensure!(subject.store.head(&name).await?.size_bytes == sealed_bytes(size as u64));
    }
    Ok(())
}

async fn an_empty_file_is_a_blob(subject: &Subject) -> Result<()> {
    let (store, name) = (&subject.store, name("drafts/empty"));
    let key = stored(store, &name, b"").await?;
    ensure!(store.head(&name).await?.size_bytes == 0);
    ensure!(read(store, &name, &key, 0, 0..10).await?.is_empty());
    Ok(())
}

async fn pieces_come_in_any_order_by_several_writers(subject: &Subject) -> Result<()> {
    let (store, name, key) = (&subject.store, name("drafts/order"), SealKey::random()?);
    // Without the size, which costs nothing but the reservation.
    let draft = store.begin_draft(&name, None).await?;
    let piece = piece(&draft);
    let bytes = noise(33, 2 * piece + 1_000_001);
    let size = bytes.len() as u64;
    let at = |number: usize| (number * piece) as u64;
    let (first, last) = tokio::join!(
        write(&draft, &key, 0, &bytes[..piece], false),
        write(&draft, &key, at(2), &bytes[2 * piece..], true),
    );
    let second = write(&draft, &key, at(1), &bytes[piece..2 * piece], false).await?;
    let landed = [last?, first?, second].concat();
    ensure!(root_of(size, &landed) == Some(blake3::hash(&bytes).into()), "another digest");
    draft.finish(size, &landed).await?;
    ensure!(read(store, &name, &key, bytes.len(), 0..size).await? == bytes, "other bytes");
    Ok(())
}

async fn another_process_goes_on(subject: &Subject) -> Result<()> {
    let (store, name, key) = (&subject.store, name("drafts/other"), SealKey::random()?);
    let draft = store.begin_draft(&name, None).await?;
    let piece = piece(&draft);
    let bytes = noise(34, piece + piece / 3);
    let size = bytes.len() as u64;
    let mut writer = draft.write_from(&key, 0);
    writer.write(bytes.slice(..piece + 7)).await?;
    let mut landed = writer.checkpoint().await?;
    let place = draft.place();
    // The first one dies with something half written.
    drop((writer, draft));
    ensure!(landed.len() == 1 && landed[0].end() == piece as u64, "{landed:?}");
    let draft = store.open_draft(&name, &place).await?;
    ensure!(draft.piece_bytes() == piece as u64 && draft.place() == place);
    landed.extend(write(&draft, &key, piece as u64, &bytes[piece..], true).await?);
    ensure!(root_of(size, &landed) == Some(blake3::hash(&bytes).into()), "another digest");
    store.open_draft(&name, &place).await?.finish(size, &landed).await?;
    ensure!(read(store, &name, &key, bytes.len(), 0..size).await? == bytes, "other bytes");
    let wrong = store.open_draft(&name, "elsewhere:1:2").await;
    ensure!(wrong.is_err_and(|error| error.to_string().contains("another store")));
    Ok(())
}

async fn finishing_twice_is_fine(subject: &Subject) -> Result<()> {
    let (store, name, key) = (&subject.store, name("drafts/twice"), SealKey::random()?);
    let bytes = noise(35, 100_000);
    let size = bytes.len() as u64;
    let draft = store.begin_draft(&name, Some(size)).await?;
    let landed = write(&draft, &key, 0, &bytes, true).await?;
    draft.finish(size, &landed).await?;
    draft.finish(size, &landed).await?;
    store.open_draft(&name, &draft.place()).await?.finish(size, &landed).await?;
    abort_again(subject, &draft).await?;
    ensure!(read(store, &name, &key, bytes.len(), 0..size).await? == bytes, "other bytes");
    Ok(())
}

/// Aborts what is gone. s3s-fs refuses access to uploads that it does not know.
async fn abort_again(subject: &Subject, draft: &Draft) -> Result<()> {
    let aborted = draft.abort().await;
    let is_refused = matches!(aborted, Err(BlobError::Refused { .. }));
    ensure!(aborted.is_ok() || (is_refused && subject.is_s3s_fs()), "{aborted:?}");
    Ok(())
}

async fn what_is_not_whole_is_not_finished(subject: &Subject) -> Result<()> {
    let (store, name, key) = (&subject.store, name("drafts/whole"), SealKey::random()?);
    let draft = store.begin_draft(&name, None).await?;
    let piece = piece(&draft);
    let bytes = noise(36, 2 * piece + 5);
    let size = bytes.len() as u64;
    let head = write(&draft, &key, 0, &bytes[..piece], false).await?;
    let tail = write(&draft, &key, 2 * piece as u64, &bytes[2 * piece..], true).await?;
    for rows in [&head[..], &tail, &[head.clone(), tail.clone()].concat()] {
        let finished = draft.finish(size, rows).await;
        let is_incomplete = matches!(finished, Err(BlobError::DraftIncomplete { .. }));
        ensure!(is_incomplete && store.find(&name).await?.is_none(), "{finished:?}");
    }
    draft.abort().await?;
    Ok(())
}

async fn an_aborted_draft_is_gone(subject: &Subject) -> Result<()> {
    let (store, name, key) = (&subject.store, name("drafts/gone"), SealKey::random()?);
    let bytes = noise(37, 50_000);
    let draft = store.begin_draft(&name, Some(50_000)).await?;
    let landed = write(&draft, &key, 0, &bytes, true).await?;
    draft.abort().await?;
    abort_again(subject, &draft).await?;
    let opened = store.open_draft(&name, &draft.place()).await?;
    for draft in [draft, opened] {
        let finished = draft.finish(50_000, &landed).await;
        let is_gone = finished.as_ref().is_err_and(BlobError::is_not_found);
        ensure!(is_gone || (finished.is_err() && subject.is_s3s_fs()), "{finished:?}");
        let written = write(&draft, &key, 0, &bytes, true).await.err().context("it was written")?;
        let is_gone = written.downcast_ref().is_some_and(BlobError::is_not_found);
        ensure!(is_gone || subject.is_s3s_fs(), "{written:?}");
    }
    ensure!(store.find(&name).await?.is_none());
    Ok(())
}

async fn drafts_of_one_name_do_not_meet(subject: &Subject) -> Result<()> {
    let (store, name) = (&subject.store, name("drafts/same"));
    let (key, other_key) = (SealKey::random()?, SealKey::random()?);
    let (bytes, other) = (noise(38, 1_500_000), noise(39, 1_500_000));
    let size = bytes.len() as u64;
    let draft = store.begin_draft(&name, Some(size)).await?;
    let other_draft = store.begin_draft(&name, Some(size)).await?;
    ensure!(draft.place() != other_draft.place());
    let landed = write(&draft, &key, 0, &bytes, true).await?;
    let other_landed = write(&other_draft, &other_key, 0, &other, true).await?;
    draft.finish(size, &landed).await?;
    ensure!(read(store, &name, &key, bytes.len(), 0..size).await? == bytes, "other bytes");
    if !matches!(subject.kind, Kind::S3 { .. }) {
        let second = other_draft.finish(size, &other_landed).await;
        ensure!(second.as_ref().is_err_and(BlobError::is_already_exists), "{second:?}");
        ensure!(read(store, &name, &key, bytes.len(), 0..size).await? == bytes, "other bytes");
    }
    other_draft.abort().await?;
    Ok(())
}

async fn a_changed_blob_is_an_error(subject: &Subject) -> Result<()> {
    let (store, source, changed) = (&subject.store, name("drafts/right"), name("drafts/changed"));
    let bytes = noise(40, 2 * MIB + 70_000);
    let (size, stride) = (bytes.len(), MIB + 4096);
    let key = stored(store, &source, &bytes).await?;
    let raw = store.get(&source).await?;
    // Ciphertext, nonce, tag and mark, of a whole unit and of the last one.
    let flips =
        [0, 65_536, MIB + 3, MIB + 20, stride - 1, 2 * stride, raw.len() - 4096, raw.len() - 1];
    let mut wrong: Vec<(String, Vec<u8>)> = Vec::new();
    for at in flips {
        let mut copy = raw.to_vec();
        copy[at] ^= 0x10;
        wrong.push((format!("byte {at} changed"), copy));
    }
    let (head, tail) = (&raw[..stride], &raw[2 * stride..]);
    wrong.push(("units swapped".into(), [&raw[stride..2 * stride], head, tail].concat()));
    let mut copy = raw.to_vec();
    copy.copy_within(..65_536, 65_536);
    wrong.push(("a record twice".into(), copy));
    wrong.push(("cut".into(), raw[..raw.len() - 4096].to_vec()));
    wrong.push(("longer".into(), [&raw[..], &[0; 4096]].concat()));
    for (what, raw) in wrong {
        store.delete(&changed).await?;
        store.put_bytes(&changed, raw.into()).await?;
        let got = read(store, &changed, &key, size, 0..size as u64).await;
        let is_told = matches!(&got, Err(BlobError::Damaged { .. }));
        ensure!(is_told, "{what}: {:?}", got.map(|bytes| bytes.len()));
    }
    store.delete(&changed).await?;
    Ok(())
}

async fn another_key_or_size_opens_nothing(subject: &Subject) -> Result<()> {
    let (store, name) = (&subject.store, name("drafts/key"));
    let bytes = noise(41, MIB + 10);
    let key = stored(store, &name, &bytes).await?;
    let other = read(store, &name, &SealKey::random()?, bytes.len(), 0..10).await;
    ensure!(matches!(other, Err(BlobError::Damaged { .. })), "{other:?}");
    let longer = read(store, &name, &key, bytes.len() + 1, 0..bytes.len() as u64 + 1).await;
    ensure!(matches!(longer, Err(BlobError::Damaged { .. })), "{:?}", longer.map(|b| b.len()));
    let missing = read(store, &name.join("not")?, &key, 5, 0..5).await;
    ensure!(missing.as_ref().is_err_and(BlobError::is_not_found), "{missing:?}");
    Ok(())
}

async fn writing_begins_with_a_piece(subject: &Subject) -> Result<()> {
    let (store, name, key) = (&subject.store, name("drafts/begin"), SealKey::random()?);
    let draft = store.begin_draft(&name, None).await?;
    let written = draft.write_from(&key, 4096).write(Bytes::from("abc")).await;
    ensure!(written.is_err_and(|error| error.to_string().contains("multiple of a piece")));
    let behind = u64::MAX - u64::MAX % draft.piece_bytes();
    let written = draft.write_from(&key, behind).write(Bytes::from("abc")).await;
    ensure!(written.is_err_and(|error| error.to_string().contains("no file is as large")));
    draft.abort().await?;
    Ok(())
}

async fn a_draft_is_read_before_its_end(subject: &Subject) -> Result<()> {
    let (store, name, key) = (&subject.store, name("drafts/read"), SealKey::random()?);
    let bytes = noise(42, 2 * MIB + 100);
    let size = bytes.len() as u64;
    let draft = store.begin_draft(&name, Some(size)).await?;
    if matches!(subject.kind, Kind::S3 { .. }) {
        ensure!(draft.read(&key, size, 0..1).await.is_err(), "S3 gives nothing back");
        return Ok(draft.abort().await?);
    }
    write(&draft, &key, UNIT_BYTES, &bytes[MIB..], true).await?;
    let got = draft.read(&key, size, UNIT_BYTES + 5..size).await?.try_collect::<Vec<_>>().await?;
    ensure!(got.concat() == bytes[MIB + 5..], "other bytes");
    let missing = draft.read(&key, size, 0..5).await?.try_collect::<Vec<_>>().await;
    ensure!(matches!(missing, Err(BlobError::Damaged { offset: 0, .. })), "{missing:?}");
    draft.abort().await?;
    Ok(())
}

async fn drafts_are_listed(subject: &Subject) -> Result<()> {
    let (store, name) = (&subject.store, name("drafts/listed/a-b_c.d"));
    let draft = store.begin_draft(&name, Some(MIB as u64)).await?;
    let listed = store.list_drafts().await?;
    if matches!(subject.kind, Kind::S3 { .. }) {
        ensure!(listed.is_empty());
        return Ok(draft.abort().await?);
    }
    let entry = listed.iter().find(|entry| entry.name == name).context("it is not listed")?;
    ensure!(entry.place == draft.place());
    store.open_draft(&entry.name, &entry.place).await?.abort().await?;
    ensure!(store.list_drafts().await?.iter().all(|entry| entry.name != name));
    Ok(())
}
