//! What holds for a folder alone: where it is, what else may lie in it, and that it is read again.

use std::fs;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures_util::TryStreamExt;
use kartei_blob_store::{BlobName, BlobStore};

#[tokio::test]
async fn a_store_that_is_opened_again_has_its_blobs() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let name = BlobName::new("a/b")?;
    BlobStore::open("", folder.path())?.put_bytes(&name, Bytes::from("abc")).await?;
    let url = url::Url::from_file_path(folder.path()).ok().context("an absolute path")?;
    let again = BlobStore::open(url.as_str(), "elsewhere".as_ref())?;
    ensure!(again.get(&name).await? == "abc");
    ensure!(fs::read(folder.path().join("a").join("b"))? == b"abc", "a blob's path is its name");
    Ok(())
}

#[tokio::test]
async fn what_died_in_the_middle_is_no_blob() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let store = BlobStore::open("", folder.path())?;
    // As a process that was killed leaves it, and as other programs of the system do.
    fs::write(folder.path().join(".staging").join("put-x"), b"half")?;
    fs::write(folder.path().join("Thumbs.db"), b"not ours")?;
    let name = BlobName::new("whole")?;
    store.put_bytes(&name, Bytes::from("abc")).await?;
    let names: Vec<_> = store.list(None).map_ok(|entry| entry.name).try_collect().await?;
    ensure!(names == [name], "{names:?}");
    Ok(())
}

#[tokio::test]
async fn a_blob_below_a_blob_is_refused_and_said() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let store = BlobStore::open("", folder.path())?;
    let (above, below) = (BlobName::new("a")?, BlobName::new("a/b/c")?);
    store.put_bytes(&above, Bytes::from("abc")).await?;
    let error = store.put_bytes(&below, Bytes::from("x")).await.err().context("it was stored")?;
    ensure!(error.to_string().contains("the name of another blob"), "{error}");
    ensure!(store.get(&above).await? == "abc");
    Ok(())
}

#[test]
fn a_folder_that_cannot_be_one_is_said() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("file");
    fs::write(&file, b"")?;
    let error = BlobStore::open("", &file).err().context("a file is no folder")?.to_string();
    ensure!(error.contains("cannot be used") && error.contains("may write to"), "{error}");
    ensure!(error.contains(&*file.to_string_lossy()), "{error}");
    Ok(())
}
