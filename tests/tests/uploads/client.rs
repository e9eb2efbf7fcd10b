//! Our own client against a real relay, through bad networks and deaths of either side.

use std::net::SocketAddr;
use std::path::PathBuf;

use kartei_test_support::{Client, FaultProxy, Weather, until};

use super::*;

impl Service {
    fn client(&self, name: &str, url: &str) -> Result<Client> {
        let client = self.stage.client(name)?;
        client.login(url, &self.token)?;
        Ok(client)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        let path = self.stage.path(name);
        fs::write(&path, bytes)?;
        Ok(path)
    }

    /// The file with this name as the relay has it.
    fn kept(&self, name: &str) -> Result<Vec<u8>> {
        let page = self.http.get("/api/files")?.expect(200)?.json();
        let files = page["files"].as_array().context("a page has files")?;
        let named: Vec<&Value> = files.iter().filter(|file| file["name"] == name).collect();
        assert_eq!(named.len(), 1, "{name}: {files:?}");
        self.bytes(&named[0]["id"])
    }

    /// Bytes of open uploads that the relay has acknowledged.
    fn received(&self) -> Result<u64> {
        let all = self.http.get("/api/uploads")?.expect(200)?.json();
        let uploads = all["uploads"].as_array().context("a list of uploads")?;
        let open = uploads.iter().filter(|upload| upload["state"] == "open");
        Ok(open.filter_map(|upload| upload["received_bytes"].as_u64()).sum())
    }
}

fn proxied(service: &Service, seed: u64) -> Result<FaultProxy> {
    FaultProxy::start(&[SocketAddr::from(([127, 0, 0, 1], service.relay.port()?))], seed)
}

fn words(action: &str, path: &std::path::Path) -> Vec<String> {
    vec![action.to_owned(), path.display().to_string()]
}

#[test]
fn files_of_all_sizes_go_there_and_come_back() -> Result<()> {
    let service = service()?;
    let client = service.client("a", service.relay.url())?;
    for size in [0, 1, 70_000, MIB, 9 * MIB + 3] {
        let (name, bytes) = (format!("{size} ö.bin"), noise(size as u64, size));
        let path = service.file(&name, &bytes)?;
        let sent = client.run(&words("upload", &path))?.done()?;
        assert_eq!(sent["uploads"][0]["stage"], "done", "{sent}");
        assert!(service.kept(&name)? == bytes, "{size}");
        let out = service.stage.path(&format!("{size}.back"));
        let id = text(&sent["uploads"][0]["file"]).to_owned();
        let arguments = ["download".to_owned(), id, "--out".to_owned(), out.display().to_string()];
        client.run(&arguments)?.done()?;
        assert!(fs::read(&out)? == bytes, "{size}");
    }
    let listed = client.run(&["files"])?.done()?;
    assert_eq!(listed["files"].as_array().map(Vec::len), Some(5));
    Ok(())
}

#[test]
fn a_client_that_is_killed_goes_on_where_it_was() -> Result<()> {
    let service = service()?;
    let proxy = proxied(&service, 7)?;
    let client = service.client("a", &proxy.url())?;
    let bytes = noise(60, 24 * MIB);
    let path = service.file("big.bin", &bytes)?;
    // Slow enough that it is still under way when it dies.
    proxy.set_weather(Weather { bytes_per_sec: Some(6 * MIB as u64), ..Weather::CALM });
    let mut child = client.start(&words("upload", &path))?;
    until(WITHIN, "something is acknowledged", || Ok(service.received()? > 0))?;
    child.kill()?;
    child.wait()?;
    proxy.set_weather(Weather::CALM);
    let before = service.received()?;
    let done = client.run(&["uploads", "--watch"])?.done()?;
    assert_eq!(done["uploads"][0]["stage"], "done", "{done}");
    assert!(service.kept("big.bin")? == bytes);
    let tally = proxy.tally();
    let again = bytes.len() as u64 + 16 * MIB as u64;
    assert!(before > 0 && tally.bytes < again + before, "it began anew: {tally:?}");
    Ok(())
}

#[test]
fn a_relay_that_is_killed_is_met_again() -> Result<()> {
    let mut service = service()?;
    let proxy = proxied(&service, 8)?;
    let client = service.client("a", &proxy.url())?;
    let bytes = noise(61, 24 * MIB);
    let path = service.file("big.bin", &bytes)?;
    proxy.set_weather(Weather { bytes_per_sec: Some(6 * MIB as u64), ..Weather::CALM });
    let mut child = client.start(&words("upload", &path))?;
    for _ in 0..2 {
        let before = service.received()?;
        until(WITHIN, "more is acknowledged", || Ok(service.received()? > before))?;
        let port = service.relay.port()?;
        service.relay.kill()?;
        service.relay = service.home.start_on(port)?;
    }
    proxy.set_weather(Weather::CALM);
    assert!(child.wait()?.success());
    assert!(service.kept("big.bin")? == bytes);
    Ok(())
}

#[test]
fn bad_weather_delays_and_loses_nothing() -> Result<()> {
    let service = service()?;
    let proxy = proxied(&service, 9)?;
    let client = service.client("a", &proxy.url())?;
    proxy.set_weather(Weather { refuse: 50, cut: 1, reset: 1, ..Weather::CALM });
    let mut files = Vec::new();
    for number in 0..8 {
        let bytes = noise(70 + number, 3 * MIB + 4_321);
        files.push((service.file(&format!("{number}.bin"), &bytes)?, bytes));
    }
    let mut arguments = vec!["upload".to_owned()];
    arguments.extend(files.iter().map(|(path, _)| path.display().to_string()));
    client.run(&arguments)?.done()?;
    for (number, (_, bytes)) in files.iter().enumerate() {
        assert!(service.kept(&format!("{number}.bin"))? == *bytes, "{number}");
    }
    let tally = proxy.tally();
    assert!(tally.cut + tally.reset > 0, "nothing was tried: {tally:?}");
    Ok(())
}

#[test]
fn a_file_that_changed_meanwhile_is_told_and_not_sent() -> Result<()> {
    let service = service()?;
    let proxy = proxied(&service, 10)?;
    let client = service.client("a", &proxy.url())?;
    let path = service.file("moving.bin", &noise(80, 16 * MIB))?;
    proxy.set_weather(Weather { bytes_per_sec: Some(4 * MIB as u64), ..Weather::CALM });
    let mut child = client.start(&words("upload", &path))?;
    until(WITHIN, "something is acknowledged", || Ok(service.received()? > 0))?;
    child.kill()?;
    child.wait()?;
    fs::write(&path, noise(81, 16 * MIB))?;
    proxy.set_weather(Weather::CALM);
    client.run(&["uploads", "--watch"])?;
    let listed = client.run(&["uploads"])?.done()?;
    assert_eq!(listed["uploads"][0]["stage"], "changed", "{listed}");
    assert_eq!(service.http.get("/api/files")?.json()["files"], json!([]));
    Ok(())
}
