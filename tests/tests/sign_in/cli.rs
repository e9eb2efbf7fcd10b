//! Signing in from the command line: a browser is sent away and comes back to a port.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Child;
use std::time::Duration;

use anyhow::{Context, Result};
use kartei_test_support::{Client, Http};
use serde_json::{Value, json};

use crate::{Hall, ada, hall};

/// `kartei sign-in` that waits for a browser.
struct Waiting {
    child: Child,
    address: String,
}

fn begin(
    hall: &Hall,
    client: &Client,
    how: &[&str],
    variables: &[(&str, &OsStr)],
) -> Result<Waiting> {
    let mut child =
        client.start_told(&[&["sign-in", hall.relay.url()], how].concat(), variables)?;
    let said = BufReader::new(child.stderr.take().context("it is piped")?);
    let address = said.lines().map_while(Result::ok).find(|line| line.starts_with("http"));
    Ok(Waiting { child, address: address.context("an address to open")? })
}

impl Waiting {
    fn ended(mut self) -> Result<(Option<i32>, Value)> {
        let mut said = String::new();
        self.child.stdout.take().context("it is piped")?.read_to_string(&mut said)?;
        let code = self.child.wait()?.code();
        Ok((code, serde_json::from_str(&said).with_context(|| said)?))
    }
}

/// Opens what a browser was sent back to.
fn open(address: &str) -> Result<(u16, String)> {
    let path = address.splitn(4, '/').nth(3).context("a path")?;
    let base = address.strip_suffix(&format!("/{path}")).context("a base")?;
    let reply = Http::new(base, None).get(&format!("/{path}"))?;
    Ok((reply.status, reply.text()))
}

#[test]
fn a_browser_signs_the_command_line_in() -> Result<()> {
    let hall = hall(&[])?;
    hall.provider.person(ada(&["analysts"]));
    let client = hall.stage.client("ada")?;
    let waiting = begin(&hall, &client, &["--no-browser"], &[])?;
    let led = hall.provider.follow(&waiting.address)?;
    assert_eq!((led.host_str(), led.path()), (Some("127.0.0.1"), "/sign-in"));
    // Others on this machine may knock, and change nothing.
    let port = led.port().context("a port")?;
    for other in ["/favicon.ico", "/sign-in?code=guessed&state=guessed", "/"] {
        assert_eq!(open(&format!("http://127.0.0.1:{port}{other}"))?.0, 404, "{other}");
    }
    let (status, page) = open(led.as_str())?;
    assert!(status == 200 && page.contains("You can close this tab"), "{page}");
    let (code, said) = waiting.ended()?;
    assert_eq!((code, &said["relay"]), (Some(0), &json!(hall.relay.url())), "{said}");
    assert_eq!(said["role"], "analyst", "{said}");
    // What was kept is a token like any other: the next run needs nobody at a browser.
    client.settle()?;
    assert_eq!(client.status()?["state"], "up_to_date");
    Ok(())
}

#[test]
fn what_went_wrong_is_told_and_nobody_is_signed_in() -> Result<()> {
    let hall = hall(&[])?;
    let client = hall.stage.client("ada")?;
    let ended = |word: &str| -> Result<()> {
        let waiting = begin(&hall, &client, &["--no-browser"], &[])?;
        open(hall.provider.follow(&waiting.address)?.as_str())?;
        let (code, said) = waiting.ended()?;
        assert_eq!((code, &said["problem"]["code"]), (Some(1), &json!("sign_in_failed")), "{said}");
        assert!(said["problem"]["message"].as_str().unwrap_or_default().contains(word), "{said}");
        assert_eq!(client.status()?["state"], "local");
        Ok(())
    };
    hall.provider.deny(true);
    ended("access_denied")?;
    hall.provider.deny(false);
    hall.provider.person(ada(&["visitors"]));
    ended("none of your groups")?;
    let without = kartei_test_support::Stage::new()?;
    let relay = without.relay_home()?.start()?;
    let answer = client.run(&["sign-in", relay.url(), "--no-browser"])?;
    assert_eq!(answer.problem()?, "sign_in_failed");
    Ok(())
}

/// The system's way of opening something, which here notes what it was given.
#[cfg(target_os = "linux")]
#[test]
fn the_systems_browser_is_opened() -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let hall = hall(&[])?;
    let programs = hall.stage.path("programs");
    std::fs::create_dir(&programs)?;
    let noted = hall.stage.path("opened");
    let script =
        format!("#!/bin/sh\nprintf %s \"$1\" > '{0}.new' && mv '{0}.new' '{0}'\n", noted.display());
    let browser = programs.join("xdg-open");
    std::fs::write(&browser, script)?;
    std::fs::set_permissions(&browser, std::fs::Permissions::from_mode(0o755))?;
    let path = format!("{}:/usr/bin:/bin", programs.display());
    let client = hall.stage.client("ada")?;
    let waiting = begin(&hall, &client, &[], &[("PATH", OsStr::new(&path))])?;
    let opened = kartei_test_support::until_some(Duration::from_secs(20), "it is opened", || {
        Ok(std::fs::read_to_string(&noted).ok())
    })?;
    assert_eq!(opened, waiting.address);
    open(hall.provider.follow(&opened)?.as_str())?;
    assert_eq!(waiting.ended()?.0, Some(0));
    Ok(())
}
