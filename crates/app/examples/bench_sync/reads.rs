//! Single profiles over HTTP: requests a second and how long the slowest take.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kartei_test_support::{Http, Postgres, RelayHome, Stage};

use crate::Options;
use crate::desks::fill;
use crate::figures::{millis, quantile};

/// Connections that ask at the same time, each for one profile after the other.
const CONNECTIONS: usize = 8;

/// Requests of a connection before the measured ones: caches fill, threads start.
const WARM_UP: usize = 200;

pub(crate) fn run(options: &Options) -> Result<()> {
    let profiles = options.profiles.first().copied().unwrap_or(1_000);
    println!("\n### Single profiles over HTTP\n");
    println!("| database | answer | requests | requests/s | p50 ms | p99 ms |");
    println!("|---|---|---:|---:|---:|---:|");
    let stage = Stage::new()?;
    one("SQLite", &stage, &stage.relay_home()?, options, profiles)?;
    let stage = Stage::new()?;
    let cluster = Postgres::start(true)?;
    let home = stage.relay_home_on(&cluster.database("reads")?)?;
    one("Postgres", &stage, &home, options, profiles)?;
    println!(
        "\n{CONNECTIONS} connections that stay open, each with one request after the other, spread over \
         {profiles} profiles; the programs that ask run on the same machine."
    );
    Ok(())
}

fn one(
    database: &str,
    stage: &Stage,
    home: &RelayHome,
    options: &Options,
    profiles: usize,
) -> Result<()> {
    let relay = home.start()?;
    let token = home.token("analyst", "Reader")?;
    fill(stage, relay.url(), &token, options.file()?)?;
    let http = Http::new(relay.url(), Some(&token));
    let mut tags = Vec::with_capacity(profiles);
    for number in 0..profiles {
        let answer = http.get(&path(number))?.expect(200)?;
        tags.push(answer.header("etag").context("a profile has an ETag")?.to_owned());
    }
    for (status, tags) in [(200, None), (304, Some(&tags))] {
        let asked = Asked { url: relay.url(), token: &token, profiles, tags, status };
        let begun = Instant::now();
        let times: Vec<Duration> = std::thread::scope(|scope| {
            let readers: Vec<_> = (0..CONNECTIONS)
                .map(|reader| scope.spawn(move || asked.read(reader, options.edits)))
                .collect();
            let joined = readers.into_iter().map(|reader| match reader.join() {
                Ok(times) => times,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            joined.collect::<Result<Vec<_>>>().map(|times| times.concat())
        })?;
        let warm_up = CONNECTIONS * WARM_UP;
        #[expect(clippy::cast_precision_loss, reason = "a rate to be shown")]
        let rate = (times.len() + warm_up) as f64 / begun.elapsed().as_secs_f64();
        println!(
            "| {database} | {status} | {} | {rate:.0} | {:.2} | {:.2} |",
            times.len(),
            millis(quantile(&times, 0.5)),
            millis(quantile(&times, 0.99)),
        );
    }
    Ok(())
}

fn path(number: usize) -> String {
    format!("/profiles/made-{number:07}")
}

/// What each connection asks.
#[derive(Clone, Copy)]
struct Asked<'a> {
    url: &'a str,
    token: &'a str,
    profiles: usize,
    /// What the asker says that it has, for each profile.
    tags: Option<&'a Vec<String>>,
    status: u16,
}

impl Asked<'_> {
    /// Asks `requests` times, after a warm-up, and answers how long each took.
    fn read(&self, reader: usize, requests: usize) -> Result<Vec<Duration>> {
        let host = self.url.strip_prefix("http://").context("a relay of this machine")?;
        let host = host.trim_end_matches('/');
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        let mut answers = BufReader::new(stream.try_clone()?);
        let mut questions = stream;
        let mut times = Vec::with_capacity(requests);
        for turn in 0..WARM_UP + requests {
            // Steps through all profiles, from another place on each connection.
            let number = (reader * 7_919 + turn * 31) % self.profiles;
            let condition = self
                .tags
                .map_or_else(String::new, |tags| format!("If-None-Match: {}\r\n", tags[number]));
            let question = format!(
                "GET {} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\n{condition}\r\n",
                path(number),
                self.token
            );
            let begun = Instant::now();
            questions.write_all(question.as_bytes())?;
            let status = answer(&mut answers)?;
            let time = begun.elapsed();
            ensure!(status == self.status, "{} was answered with {status}", path(number));
            if turn >= WARM_UP {
                times.push(time);
            }
        }
        Ok(times)
    }
}

/// Reads one answer to its end; answers its status.
fn answer(from: &mut BufReader<TcpStream>) -> Result<u16> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let status = line.split(' ').nth(1).context("no status line")?.parse()?;
    let mut length = 0;
    loop {
        line.clear();
        from.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        }
        ensure!(!name.eq_ignore_ascii_case("transfer-encoding"), "an answer of unknown length");
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok(status)
}
