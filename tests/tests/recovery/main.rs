//! A relay is backed up while it serves, destroyed and restored; its clients bring back what the backup
//! lacked, and nothing that was acknowledged is lost.

mod postgres;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kartei_test_support::{
    Client, Http, RelayHome, S3Kind, S3Server, Stage, repository, settle, write_lines,
};
use serde_json::{Value, json};

const BFI: &str = "tests/fixtures/data/bfi.ndjson.gz";

/// Bytes that do not get smaller.
fn noise(bytes: usize) -> Vec<u8> {
    let mut noise = vec![0; bytes];
    blake3::Hasher::new().update(b"recovery").finalize_xof().fill(&mut noise);
    noise
}

fn of_a_file(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// A relay's home that knows where its backups go.
fn with_vault(stage: &Stage, home: RelayHome, url: &str) -> Result<RelayHome> {
    let key = stage.path("backup.key").display().to_string();
    home.run(&["backup-key", &key])?.expect_code(0)?;
    Ok(home.with(&[("KARTEI_BACKUP_URL", url), ("KARTEI_BACKUP_KEY_FILE", &key)]))
}

fn back_up(home: &RelayHome) -> Result<Value> {
    home.run(&["backup", "--json"])?.expect_code(0)?.json()
}

/// All records that the relay has, as lines in their order.
fn at_the_relay(url: &str, token: &str) -> Result<Vec<String>> {
    let answer = Http::new(url, Some(token)).get("/profiles/export")?.expect(200)?;
    let mut lines: Vec<String> = answer.text().lines().map(str::to_owned).collect();
    lines.sort_unstable();
    Ok(lines)
}

fn at_a_desk(client: &Client) -> Result<Vec<String>> {
    let text = String::from_utf8(client.export()?)?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    Ok(lines)
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(unix)]
#[test]
fn what_a_relay_and_its_backups_write_is_for_its_account_alone() -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let stage = Stage::new()?;
    // As an account usually has it: others may read.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let home = stage.relay_home()?;
    let vault = stage.path("backups");
    let home = with_vault(&stage, home, &of_a_file(&vault))?;
    let home = home.with(&[("KARTEI_KEEP_FREE_PERCENT", "0")]);
    let relay = home.start()?;
    let http = Http::new(relay.url(), Some(&home.token("analyst", "Anna")?));
    let kind = [("content-type", "application/octet-stream")];
    let path = "/api/upload?action=create&complete=true&name=a.bin";
    http.send("POST", path, &kind, &noise(10_000))?.expect(201)?;
    back_up(&home)?;
    let mut seen = 0;
    for folder in [home.data(), &vault] {
        let mode = |path: &Path| Ok::<_, anyhow::Error>(fs::metadata(path)?.permissions().mode());
        ensure!(mode(folder)? & 0o077 == 0, "{} can be entered", folder.display());
        for file in files_below(folder)? {
            // Some live for a moment only.
            let Ok(about) = fs::metadata(&file) else { continue };
            ensure!(about.permissions().mode() & 0o077 == 0, "{} can be read", file.display());
            seen += 1;
        }
    }
    ensure!(seen > 4, "{seen} files were looked at");
    Ok(())
}

#[test]
fn nothing_acknowledged_is_lost_when_a_relay_is_destroyed_and_restored() -> Result<()> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?;
    let home = with_vault(&stage, home, &of_a_file(&stage.path("backups")))?;
    // Whoever runs this may have a full disk.
    let home = home.with(&[("KARTEI_KEEP_FREE_PERCENT", "0")]);
    let mut relay = home.start()?;
    let port = relay.port()?;
    let (anna, ben) = (stage.client("anna")?, stage.client("ben")?);
    let token = home.token("admin", "Anna")?;
    anna.login(relay.url(), &token)?;
    ben.login(relay.url(), &home.token("analyst", "Ben")?)?;
    anna.import(&[repository(BFI)])?;
    settle(&[&anna, &ben])?;
    let (file, bytes) = (stage.path("picture.bin"), noise(700_000));
    fs::write(&file, &bytes)?;
    let sent = anna.run(&["upload", &file.display().to_string()])?.done()?;
    let file_id = sent["uploads"][0]["file"].as_str().context("a file has an id")?.to_owned();

    // While somebody writes without a pause.
    let (is_over, written) = (AtomicBool::new(false), AtomicU32::new(0));
    let first = thread::scope(|scope| -> Result<Value> {
        let writer = scope.spawn(|| -> Result<()> {
            while !is_over.load(Ordering::Relaxed) || written.load(Ordering::Relaxed) == 0 {
                let tag = format!("round-{}", written.fetch_add(1, Ordering::Relaxed));
                ben.edit("bfi-61620", &["--add-tag", &tag])?;
                ben.sync()?;
            }
            Ok(())
        });
        let first = back_up(&home);
        is_over.store(true, Ordering::Relaxed);
        let wrote = writer.join().map_err(|_| anyhow::anyhow!("the writer broke down"))?;
        wrote?;
        first
    })?;
    ensure!(first["subject"]["lacking"] == json!([]), "{first}");
    anna.sync()?;
    anna.edit("bfi-61618", &["--add-tag", "between"])?;
    settle(&[&anna, &ben])?;
    let second = back_up(&home)?;
    let (whole, new) = (second["bytes"].as_u64(), second["new_bytes"].as_u64());
    ensure!(new.zip(whole).is_some_and(|(new, whole)| new * 4 < whole), "{second}");
    let listed = home.run(&["backups", "--json"])?.expect_code(0)?.json()?;
    ensure!(listed.as_array().is_some_and(|all| all.len() == 2), "{listed}");

    // Acknowledged after the backup: edits of both, new profiles, a deletion, an undone one.
    anna.edit("bfi-61617", &["--add-tag", "later"])?;
    ben.edit("bfi-61617", &["--set", "attributes.city=Bern"])?;
    ben.edit("bfi-61618", &["--add-tag", "later"])?;
    let more = stage.path("more.ndjson");
    let person = |n| json!({"schema": "user_profile.v1", "id": format!("later-{n}")});
    write_lines(&more, &(0..50).map(person).collect::<Vec<_>>())?;
    ben.import(&[&more])?;
    ben.run(&["delete", "bfi-61621"])?.expect_code(0)?;
    settle(&[&anna, &ben])?;
    let before = at_a_desk(&anna)?;
    ensure!(before == at_a_desk(&ben)? && before == at_the_relay(relay.url(), &token)?);

    relay.kill()?;
    fs::remove_dir_all(home.data())?;
    // Not acknowledged by anybody.
    ben.edit("bfi-61622", &["--add-tag", "alone"])?;
    let sound = home.run(&["verify"])?.expect_code(0)?;
    ensure!(sound.text().contains("is sound"), "{}", sound.text());
    home.run(&["restore"])?.expect_code(0)?;
    home.run(&["check"])?.expect_code(0)?;
    relay = home.start_on(port)?;
    let old = at_the_relay(relay.url(), &token)?;
    ensure!(old != before && old.len() == 2_800, "what came after the backup is not in it");

    settle(&[&ben, &anna])?;
    let after = at_a_desk(&anna)?;
    ensure!(after == at_a_desk(&ben)?, "the desks differ");
    ensure!(after == at_the_relay(relay.url(), &token)?, "the relay differs");
    let differs = after.iter().filter(|line| !before.contains(line)).collect::<Vec<_>>();
    ensure!(differs.len() == 1 && differs[0].contains("alone"), "{differs:?}");
    ensure!(after.len() == before.len(), "nothing that was acknowledged is lost");
    let fresh = stage.client("cleo")?;
    fresh.login(relay.url(), &home.token("viewer", "Cleo")?)?;
    fresh.sync()?;
    ensure!(after == at_a_desk(&fresh)?, "a new desk has it all");
    home.run(&["check"])?.expect_code(0)?;
    home.run(&["files", "check"])?.expect_code(0)?;
    let out = stage.path("picture.back").display().to_string();
    anna.run(&["download", &file_id, "--out", &out])?.done()?;
    ensure!(fs::read(&out)? == bytes, "the file comes back, with its key");

    // It goes on with the same backups, of the new history.
    let third = back_up(&home)?;
    ensure!(third["id"].as_str() > second["id"].as_str());
    let forgot = home.run(&["forget", "--keep", "1"])?.expect_code(0)?;
    ensure!(forgot.text().matches("Forgot").count() == 2, "{}", forgot.text());
    home.run(&["verify"])?.expect_code(0)?;
    Ok(())
}

/// A small relay that does not run, with one backup.
struct Small {
    stage: Stage,
    home: RelayHome,
}

fn small() -> Result<Small> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?;
    let home = with_vault(&stage, home, &of_a_file(&stage.path("backups")))?;
    back_up(&home)?;
    Ok(Small { stage, home })
}

#[test]
fn restoring_touches_nothing_that_is_there() -> Result<()> {
    let Small { stage, home } = small()?;
    let database = home.data().join("relay.sqlite");
    let before = fs::read(&database)?;
    let refused = home.run(&["restore"])?.expect_code(1)?;
    ensure!(refused.stderr().contains("not empty"), "{}", refused.stderr());
    ensure!(fs::read(&database)? == before);

    fs::remove_dir_all(home.data())?;
    // A mount point is there before, and what a restore left that was broken off is nobody's.
    fs::create_dir_all(home.data().join(".restoring-x"))?;
    fs::write(home.data().join(".restoring-x/relay.sqlite"), "half")?;
    let other = stage.path("other.key").display().to_string();
    home.run(&["backup-key", &other])?.expect_code(0)?;
    let wrong = home.clone().with(&[("KARTEI_BACKUP_KEY_FILE", &other)]);
    for command in [&["restore"][..], &["verify"], &["backups"], &["forget", "--keep", "1"]] {
        let refused = wrong.run(command)?.expect_code(1)?;
        ensure!(refused.stderr().contains("the key does not open"), "{}", refused.stderr());
        let secret = fs::read_to_string(&other)?;
        ensure!(!refused.stderr().contains(secret.trim()), "a key is shown to nobody");
    }
    ensure!(files_below(home.data())?.is_empty());
    home.run(&["restore"])?.expect_code(0)?;
    home.run(&["check"])?.expect_code(0)?;
    let left: Vec<PathBuf> = fs::read_dir(home.data())?
        .map(|entry| Ok(entry?.path()))
        .filter(|path| path.as_ref().is_ok_and(|path| path.to_string_lossy().contains("restoring")))
        .collect::<Result<_>>()?;
    ensure!(left.is_empty(), "{left:?}");
    Ok(())
}

#[test]
fn whatever_moment_it_dies_a_backup_is_whole_or_none_and_a_restore_can_begin_again() -> Result<()> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?;
    let home = with_vault(&stage, home, &of_a_file(&stage.path("backups")))?;
    let relay = home.start()?;
    let anna = stage.client("anna")?;
    anna.login(relay.url(), &home.token("analyst", "Anna")?)?;
    anna.import(&[repository(BFI)])?;
    settle(&[&anna])?;
    let port = relay.port()?;
    drop(relay);
    fs::write(home.data().join("blobs/blob"), noise(9_000_000))?;
    let moments = [5, 15, 25, 40, 60, 90, 130, 180, 250, 350].map(Duration::from_millis);
    let mut whole = 0;
    for moment in moments {
        whole += usize::from(home.run_or_kill(&["backup"], moment)?);
        // Before anything is there it is no place of backups yet.
        let listed = home.run(&["backups", "--json"])?;
        let count = match listed.code() {
            Some(0) => listed.json()?.as_array().map_or(0, Vec::len),
            _ => 0,
        };
        // One may have died after it was complete and before it said so.
        ensure!(count >= whole, "{count} of {whole}");
        whole = count;
    }
    let last = back_up(&home)?;
    home.run(&["verify"])?.expect_code(0)?;
    let left = files_below(&stage.path("backups/marks"))?;
    ensure!(left.len() <= moments.len(), "who ends takes the own mark away: {left:?}");

    fs::remove_dir_all(home.data())?;
    let is_there = || home.data().join("relay.sqlite").exists();
    for moment in moments {
        let done = home.run_or_kill(&["restore"], moment)?;
        ensure!(!done || is_there());
        if is_there() {
            break;
        }
        // Between two moves there is something that no relay takes for its own.
        if home.data().join("blobs").exists() {
            fs::remove_dir_all(home.data())?;
        }
    }
    if !is_there() {
        home.run(&["restore"])?.expect_code(0)?;
    }
    home.run(&["check"])?.expect_code(0)?;
    let relay = home.start_on(port)?;
    settle(&[&anna])?;
    ensure!(at_a_desk(&anna)?.len() == 2_800, "{last}");
    drop(relay);
    Ok(())
}

#[test]
fn what_is_damaged_is_named_and_not_restored() -> Result<()> {
    let Small { stage, home } = small()?;
    fs::remove_dir_all(home.data())?;
    let chunks = files_below(&stage.path("backups/chunks"))?;
    ensure!(!chunks.is_empty());
    for chunk in chunks {
        let name = chunk.file_name().context("a chunk has a name")?.to_string_lossy().into_owned();
        let sound = fs::read(&chunk)?;
        let mut changed = sound.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        for damaged in [Some(changed), None] {
            match damaged {
                Some(bytes) => fs::write(&chunk, bytes)?,
                None => fs::remove_file(&chunk)?,
            }
            let found = home.run(&["verify"])?.expect_code(1)?;
            ensure!(found.text().contains(&name), "{} lacks {name}", found.text());
            let refused = home.run(&["restore"])?.expect_code(1)?;
            ensure!(refused.stderr().contains(&name), "{}", refused.stderr());
            ensure!(files_below(home.data())?.is_empty(), "nothing by halves");
        }
        fs::write(&chunk, sound)?;
    }
    home.run(&["verify"])?.expect_code(0)?;
    home.run(&["restore"])?.expect_code(0)?;
    Ok(())
}

#[test]
fn what_cannot_be_backed_up_is_refused_in_words() -> Result<()> {
    let Small { stage, home } = small()?;
    let within = of_a_file(&home.data().join("backups"));
    let nowhere = stage.path("nowhere").display().to_string();
    let operator = home.data().join("operator.key");
    let key = fs::read_to_string(stage.path("backup.key"))?;
    let cases: [(&[(&str, &str)], &str); 3] = [
        (&[("KARTEI_BACKUP_URL", &within)], "own folder"),
        (&[("KARTEI_RELAY_DATA", &nowhere)], "no relay's database"),
        (&[("KARTEI_BACKUP_KEY_FILE", &nowhere)], "backup-key"),
    ];
    for (settings, words) in cases {
        // What is named on the command line or later in the environment counts.
        let refused = home.clone().with(settings).run(&["backup"])?.expect_code(1)?;
        ensure!(refused.stderr().contains(words), "{words}: {}", refused.stderr());
    }
    ensure!(!Path::new(&nowhere).exists(), "a wrong name makes no folder");
    fs::write(&operator, key)?;
    let refused = home.run(&["backup"])?.expect_code(1)?;
    ensure!(refused.stderr().contains("operator's key"), "{}", refused.stderr());
    Ok(())
}

#[test]
fn who_was_erased_after_the_backup_does_not_come_back_with_it() -> Result<()> {
    let Small { stage, home } = small()?;
    let mut relay = home.start()?;
    let (anna, ben) = (stage.client("anna")?, stage.client("ben")?);
    anna.login(relay.url(), &home.token("admin", "Anna")?)?;
    ben.login(relay.url(), &home.token("analyst", "Ben")?)?;
    let file = stage.path("people.ndjson");
    let person = |n| json!({"schema": "user_profile.v1", "id": format!("p-{n}")});
    write_lines(&file, &(0..30).map(person).collect::<Vec<_>>())?;
    anna.import(&[&file])?;
    settle(&[&anna, &ben])?;
    back_up(&home)?;
    // Ben does not hear of it before the relay is gone.
    home.admin(&["erase", "--org", "Test", "p-7"])?.expect_code(0)?;
    let noted = home.run(&["backup", "--erasures-only"])?.expect_code(0)?;
    ensure!(noted.text().contains("1 erasures"), "{}", noted.text());
    let port = relay.port()?;
    relay.kill()?;
    fs::remove_dir_all(home.data())?;
    ben.edit("p-7", &["--add-tag", "late"])?;
    let restored = home.run(&["restore"])?.expect_code(0)?;
    ensure!(restored.text().contains("1 erasures after the backup"), "{}", restored.text());
    relay = home.start_on(port)?;
    settle(&[&ben, &anna])?;
    for client in [&anna, &ben] {
        client.run(&["show", "p-7"])?.expect_code(1)?;
        ensure!(client.status()?["profiles"] == 29);
    }
    home.run(&["check"])?.expect_code(0)?;
    drop(relay);
    Ok(())
}

#[test]
fn backups_can_lie_in_a_bucket() -> Result<()> {
    let server = S3Server::start(S3Kind::S3sFs)?;
    let variable = |name| server.variable(name).context("the server has credentials");
    let (id, secret) = (variable("AWS_ACCESS_KEY_ID")?, variable("AWS_SECRET_ACCESS_KEY")?);
    let stage = Stage::new()?;
    let home = with_vault(&stage, stage.relay_home()?, &server.url("backups"))?;
    let home = home.with(&[
        ("KARTEI_BACKUP_AWS_ACCESS_KEY_ID", &id),
        ("KARTEI_BACKUP_AWS_SECRET_ACCESS_KEY", &secret),
    ]);
    let relay = home.start()?;
    let anna = stage.client("anna")?;
    anna.login(relay.url(), &home.token("analyst", "Anna")?)?;
    let file = stage.path("people.ndjson");
    let person = |n| json!({"schema": "user_profile.v1", "id": format!("p-{n}")});
    write_lines(&file, &(0..300).map(person).collect::<Vec<_>>())?;
    anna.import(&[&file])?;
    settle(&[&anna])?;
    back_up(&home)?;
    let again = back_up(&home)?;
    ensure!(again["new_chunks"].as_u64().is_some_and(|new| new <= 2), "{again}");
    drop(relay);
    fs::remove_dir_all(home.data())?;
    home.run(&["verify"])?.expect_code(0)?;
    home.run(&["restore"])?.expect_code(0)?;
    let relay = home.start()?;
    let fresh = stage.client("ben")?;
    fresh.login(relay.url(), &home.token("viewer", "Ben")?)?;
    fresh.sync()?;
    ensure!(at_a_desk(&fresh)?.len() == 300);
    Ok(())
}
