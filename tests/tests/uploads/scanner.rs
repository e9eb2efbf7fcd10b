//! What an operator's scanner says decides whether a file is given out.

#![cfg(unix)]

use std::os::unix::fs::PermissionsExt as _;

use kartei_test_support::{Http, until_some};

use super::*;

/// A scanner as operators write them: a script around a program that reads standard input. It fails until the file
/// `works` is there.
const SCANNER: &str = "#!/bin/sh
folder=$(dirname \"$0\")
text=$(cat)
test -e \"$folder/works\" || exit 2
case \"$text\" in
  *infected*) exit 1 ;;
  *riddle*) exit 3 ;;
esac
";

struct Scanned {
    service: Service,
    folder: tempfile::TempDir,
}

fn scanned(settings: &[(&str, &str)]) -> Result<Scanned> {
    let folder = tempfile::tempdir()?;
    let program = folder.path().join("scanner");
    fs::write(&program, SCANNER)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    let program = program.display().to_string();
    let mut all = vec![("KARTEI_SCANNER", program.as_str())];
    all.extend(settings);
    Ok(Scanned { service: service_with(&all)?, folder })
}

impl Scanned {
    fn works(&self) -> Result<()> {
        Ok(fs::write(self.folder.path().join("works"), "")?)
    }

    fn scan(&self, file: &Value) -> Result<String> {
        let path = format!("/api/files/{}", text(file));
        Ok(text(&self.service.http.get(&path)?.expect(200)?.json()["scan"]).to_owned())
    }

    /// What it says once it has said something.
    fn verdict(&self, file: &Value) -> Result<String> {
        until_some(WITHIN, "the file is scanned", || {
            let scan = self.scan(file)?;
            Ok((scan != "pending").then_some(scan))
        })
    }

    fn serve(&self, file: &Value) -> Result<Reply> {
        self.service.http.get(&format!("/api/files/serve/{}", text(file)))
    }
}

#[test]
fn what_is_clean_is_given_out_and_what_is_not_is_held_back() -> Result<()> {
    let scanned = scanned(&[])?;
    scanned.works()?;
    let clean = scanned.service.upload("clean.txt", b"nothing special")?;
    assert_eq!(scanned.verdict(&clean)?, "clean");
    assert_eq!(scanned.serve(&clean)?.expect(200)?.body, b"nothing special");
    let infected = scanned.service.upload("bad.txt", b"this is infected")?;
    assert_eq!(scanned.verdict(&infected)?, "quarantined");
    assert_eq!(code(&scanned.serve(&infected)?.expect(409)?), "file_quarantined");
    let path = format!("/api/files/{}/import", text(&infected));
    let import = scanned.service.http.send("POST", &path, &[], &[])?.expect(409)?;
    assert_eq!(code(&import), "file_quarantined", "nor is it imported");
    // The same bytes under another name are the same bytes.
    let again = scanned.service.upload("good.txt", b"this is infected")?;
    assert_eq!(scanned.scan(&again)?, "quarantined");
    // What it cannot read is said, and given out.
    let riddle = scanned.service.upload("riddle.zip", b"a riddle")?;
    assert_eq!(scanned.verdict(&riddle)?, "not_scannable");
    scanned.serve(&riddle)?.expect(200)?;
    Ok(())
}

#[test]
fn what_is_too_large_for_the_scanner_says_so() -> Result<()> {
    let scanned = scanned(&[("KARTEI_SCAN_BYTES_MAX", "1000")])?;
    scanned.works()?;
    let large = scanned.service.upload("large.txt", &noise(81, 1_001))?;
    assert_eq!(scanned.scan(&large)?, "not_scannable");
    let fits = scanned.service.upload("fits.txt", &noise(82, 1_000))?;
    assert_eq!(scanned.verdict(&fits)?, "clean");
    Ok(())
}

#[test]
fn nothing_is_given_out_while_the_scanner_fails() -> Result<()> {
    let mut scanned = scanned(&[])?;
    let file = scanned.service.upload("a.txt", b"whatever")?;
    assert_eq!(scanned.scan(&file)?, "pending");
    assert_eq!(code(&scanned.serve(&file)?.expect(409)?), "file_quarantined");
    scanned.service.relay.kill()?;
    scanned.works()?;
    // Another process scans what the one before left.
    scanned.service.relay = scanned.service.home.start()?;
    let (relay, token) = (&scanned.service.relay, &scanned.service.token);
    scanned.service.http = Http::new(relay.url(), Some(token));
    assert_eq!(scanned.verdict(&file)?, "clean");
    scanned.serve(&file)?.expect(200)?;
    Ok(())
}
