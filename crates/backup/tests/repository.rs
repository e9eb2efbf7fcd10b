//! What a repository promises, on memory and on a folder.

use std::io;

use anyhow::Result;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use kartei_backup::{
    BackupError, BackupKey, Cut, FILE_CHUNK_BYTES, FileEntry, PAGE_CHUNK_BYTES, Repository,
    Snapshot, Written,
};
use kartei_blob_store::{BlobName, BlobStore};
use serde_json::json;
use tempfile::TempDir;

const NOW: i64 = 1_795_392_000_000;
const PAGE: usize = PAGE_CHUNK_BYTES as usize;

fn key() -> BackupKey {
    BackupKey::from_bytes([7; 32])
}

fn memory() -> Result<BlobStore> {
    Ok(BlobStore::open("memory:", "unused".as_ref())?)
}

/// Bytes that no two places of which are alike.
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut noise = vec![0; bytes];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut noise);
    noise
}

fn body(bytes: &[u8]) -> impl futures_util::Stream<Item = io::Result<Bytes>> + Send + use<> {
    let pieces: Vec<_> = bytes.chunks(10_007).map(Bytes::copy_from_slice).map(Ok).collect();
    stream::iter(pieces)
}

async fn back_up(repository: &Repository, now: i64, files: &[(&str, &[u8])]) -> Result<Written> {
    let mut writer = repository.write(now).await?;
    for (path, bytes) in files {
        let size = writer.add(path, None, Cut::Every(PAGE_CHUNK_BYTES), body(bytes)).await?;
        assert_eq!(size, bytes.len() as u64);
    }
    Ok(writer.finish("1.2.3", json!({"engine": "test"})).await?)
}

async fn read(repository: &Repository, snapshot: &Snapshot, path: &str) -> Result<Vec<u8>> {
    let files = repository.files(snapshot).await?;
    let file = files.iter().find(|file| file.path == path).expect("the file is there");
    Ok(all(repository, file).await?)
}

async fn all(repository: &Repository, file: &FileEntry) -> Result<Vec<u8>, BackupError> {
    Ok(repository.read(file).try_collect::<Vec<_>>().await?.concat())
}

/// The blobs of chunks, in the order of their names.
async fn chunks(store: &BlobStore) -> Result<Vec<BlobName>> {
    let prefix = BlobName::new("chunks")?;
    let mut names: Vec<_> =
        store.list(Some(&prefix)).map_ok(|entry| entry.name).try_collect().await?;
    names.sort();
    Ok(names)
}

async fn replace(store: &BlobStore, name: &BlobName, bytes: Vec<u8>) -> Result<()> {
    store.delete(name).await?;
    store.put_bytes(name, Bytes::from(bytes)).await?;
    Ok(())
}

#[tokio::test]
async fn what_goes_in_comes_back_and_what_did_not_change_is_not_written_again() -> Result<()> {
    let folder = TempDir::new()?;
    let places = [memory()?, BlobStore::open("", &folder.path().join("backups"))?];
    for store in places {
        let repository = Repository::open_or_begin(store.clone(), key()).await?;
        let mut database = noise(1, 10 * PAGE + 5_000);
        let files: &[(&str, &[u8])] = &[("data/base", &database), ("empty", b""), ("small", b"x")];
        let first = back_up(&repository, NOW, files).await?;
        assert_eq!((first.snapshot.files, first.new_chunks), (3, 13), "11, one, and the list");
        assert_eq!(first.snapshot.bytes, database.len() as u64 + 1);
        let before = database.clone();
        database[3 * PAGE + 17] ^= 1;
        let files: &[(&str, &[u8])] = &[("data/base", &database), ("empty", b""), ("small", b"x")];
        let second = back_up(&repository, NOW + 60_000, files).await?;
        assert_eq!(second.new_chunks, 2, "the changed one and the list");
        assert!(second.new_bytes < 2 * PAGE as u64, "{}", second.new_bytes);

        let again = Repository::open(store, key()).await?;
        assert_eq!(again.ids().await?, [first.snapshot.id.clone(), second.snapshot.id.clone()]);
        assert_eq!(again.newest().await?, second.snapshot);
        assert!(read(&again, &first.snapshot, "data/base").await? == before);
        assert!(read(&again, &second.snapshot, "data/base").await? == database);
        assert_eq!(read(&again, &second.snapshot, "empty").await?, b"");
        let verified = again.verify(&again.ids().await?).await?;
        assert_eq!((verified.snapshots, verified.chunks), (2, 15));
        assert_eq!(verified.damages, []);
    }
    Ok(())
}

#[tokio::test]
async fn the_place_tells_nothing_of_the_contents() -> Result<()> {
    let folder = TempDir::new()?;
    let store = BlobStore::open("", folder.path())?;
    let repository = Repository::open_or_begin(store.clone(), key()).await?;
    let secret = "anna@example.org ".repeat(5_000);
    back_up(&repository, NOW, &[("people/anna", secret.as_bytes())]).await?;
    let digest = blake3::hash(secret.as_bytes()).to_hex().to_string();
    let mut blobs = store.list(None);
    while let Some(entry) = blobs.try_next().await? {
        let bytes = store.get(&entry.name).await?;
        let text = format!("{} {}", entry.name, String::from_utf8_lossy(&bytes));
        assert!(!text.contains("anna") && !text.contains(&digest), "{}", entry.name);
    }
    Ok(())
}

#[tokio::test]
async fn another_key_is_refused_before_anything_is_read_or_written() -> Result<()> {
    let store = memory()?;
    let other = BackupKey::from_bytes([8; 32]);
    let missing = Repository::open(store.clone(), key()).await.unwrap_err();
    assert!(matches!(missing, BackupError::NoRepository { .. }), "{missing}");
    let repository = Repository::open_or_begin(store.clone(), key()).await?;
    back_up(&repository, NOW, &[("a", b"abc")]).await?;
    let count = store.list(None).count().await;
    for refused in [
        Repository::open(store.clone(), other.clone()).await,
        Repository::open_or_begin(store.clone(), other).await,
    ] {
        let error = refused.unwrap_err();
        assert!(matches!(error, BackupError::OtherKey { .. }), "{error}");
    }
    assert_eq!(store.list(None).count().await, count);
    let foreign = memory()?;
    foreign.put_bytes(&BlobName::new("something")?, Bytes::from("else")).await?;
    let error = Repository::open_or_begin(foreign, key()).await.unwrap_err();
    assert!(matches!(error, BackupError::NotEmpty { .. }), "{error}");
    Ok(())
}

#[tokio::test]
async fn what_is_damaged_or_missing_is_named() -> Result<()> {
    let store = memory()?;
    let repository = Repository::open_or_begin(store.clone(), key()).await?;
    let database = noise(2, 3 * PAGE);
    let written = back_up(&repository, NOW, &[("base", &database)]).await?;
    let files = repository.files(&written.snapshot).await?;
    let sound: Vec<(BlobName, Bytes)> = {
        let mut sound = Vec::new();
        for name in chunks(&store).await? {
            let bytes = store.get(&name).await?;
            sound.push((name, bytes));
        }
        sound
    };
    assert_eq!(sound.len(), 4);
    for (name, bytes) in &sound {
        let mut changed = bytes.to_vec();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        // Changed, cut, of another chunk, gone.
        let other = &sound.iter().find(|(other, _)| other != name).expect("there are four").1;
        for wrong in [Some(changed), Some(bytes[..20].to_vec()), Some(other.to_vec()), None] {
            let is_gone = wrong.is_none();
            match wrong {
                Some(wrong) => replace(&store, name, wrong).await?,
                None => store.delete(name).await?,
            }
            let verified = repository.verify(&repository.ids().await?).await?;
            let [damage] = verified.damages.as_slice() else {
                panic!("{:?} is not one damage", verified.damages)
            };
            let word = if is_gone { "missing" } else { "damaged" };
            assert!(damage.reason.contains(word), "{damage}");
            assert!(damage.reason.contains(name.as_str()), "{damage}");
            assert_eq!(damage.snapshots, std::slice::from_ref(&written.snapshot.id));
            let is_list = repository.files(&written.snapshot).await.is_err();
            assert_eq!(is_list, all(&repository, &files[0]).await.is_ok(), "one of both fails");
            if !is_list {
                // The next backup has it again where it is gone, as the database is still there.
                let again = back_up(&repository, NOW + 1_000, &[("base", &database)]).await?;
                assert_eq!(again.new_chunks > 0, is_gone);
                store.delete(&BlobName::new(format!("snapshots/{}", again.snapshot.id))?).await?;
            }
        }
        replace(&store, name, bytes.to_vec()).await?;
    }
    let blob = BlobName::new(format!("snapshots/{}", written.snapshot.id))?;
    replace(&store, &blob, b"nonsense".to_vec()).await?;
    let verified = repository.verify(&repository.ids().await?).await?;
    assert_eq!(verified.damages.len(), 1, "{:?}", verified.damages);
    assert!(repository.newest().await.unwrap_err().to_string().contains("damaged"));
    Ok(())
}

#[tokio::test]
async fn a_snapshot_under_another_name_is_refused() -> Result<()> {
    let store = memory()?;
    let repository = Repository::open_or_begin(store.clone(), key()).await?;
    let first = back_up(&repository, NOW, &[("a", b"1")]).await?.snapshot.id;
    let second = back_up(&repository, NOW + 9_000, &[("a", b"2")]).await?.snapshot.id;
    // Somebody who has the place and not the key puts the old one in the place of the new one.
    let old = store.get(&BlobName::new(format!("snapshots/{first}"))?).await?;
    replace(&store, &BlobName::new(format!("snapshots/{second}"))?, old.to_vec()).await?;
    let error = repository.newest().await.unwrap_err();
    assert!(matches!(error, BackupError::DamagedSnapshot { .. }), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_backup_that_broke_off_is_none_and_its_chunks_are_used() -> Result<()> {
    let repository = Repository::open_or_begin(memory()?, key()).await?;
    let database = noise(3, 6 * PAGE);
    let mut writer = repository.write(NOW).await?;
    let broken = body(&database[..4 * PAGE]).chain(stream::iter([Err(io::Error::other("gone"))]));
    let error = writer.add("base", None, Cut::Every(PAGE_CHUNK_BYTES), broken).await.unwrap_err();
    assert!(error.to_string().contains("`base`"), "{error}");
    writer.give_up().await?;
    let error = repository.newest().await.unwrap_err();
    assert!(matches!(error, BackupError::NoSnapshot { .. }), "{error}");
    let mut writer = repository.write(NOW).await?;
    writer.add("base", None, Cut::Every(PAGE_CHUNK_BYTES), body(&database)).await?;
    drop(writer);
    assert_eq!(repository.ids().await?, [], "dropped as by a program that died");
    let written = back_up(&repository, NOW + 1, &[("base", &database)]).await?;
    assert!(written.new_chunks < 7, "{}", written.new_chunks);
    assert!(read(&repository, &written.snapshot, "base").await? == database);
    Ok(())
}

#[tokio::test]
async fn a_file_that_is_known_again_is_not_read() -> Result<()> {
    let store = memory()?;
    let repository = Repository::open_or_begin(store.clone(), key()).await?;
    let picture = noise(4, 9_000_000);
    let mut writer = repository.write(NOW).await?;
    assert!(!writer.keep("blobs/1", 9_000_000, "monday"));
    let stamp = Some("monday".to_owned());
    writer.add("blobs/1", stamp, Cut::Every(FILE_CHUNK_BYTES), body(&picture)).await?;
    writer.finish("1", json!(null)).await?;

    let mut writer = repository.write(NOW + 1_000).await?;
    assert!(!writer.keep("blobs/1", 9_000_000, "tuesday"));
    assert!(!writer.keep("blobs/1", 9_000_001, "monday"));
    assert!(writer.keep("blobs/1", 9_000_000, "monday"));
    let written = writer.finish("1", json!(null)).await?;
    assert_eq!(written.new_chunks, 0, "even the list is the same");
    assert!(read(&repository, &written.snapshot, "blobs/1").await? == picture);

    store.delete(&chunks(&store).await?[0]).await?;
    let mut writer = repository.write(NOW + 2_000).await?;
    assert!(!writer.keep("blobs/1", 9_000_000, "monday"), "a chunk of it or of the list is gone");
    Ok(())
}

#[tokio::test]
async fn forgetting_keeps_what_the_kept_ones_need() -> Result<()> {
    let store = memory()?;
    let repository = Repository::open_or_begin(store.clone(), key()).await?;
    let mut database = noise(5, 4 * PAGE);
    let mut ids = Vec::new();
    for number in 0..4_u8 {
        database[usize::from(number) * PAGE] ^= 1;
        let now = NOW + i64::from(number) * 1_000;
        ids.push(back_up(&repository, now, &[("base", &database)]).await?.snapshot.id);
    }
    let forgotten = repository.forget(2).await?;
    assert_eq!(forgotten.snapshots, ids[..2]);
    assert!(forgotten.chunks >= 4, "{forgotten:?}");
    assert_eq!(repository.ids().await?, ids[2..]);
    assert_eq!(repository.verify(&ids[2..]).await?.damages, []);
    assert!(read(&repository, &repository.newest().await?, "base").await? == database);
    let nothing = repository.forget(2).await?;
    assert_eq!((nothing.snapshots.len(), nothing.chunks), (0, 0));
    assert_eq!(repository.forget(0).await?.snapshots.len(), 1, "the newest always stays");
    assert_eq!(repository.ids().await?, ids[3..]);
    Ok(())
}

#[tokio::test]
async fn nobody_forgets_while_somebody_writes() -> Result<()> {
    let store = memory()?;
    let repository = Repository::open_or_begin(store.clone(), key()).await?;
    back_up(&repository, NOW, &[("a", b"1")]).await?;
    let (writer, other) = (repository.write(NOW).await?, repository.write(NOW).await?);
    let error = repository.forget(1).await.unwrap_err();
    assert!(matches!(error, BackupError::InUse { .. }), "{error}");
    other.give_up().await?;
    // Somebody thinks that it died.
    let marks = BlobName::new("marks")?;
    let mark = store.list(Some(&marks)).try_next().await?.expect("there is one");
    store.delete(&mark.name).await?;
    repository.forget(1).await?;
    let error = writer.finish("1", json!(null)).await.unwrap_err();
    assert!(matches!(error, BackupError::MarkLost { .. }), "{error}");
    assert_eq!(repository.ids().await?.len(), 1);
    assert_eq!(store.list(Some(&marks)).count().await, 0, "nobody is at work any more");
    Ok(())
}

#[tokio::test]
async fn notes_are_kept_once_and_a_damaged_one_hides_no_other() -> Result<()> {
    let store = memory()?;
    let repository = Repository::open_or_begin(store.clone(), key()).await?;
    assert!(repository.note(NOW, b"one").await?);
    assert!(!repository.note(NOW + 1_000, b"one").await?, "said already");
    assert!(repository.note(NOW + 2_000, b"two").await?);
    let texts = |notes: Vec<Result<kartei_backup::Note, String>>| -> Vec<String> {
        let text = |note: kartei_backup::Note| String::from_utf8_lossy(&note.text).into_owned();
        notes.into_iter().map(|note| note.map_or_else(|_| "damaged".to_owned(), text)).collect()
    };
    assert_eq!(texts(repository.notes().await?), ["two", "one"]);
    back_up(&repository, NOW + 3_000, &[("a", b"1")]).await?;
    repository.forget(1).await?;
    assert_eq!(repository.notes().await?.len(), 2, "they outlive backups");
    let mut names: Vec<BlobName> =
        store.list(Some(&BlobName::new("notes")?)).map_ok(|entry| entry.name).try_collect().await?;
    names.sort();
    replace(&store, &names[1], b"nonsense".to_vec()).await?;
    assert_eq!(texts(repository.notes().await?), ["damaged", "one"]);
    assert!(repository.note(NOW + 4_000, b"two").await?, "said again where it cannot be read");
    Ok(())
}

#[tokio::test]
async fn a_file_that_is_cut_by_its_source_writes_only_the_pieces_that_are_new() -> Result<()> {
    let store = memory()?;
    let repository = Repository::open_or_begin(store.clone(), key()).await?;
    let pieces: Vec<Vec<u8>> =
        (0_u16..12).map(|n| noise(n.into(), 1_000 + 700 * usize::from(n))).collect();
    // What came between moves everything behind it.
    let mut more = pieces.clone();
    more.insert(3, noise(99, 333));
    for (now, pieces, new) in [(NOW, &pieces, 12), (NOW + 1, &more, 1)] {
        let mut writer = repository.write(now).await?;
        let body = pieces.iter().cloned().map(Bytes::from).map(Ok::<_, io::Error>);
        writer.add("rows", None, Cut::AtPieces, stream::iter(body)).await?;
        let written = writer.finish("1.2.3", json!({})).await?;
        // And the list of files.
        assert_eq!(written.new_chunks, new + 1);
        assert_eq!(read(&repository, &written.snapshot, "rows").await?, pieces.concat());
    }
    assert!(repository.verify(&repository.ids().await?).await?.damages.is_empty());
    Ok(())
}
