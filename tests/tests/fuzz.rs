//! A short run of the fuzz targets: the committed corpus, and mutations of it. The same every time;
//! `KARTEI_SEED` and `KARTEI_MUTATIONS` make it another and a longer one. Long runs are libFuzzer's:
//! see `tests/fuzz/README.md`.

use std::fs;

use anyhow::{Context, Result, ensure};
use kartei_profile::RecordSchema;
use kartei_test_support::{Dice, repository};
use kartei_tests::fuzz::{TARGETS, Target};

/// Mutations of each file of a corpus.
const MUTATIONS: u32 = 400;

fn run(name: &str) -> Result<()> {
    let (_, target): (_, Target) =
        *TARGETS.iter().find(|(known, _)| *known == name).context("a target of this name")?;
    let schema = RecordSchema::user_profile_v1();
    let mutations = std::env::var("KARTEI_MUTATIONS").ok().and_then(|n| n.parse().ok());
    let mut dice =
        Dice::seeded(std::env::var("KARTEI_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(1));
    let mut files: Vec<_> = fs::read_dir(repository(&format!("tests/fuzz/corpus/{name}")))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.sort();
    ensure!(files.len() >= 3, "the corpus of {name} is missing");
    for file in files {
        let bytes = fs::read(&file)?;
        target(&schema, &bytes);
        for _ in 0..mutations.unwrap_or(MUTATIONS) {
            let mut mutated = bytes.clone();
            for _ in 0..=dice.roll(4) {
                mutate(&mut mutated, &mut dice)?;
            }
            target(&schema, &mutated);
        }
    }
    Ok(())
}

/// Changes, removes, doubles or inserts some bytes.
fn mutate(bytes: &mut Vec<u8>, dice: &mut Dice) -> Result<()> {
    let mut place = |length: usize| usize::try_from(dice.roll(length.max(1) as u64));
    let at = place(bytes.len())?;
    let length = place(8)?.min(bytes.len() - at.min(bytes.len()));
    let byte = u8::try_from(place(256)?)?;
    match place(4)? {
        0 if at < bytes.len() => bytes[at] = byte,
        1 => drop(bytes.drain(at..at + length)),
        2 => {
            let part = bytes[at..at + length].to_vec();
            bytes.splice(at..at, part);
        }
        _ => bytes.insert(at, byte),
    }
    Ok(())
}

#[test]
fn the_reader_of_files_takes_any_bytes() -> Result<()> {
    run("ndjson")
}

#[test]
fn the_record_parser_takes_any_bytes() -> Result<()> {
    run("record")
}

#[test]
fn the_filter_parser_takes_any_bytes() -> Result<()> {
    run("filter")
}

#[test]
fn the_decoders_of_documents_take_any_bytes() -> Result<()> {
    run("document")
}
