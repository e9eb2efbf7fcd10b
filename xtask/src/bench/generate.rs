//! Makes profiles: always the same ones, about nobody, about 1.3 KB each.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::exec;
use crate::workspace::Workspace;

/// Bump with every change of what is made: files of an older one are made anew.
const VERSION: u32 = 1;

const CITIES: &[&str] = &["Bern", "Graz", "Leipzig", "Basel", "Lyon", "Malmö", "Porto", "Gdańsk"];
const PLANS: &[&str] = &["basic", "plus", "family", "business"];
const TAGS: &[&str] = &["repeat", "newsletter", "b2b", "churn-risk", "beta", "paper-invoice"];
const SIGNALS: &[&str] = &["order_value", "order_items", "visit_minutes", "return_share"];
const WORDS: &[&str] =
    &["asked", "about", "delivery", "prefers", "mail", "over", "phone", "came", "back", "twice"];

/// Answers the file of `profiles` lines in `folder`, made where it is not there yet.
pub(crate) fn file(folder: &Path, profiles: u32) -> Result<PathBuf> {
    let path = folder.join(format!("made-{profiles}-v{VERSION}.ndjson.gz"));
    packed(path, profiles, (0..profiles).map(profile))
}

/// Answers the file of real answers to a questionnaire, each person of them there again and again under another id until
/// there are `profiles`.
pub(crate) fn answers(workspace: &Workspace, folder: &Path, profiles: u32) -> Result<PathBuf> {
    let path = folder.join(format!("answers-{profiles}-v{VERSION}.ndjson.gz"));
    let source = workspace.path("tests/fixtures/data/bfi.ndjson.gz");
    let text = exec::capture(Command::new("gzip").arg("-dc").arg(&source))?;
    let people: Vec<(&str, &str)> = text
        .lines()
        .map(|line| {
            let found = line.split_once(r#""id":"bfi-"#);
            found.with_context(|| format!("a line of {} has no id", source.display()))
        })
        .collect::<Result<_>>()?;
    let again = people.iter().cycle().zip(0..profiles);
    let lines = again.map(|((before, behind), at)| format!("{before}\"id\":\"{at:07}-{behind}\n"));
    packed(path, profiles, lines)
}

/// Writes lines into a file of gzip, where it is not there yet.
fn packed(path: PathBuf, profiles: u32, all: impl Iterator<Item = String>) -> Result<PathBuf> {
    if path.is_file() {
        return Ok(path);
    }
    println!("making {} …", path.display());
    let unfinished = path.with_extension("unfinished");
    // The system's gzip: this program links no compression.
    let mut gzip = Command::new("gzip")
        .args(["-6", "--no-name", "--stdout"])
        .stdin(Stdio::piped())
        .stdout(File::create(&unfinished)?)
        .spawn()
        .context("cannot start gzip")?;
    let mut lines = BufWriter::new(gzip.stdin.take().context("gzip reads a pipe")?);
    let mut bytes = 0_usize;
    for line in all {
        bytes += line.len();
        lines.write_all(line.as_bytes())?;
    }
    lines.flush()?;
    drop(lines);
    let status = gzip.wait()?;
    if !status.success() {
        bail!("gzip ended with {status}");
    }
    fs::rename(&unfinished, &path)?;
    println!("{profiles} profiles, {} bytes each on average", bytes / profiles as usize);
    Ok(path)
}

/// A small generator (SplitMix64), seeded with the profile's number.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        let position = usize::try_from(self.roll(from.len() as u64)).unwrap_or(0);
        from[position]
    }
}

fn profile(number: u32) -> String {
    let mut dice = Dice(u64::from(number) ^ 0x4b61_7274_6569);
    let observations: Vec<String> = (0..6 + dice.roll(6))
        .map(|_| {
            format!(
                r#"{{"signal":"{}","value":{}.{:02},"n":{},"at":"2025-{:02}-{:02}T{:02}:{:02}:00Z","source":"made"}}"#,
                dice.pick(SIGNALS),
                dice.roll(500),
                dice.roll(99) + 1,
                dice.roll(9) + 1,
                dice.roll(12) + 1,
                dice.roll(28) + 1,
                dice.roll(24),
                dice.roll(60),
            )
        })
        .collect();
    let first_tag = dice.roll(3);
    let tags: Vec<String> = TAGS
        .iter()
        .skip(usize::try_from(first_tag).unwrap_or(0))
        .step_by(2)
        .map(|tag| format!("\"{tag}\""))
        .collect();
    let notes: Vec<&str> = (0..16 + dice.roll(16)).map(|_| dice.pick(WORDS)).collect();
    format!(
        concat!(
            r#"{{"schema":"user_profile.v1","id":"made-{:07}","display_name":"Made Person {}","#,
            r#""attributes":{{"city":"{}","plan":"{}","orders":{},"revenue":{}.{:02},"#,
            r#""newsletter":{},"postcode":"{:05}","segment":null}},"tags":[{}],"notes":"{}","#,
            r#""consent":{{"analytics":{},"recorded_at":"2025-01-{:02}T08:00:00Z"}},"#,
            r#""observations":[{}],"created_at":"2024-{:02}-{:02}T00:00:00Z"}}"#,
            "\n"
        ),
        number,
        number,
        dice.pick(CITIES),
        dice.pick(PLANS),
        dice.roll(60),
        dice.roll(9_000),
        dice.roll(99) + 1,
        dice.roll(2) == 0,
        dice.roll(100_000),
        tags.join(","),
        notes.join(" "),
        dice.roll(4) != 0,
        dice.roll(28) + 1,
        observations.join(","),
        dice.roll(12) + 1,
        dice.roll(28) + 1,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_json_of_the_promised_size_and_always_the_same() {
        let lines: Vec<String> = (0..500).map(profile).collect();
        assert_eq!(lines[7], profile(7));
        for line in &lines {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(record["schema"], "user_profile.v1");
        }
        let average = lines.iter().map(String::len).sum::<usize>() / lines.len();
        assert!((1_200..=1_400).contains(&average), "{average} bytes a line");
    }
}
