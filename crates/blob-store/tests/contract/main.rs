//! What every blob store promises, on every backend: a folder, memory, and two S3 servers that are
//! started for it. One test is one backend with all cases, since a server takes a second to start;
//! a failure names its cases.

mod at_rest;
mod body;
mod cases;
mod drafts;
mod presigned;
mod s3;
mod subject;

use anyhow::{Result, bail};
use kartei_test_support::S3Kind;
use subject::Subject;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_keeps_the_contract() -> Result<()> {
    run(Subject::folder()?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_keeps_the_contract() -> Result<()> {
    run(Subject::memory()?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garage_keeps_the_contract() -> Result<()> {
    run(Subject::s3(S3Kind::Garage)?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3s_fs_keeps_the_contract() -> Result<()> {
    run(Subject::s3(S3Kind::S3sFs)?).await
}

async fn run(subject: Subject) -> Result<()> {
    let mut failed = Vec::new();
    let cases = cases::all(&subject).into_iter();
    let cases = cases
        .chain(at_rest::all(&subject))
        .chain(drafts::all(&subject))
        .chain(presigned::all(&subject))
        .chain(s3::all(&subject));
    for (name, case) in cases {
        let began = std::time::Instant::now();
        match case.await {
            Ok(()) => {
                println!("{}: {name}: passed in {:?}", subject.store.place(), began.elapsed());
            }
            Err(error) => failed.push(format!("{name}: {error:#}")),
        }
    }
    if !failed.is_empty() {
        bail!("{} cases failed:\n{}", failed.len(), failed.join("\n"));
    }
    Ok(())
}
