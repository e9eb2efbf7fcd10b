//! The profiles of the chaos test and the files that bring them.
//!
//! Everybody has the base profiles from the beginning: all acts meet there. Files bring profiles of
//! their own, profiles that another file describes too, and other words about base profiles.

use anyhow::Result;
use kartei_test_support::{Dice, Stage, write_lines};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Base profiles stand in groups, by their ids.
pub(crate) const GROUPS: u64 = 12;
const GROUP_PROFILES: u64 = 20;

/// From this group on profiles are given back earlier states, which may take observations away.
const RESTORED_FROM: u64 = 6;

/// Files to import.
pub(crate) const FILES: u64 = 24;
const FILE_PROFILES: u64 = 120;

/// Profiles that the two files of a pair describe differently.
const SHARED_PROFILES: u64 = 15;

/// Base profiles that a file describes.
const FILE_BASE_PROFILES: u64 = 12;

/// Writes all files; number 0 holds the base profiles.
pub(crate) fn write(stage: &Stage) -> Result<()> {
    let base: Vec<Value> =
        (0..GROUPS * GROUP_PROFILES).map(|n| person(&base_id(n), 0, &[])).collect();
    write_lines(&path(stage, 0), &base)?;
    for number in 1..=FILES {
        let mut people: Vec<Value> = own_ids(number).map(|id| person(&id, number, &[])).collect();
        people.extend(shared_ids(number).map(|id| person(&id, number, &[])));
        people.extend(base_ids_of(number).map(|id| person(&id, number, &[file_signal(number)])));
        write_lines(&path(stage, number), &people)?;
    }
    Ok(())
}

/// Where a file lies.
pub(crate) fn path(stage: &Stage, number: u64) -> PathBuf {
    stage.path(&format!("file-{number}.ndjson.gz"))
}

fn base_id(n: u64) -> String {
    format!("base-{:02}-{:02}", n / GROUP_PROFILES, n % GROUP_PROFILES)
}

/// Ids of all base profiles.
pub(crate) fn base_ids() -> impl Iterator<Item = String> {
    (0..GROUPS * GROUP_PROFILES).map(base_id)
}

/// One of the base profiles.
pub(crate) fn some_base(dice: &mut Dice) -> String {
    base_id(dice.roll(GROUPS * GROUP_PROFILES))
}

/// One of the base profiles that earlier states are restored of.
pub(crate) fn some_restored(dice: &mut Dice) -> String {
    let from = RESTORED_FROM * GROUP_PROFILES;
    base_id(from + dice.roll(GROUPS * GROUP_PROFILES - from))
}

/// A filter for a group of base profiles.
pub(crate) fn some_group(dice: &mut Dice) -> String {
    format!("id:base-{:02}-*", dice.roll(GROUPS))
}

/// Ids of the profiles that only this file describes.
pub(crate) fn own_ids(number: u64) -> impl Iterator<Item = String> {
    (0..FILE_PROFILES).map(move |n| format!("made-{number:02}-{n:03}"))
}

/// Ids of the profiles that another file describes too.
pub(crate) fn shared_ids(number: u64) -> impl Iterator<Item = String> {
    let pair = number.div_ceil(2);
    (0..SHARED_PROFILES).map(move |n| format!("shared-{pair:02}-{n:02}"))
}

/// One of those.
pub(crate) fn some_shared(dice: &mut Dice) -> String {
    let pair = 1 + dice.roll(FILES / 2);
    format!("shared-{pair:02}-{:02}", dice.roll(SHARED_PROFILES))
}

/// Ids of the base profiles that this file describes.
pub(crate) fn base_ids_of(number: u64) -> impl Iterator<Item = String> {
    let all = GROUPS * GROUP_PROFILES;
    (0..FILE_BASE_PROFILES)
        .map(move |n| base_id((number * 7 + n * (all / FILE_BASE_PROFILES)) % all))
}

/// The signal of the observation that a file brings to base profiles.
pub(crate) fn file_signal(number: u64) -> String {
    format!("file-{number}")
}

fn person(id: &str, number: u64, more: &[String]) -> Value {
    let signals = ["visits".to_owned()];
    let observations: Vec<Value> = signals
        .iter()
        .chain(more)
        .map(|signal| json!({"signal": signal, "value": 1, "at": "2026-01-01T00:00:00Z"}))
        .collect();
    json!({
        "schema": "user_profile.v1", "id": id, "display_name": format!("Made by {number}"),
        "attributes": {"file": number, "city": "Bern"}, "tags": ["made"],
        "notes": "Nobody in particular.", "observations": observations
    })
}
