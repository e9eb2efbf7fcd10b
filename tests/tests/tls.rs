//! TLS of the relay itself, with an authority of its own; and what every answer says to browsers.

use std::io::Read;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kartei_test_support::{Client, Http, Running, Stage, until, write_lines};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const WITHIN: Duration = Duration::from_secs(60);

/// An authority, which signs what it is asked to.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    fn new(stage: &Stage, name: &str) -> Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::<String>::new())?;
        let mut called = DistinguishedName::new();
        called.push(DnType::CommonName, name);
        params.distinguished_name = called;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let file = stage.path(&format!("{name}.pem"));
        std::fs::write(&file, params.self_signed(&key)?.pem())?;
        Ok(Self { issuer: Issuer::new(params, key), file })
    }

    /// Writes a certificate for a name, good until the first day of a year, and its key.
    fn sign(&self, host: &str, year: i32, certificate: &Path, key_file: &Path) -> Result<()> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec![host.to_owned()])?;
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        std::fs::write(certificate, params.signed_by(&key, &self.issuer)?.pem())?;
        std::fs::write(key_file, key.serialize_pem())?;
        Ok(())
    }
}

#[test]
fn a_relay_with_a_certificate_is_believed_by_who_knows_its_authority() -> Result<()> {
    let stage = Stage::new()?;
    let ours = Authority::new(&stage, "ours")?;
    let other = Authority::new(&stage, "other")?;
    let (pair, key) = (stage.path("relay.pem"), stage.path("relay.key"));
    ours.sign("127.0.0.1", 2100, &pair, &key)?;
    let log = stage.path("relay.log");
    let shown = |path: &Path| path.display().to_string();
    let (pair_name, key_name) = (shown(&pair), shown(&key));
    let settings = [("KARTEI_TLS_CERTIFICATE", &*pair_name), ("KARTEI_TLS_KEY", &*key_name)];
    let home = stage.relay_home()?.with(&settings).logging_to(log.clone());
    let relay = home.start()?;
    ensure!(relay.url().starts_with("https://"), "{}", relay.url());
    let token = home.token("analyst", "Anna")?;
    let anna = stage.client("anna")?;
    let login = |authority: &Authority| {
        let file = shown(&authority.file);
        anna.run(&["--relay-ca", &file, "login", relay.url(), "--token", &token])
    };
    let text = login(&other)?.expect_code(1)?.to_string();
    ensure!(text.contains("does not know who issued it"), "{text}");
    login(&ours)?.expect_code(0)?;

    // A key of another certificate is told, and changes nothing.
    let told =
        |word: &str| until(WITHIN, word, || Ok(std::fs::read_to_string(&log)?.contains(word)));
    ours.sign("127.0.0.1", 2100, &stage.path("unused.pem"), &key)?;
    told("The new certificate is not taken")?;
    login(&ours)?.expect_code(0)?;

    // A whole pair is taken by the running relay: from now on the other authority is the one to know.
    other.sign("127.0.0.1", 2100, &pair, &key)?;
    told("The relay has a new certificate")?;
    login(&other)?.expect_code(0)?;
    let text = login(&ours)?.expect_code(1)?.to_string();
    ensure!(text.contains("does not know who issued it"), "{text}");
    Ok(())
}

#[test]
fn events_and_uploads_go_through_tls_and_a_wrong_certificate_stops_them() -> Result<()> {
    let stage = Stage::new()?;
    let ours = Authority::new(&stage, "ours")?;
    let (pair, key) = (stage.path("relay.pem"), stage.path("relay.key"));
    ours.sign("127.0.0.1", 2100, &pair, &key)?;
    let (pair_name, key_name) = (pair.display().to_string(), key.display().to_string());
    let settings = [("KARTEI_TLS_CERTIFICATE", &*pair_name), ("KARTEI_TLS_KEY", &*key_name)];
    let log = stage.path("relay.log");
    let home = stage.relay_home()?.with(&settings).logging_to(log.clone());
    let relay = home.start()?;
    let client = |name: &str| -> Result<Client> {
        let client = stage.client(name)?.trusting(&ours.file);
        client.login(relay.url(), &home.token("analyst", name)?)?;
        Ok(client)
    };
    let (anna, ben) = (client("anna")?, client("ben")?);

    // One listens, and hears of it what the other does.
    let _watch = Running(anna.start(&["sync", "--watch"])?);
    until(WITHIN, "who listens is up to date", || Ok(anna.status()?["state"] == "up_to_date"))?;
    let people = stage.path("people.ndjson");
    let records: Vec<Value> =
        (0..100).map(|n| json!({"schema": "user_profile.v1", "id": format!("p-{n}")})).collect();
    write_lines(&people, &records)?;
    ben.import(&[&people])?;
    ben.settle()?;
    until(WITHIN, "the import arrives", || Ok(anna.status()?["profiles"] == 100))?;

    // A file of several chunks there and back.
    let (file, back) = (stage.path("large.bin"), stage.path("back.bin"));
    let bytes: Vec<u8> =
        (0..9_000_001_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    std::fs::write(&file, &bytes)?;
    let sent = ben.run(&["upload", &file.display().to_string()])?.done()?;
    let id = sent["uploads"][0]["file"].as_str().context("the file has an id")?;
    ben.run(&["download", id, "--out", &back.display().to_string()])?.done()?;
    ensure!(std::fs::read(&back)? == bytes, "other bytes came back");

    // The certificate of another address takes its place: nothing goes through, and it is said why.
    let told = |word: &str, times: usize| {
        until(WITHIN, word, || Ok(std::fs::read_to_string(&log)?.matches(word).count() == times))
    };
    ours.sign("relay.example", 2100, &pair, &key)?;
    told("The relay has a new certificate", 1)?;
    ben.edit("p-7", &["--set", "notes=later"])?;
    let refused = ben.run(&["sync"])?.expect_code(1)?.to_string();
    ensure!(refused.contains("certificate_address"), "{refused}");
    let status = ben.status()?;
    ensure!(status["state"] == "problem", "{status}");
    ensure!(status["problem"]["code"] == "certificate_address", "{status}");
    ensure!(status["pending"] == 1, "{status}");
    let small = stage.path("small.txt");
    std::fs::write(&small, "small")?;
    let mut waiting = Running(ben.start(&["upload", &small.display().to_string()])?);
    until(WITHIN, "the upload waits", || {
        Ok(ben.run(&["uploads"])?.done()?.to_string().contains("small.txt"))
    })?;

    // The right one is back: everything goes on by itself.
    ours.sign("127.0.0.1", 2100, &pair, &key)?;
    told("The relay has a new certificate", 2)?;
    ensure!(waiting.0.wait()?.success(), "the upload went on");
    ben.settle()?;
    until(WITHIN, "the edit arrives", || Ok(anna.show("p-7")?["record"]["notes"] == "later"))?;
    Ok(())
}

#[test]
fn who_connects_and_says_nothing_keeps_nobody_out() -> Result<()> {
    let stage = Stage::new()?;
    let ours = Authority::new(&stage, "ours")?;
    let (pair, key) = (stage.path("relay.pem"), stage.path("relay.key"));
    ours.sign("127.0.0.1", 2100, &pair, &key)?;
    let (pair_name, key_name) = (pair.display().to_string(), key.display().to_string());
    let settings = [("KARTEI_TLS_CERTIFICATE", &*pair_name), ("KARTEI_TLS_KEY", &*key_name)];
    let home = stage.relay_home()?.with(&settings);
    let relay = home.start()?;
    let token = home.token("analyst", "Anna")?;
    let anna = stage.client("anna")?.trusting(&ours.file);
    let silent = || -> Result<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", relay.port()?))?;
        stream.set_read_timeout(Some(WITHIN))?;
        Ok(stream)
    };
    // One more than the relay shakes hands with at once.
    let mut all = (0..513).map(|_| silent()).collect::<Result<Vec<_>>>()?;
    anna.login(relay.url(), &token)?;
    for stream in &mut all {
        // The relay ends each of them: the oldest for the others, the rest when their time is over.
        ensure!(stream.read(&mut [0])? == 0, "the relay says something");
    }
    Ok(())
}

#[test]
fn a_certificate_of_another_name_or_another_time_is_told_in_plain_words() -> Result<()> {
    let stage = Stage::new()?;
    let ours = Authority::new(&stage, "ours")?;
    let authority = ours.file.display().to_string();
    let (pair, key) = (stage.path("relay.pem"), stage.path("relay.key"));
    let (pair_name, key_name) = (pair.display().to_string(), key.display().to_string());
    let settings = [("KARTEI_TLS_CERTIFICATE", &*pair_name), ("KARTEI_TLS_KEY", &*key_name)];
    let home = stage.relay_home()?.with(&settings);
    let token = home.token("analyst", "Anna")?;
    let anna = stage.client("anna")?;
    for (host, year, words) in [
        ("relay.example", 2100, "the one of another address"),
        ("127.0.0.1", 2001, "it has expired"),
    ] {
        ours.sign(host, year, &pair, &key)?;
        let relay = home.start()?;
        let login = ["--relay-ca", &authority, "login", relay.url(), "--token", &token];
        let text = anna.run(&login)?.expect_code(1)?.to_string();
        ensure!(text.contains(words), "{text}");
    }
    Ok(())
}

#[test]
fn plain_http_to_another_machine_is_refused_before_anything_is_sent() -> Result<()> {
    let stage = Stage::new()?;
    let anna = stage.client("anna")?;
    let login = ["login", "http://relay.invalid:7400", "--token", "secret-token"];
    let text = anna.run(&login)?.expect_code(2)?.to_string();
    ensure!(text.contains("is not encrypted"), "{text}");
    // Where it is allowed, the address is asked for.
    let allowed = [&["--insecure-http"][..], &login[..]].concat();
    anna.run(&allowed)?.expect_code(1)?;
    Ok(())
}

#[test]
fn no_answer_can_be_framed_and_pages_run_what_is_in_them_alone() -> Result<()> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?;
    let relay = home.start()?;
    let http = Http::new(relay.url(), Some(&home.token("viewer", "Vera")?));
    let described: Value = http.get("/openapi.json")?.expect(200)?.json();
    let paths = described["paths"].as_object().context("paths")?;
    let mut asked: Vec<&str> = paths
        .iter()
        .filter(|(path, methods)| methods.get("get").is_some() && !path.contains('{'))
        .map(|(path, _)| path.as_str())
        // Ends when the relay does, where it is asked for events.
        .filter(|path| !path.ends_with("/events"))
        .collect();
    asked.extend(["/docs", "/openapi.json", "/healthz", "/readyz", "/no/such/route"]);
    let mut pages = 0;
    for path in asked {
        let reply = http.get(path)?;
        let header =
            |name: &str| reply.header(name).with_context(|| format!("{path} says no {name}"));
        ensure!(header("x-content-type-options")? == "nosniff", "{path}");
        ensure!(header("x-frame-options")? == "DENY", "{path}");
        ensure!(header("referrer-policy")? == "no-referrer", "{path}");
        header("cross-origin-resource-policy")?;
        let kept = header("cache-control")?;
        ensure!(kept.contains("private") || kept.contains("no-store"), "{path}: {kept}");
        let policy = header("content-security-policy")?;
        ensure!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        ensure!(reply.header("strict-transport-security").is_none(), "{path}: there is no TLS");
        if reply.header("content-type").is_none_or(|kind| !kind.starts_with("text/html")) {
            continue;
        }
        pages += 1;
        ensure!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        let page = reply.text();
        for element in ["script", "style"] {
            // Without attributes, so each is one that the policy has by its digest.
            for rest in page.split(&format!("<{element}")).skip(1) {
                let within = rest.strip_prefix('>').context("an element with attributes")?;
                let (within, _) = within.split_once("</").context("an element that ends")?;
                let digest = STANDARD.encode(Sha256::digest(within));
                ensure!(policy.contains(&format!("'sha256-{digest}'")), "{path}: {policy}");
            }
        }
    }
    ensure!(pages > 0, "no page was looked at");
    Ok(())
}
