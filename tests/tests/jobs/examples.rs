//! The examples with curl in the documents, run as they stand there by bash, with `RELAY`, `TOKEN`, `ADMIN_TOKEN` and
//! `JOB` set.

use std::process::Command;

use anyhow::{Context, Result};
use kartei_test_support::{gzipped, repository};
use serde_json::json;

use crate::{JSON, office, quality};

/// An error of the relay is one of the example. A stream that has no end is followed for some seconds: it has answered
/// by then.
const CURL: &str = r#"
set -euo pipefail
curl() {
    local within=60 fail=--fail-with-body
    # curl takes one of the two.
    case "$1" in -f*) fail=--fail ;; esac
    case "$*" in */profiles/changes*) within=5 ;; esac
    local status=0
    command curl --silent --show-error "$fail" --max-time "$within" "$@" || status=$?
    test "$status" = 0 || { test "$status" = 28 && test "$within" = 5; }
}
"#;

/// The commands with curl in a document's shell blocks, each with the lines that it goes on in.
fn commands(document: &str) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(repository(document))?;
    let mut found: Vec<String> = Vec::new();
    let (mut within, mut goes_on) = (false, false);
    for line in text.lines() {
        if line.starts_with("```") {
            within = line == "```sh";
        } else if within && (goes_on || line.starts_with("curl ")) {
            match found.last_mut().filter(|_| goes_on) {
                Some(command) => command.extend(["\n", line]),
                None => found.push(line.to_owned()),
            }
            goes_on = line.ends_with('\\');
        }
    }
    Ok(found)
}

#[test]
fn curl_does_what_the_documents_say() -> Result<()> {
    let office = office(&[], "bfi.ndjson.gz")?;
    let job = office.submit(&quality())?;
    let person = json!({"schema": "user_profile.v1", "id": "c-1042", "attributes": {}});
    let new = [JSON, ("if-none-match", "*")];
    let person = person.to_string();
    office.http.send("PUT", "/profiles/c-1042", &new, person.as_bytes())?.expect(201)?;
    // Who was erased does not come back: the file holds somebody else.
    let people = person.replace("c-1042", "c-1043");
    let folder = office.stage.path("examples");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("people.ndjson.gz"), gzipped(people.as_bytes())?)?;
    let (token, admin) = (office.home.token("analyst", "x")?, office.home.token("admin", "y")?);
    for (document, least) in [("docs/relay.md", 5), ("docs/jobs.md", 3), ("docs/analyses.md", 1)] {
        let commands = commands(document)?;
        assert!(commands.len() >= least, "{document} has {} examples", commands.len());
        for command in commands {
            let mut bash = Command::new("bash");
            bash.args(["-c", &format!("{CURL}\n{command}")]).current_dir(&folder);
            bash.env("RELAY", office.relay.url()).env("JOB", &job.job_id);
            bash.env("TOKEN", &token).env("ADMIN_TOKEN", &admin);
            let output = bash.output().context("bash runs")?;
            assert!(
                output.status.success(),
                "{document}: {command}\n{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
    assert!(std::fs::metadata(folder.join("vip.parquet"))?.len() > 0, "the export");
    office.http.get("/profiles/c-1042")?.expect(410)?;
    Ok(())
}

#[test]
fn a_calibration_is_made_and_activated_as_the_document_says() -> Result<()> {
    let office = office(&[], "bfi.ndjson.gz")?;
    let text = std::fs::read_to_string(repository("docs/behavior.md"))?;
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let examples: Vec<&str> = blocks.filter(|block| block.contains("$RELAY/")).collect();
    assert_eq!(examples.len(), 1, "docs/behavior.md has it");
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &examples.concat()])
        .current_dir(office.stage.path(""))
        .env("RELAY", office.relay.url())
        .env("TOKEN", office.home.token("analyst", "Night")?)
        .output()
        .context("bash runs")?;
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("event: completed") && said.contains("dry_run"), "{said}");
    let listed = office.http.get("/calibrations")?.expect(200)?.json();
    assert_eq!(listed["calibrations"][0]["stage"], "active", "{listed}");
    Ok(())
}
