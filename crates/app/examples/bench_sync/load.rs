//! An organisation at work for some time: many connected desktops, reads, edits, imports, uploads and analyses at
//! once, each kind at a pace of its own. How long they take, what fails, and what the relay's process holds.

use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use kartei_test_support::{Dice, Http, Stage, until};
use serde_json::json;

use crate::Options;
use crate::desks::{Desk, Listeners, fill};
use crate::figures::{millis, quantile};

/// Lines of an import, bytes of an upload.
const IMPORT_LINES: usize = 500;
const UPLOAD_BYTES: u64 = 4 << 20;

/// Profiles that one desktop edits and the other waits for: what others wrote there would be seen instead.
const WATCHED: usize = 10;

/// An analysis of all profiles on a busy machine.
const ANALYSED_WITHIN: Duration = Duration::from_secs(300);

/// Between two looks at the relay's process.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Something that people do, and when they do it next.
struct Kind {
    name: &'static str,
    /// Between two of them, whoever does them.
    every: Duration,
    /// How many may be under way at once.
    hands: usize,
    act: fn(&Ground, usize) -> Result<()>,
}

const KINDS: &[Kind] = &[
    Kind { name: "read a profile", every: Duration::from_millis(10), hands: 4, act: read },
    Kind { name: "list, filtered", every: Duration::from_millis(500), hands: 2, act: list },
    Kind { name: "edit over HTTP", every: Duration::from_secs(2), hands: 1, act: patch },
    Kind { name: "edit, seen on a desktop", every: Duration::from_secs(2), hands: 1, act: edit },
    Kind { name: "import of 500 lines", every: Duration::from_secs(20), hands: 1, act: import },
    Kind { name: "upload of 4 MiB", every: Duration::from_secs(5), hands: 2, act: upload },
    Kind { name: "download of 4 MiB", every: Duration::from_secs(5), hands: 1, act: download },
    Kind { name: "analysis", every: Duration::from_secs(30), hands: 1, act: analyse },
];

/// What all of them share.
struct Ground {
    http: Http,
    profiles: usize,
    /// Who edits, and who sees it.
    desks: Mutex<(Desk, Desk)>,
    /// A file to download.
    file: String,
}

/// What became of a kind.
#[derive(Default)]
struct Tally {
    times: Vec<Duration>,
    errors: Vec<String>,
}

/// What the relay's process holds at a moment.
#[derive(Debug, Clone, Copy)]
struct Look {
    after: Duration,
    resident_mb: f64,
    descriptors: usize,
    threads: usize,
    cpu_seconds: f64,
}

fn id(number: usize) -> String {
    format!("made-{number:07}")
}

fn any(ground: &Ground, turn: usize) -> String {
    let others = (ground.profiles - WATCHED) as u64;
    let spread = Dice::seeded(turn as u64).roll(others);
    id(WATCHED + usize::try_from(spread).unwrap_or_default())
}

fn read(ground: &Ground, turn: usize) -> Result<()> {
    ground.http.get(&format!("/profiles/{}", any(ground, turn)))?.expect(200)?;
    Ok(())
}

fn list(ground: &Ground, turn: usize) -> Result<()> {
    let filter = format!("orders>={}", turn % 55);
    ground.http.get(&format!("/profiles?limit=50&filter={}", encoded(&filter)))?.expect(200)?;
    Ok(())
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

fn patch(ground: &Ground, turn: usize) -> Result<()> {
    let patch = json!({"attributes": {"bench": turn}}).to_string();
    let headers = [("content-type", "application/merge-patch+json"), ("if-match", "*")];
    let path = format!("/profiles/{}", any(ground, turn));
    ground.http.send("PATCH", &path, &headers, patch.as_bytes())?.expect(200)?;
    Ok(())
}

fn edit(ground: &Ground, turn: usize) -> Result<()> {
    let (id, value) = (id(turn % WATCHED), json!(format!("edit {turn}")));
    let desks = ground.desks.lock().map_err(|_| anyhow!("a desktop broke down"))?;
    desks.0.edit(&id, &value)?;
    desks.1.see(&id, &value)
}

fn import(ground: &Ground, turn: usize) -> Result<()> {
    let person = |n| {
        let id = format!("load-{}", (turn * IMPORT_LINES + n) % 5_000);
        json!({"schema": "user_profile.v1", "id": id, "attributes": {"turn": turn, "n": n}})
    };
    let lines: String = (0..IMPORT_LINES).map(|n| format!("{}\n", person(n))).collect();
    let kind = [("content-type", "application/x-ndjson")];
    ground.http.send("POST", "/profiles/import", &kind, lines.as_bytes())?.expect(200)?;
    Ok(())
}

/// Bytes that are no others'.
fn noise(turn: usize) -> Vec<u8> {
    let mut dice = Dice::seeded(turn as u64);
    let words = (0..UPLOAD_BYTES / 8).flat_map(|_| dice.roll(u64::MAX).to_le_bytes());
    words.collect()
}

fn send(http: &Http, turn: usize) -> Result<String> {
    let path = format!("/api/upload?action=create&complete=true&name=load-{turn}.bin");
    let kind = [("content-type", "application/octet-stream")];
    let sent = http.send("POST", &path, &kind, &noise(turn))?.expect(201)?;
    Ok(sent.json()["file"].as_str().context("a file has an id")?.to_owned())
}

fn upload(ground: &Ground, turn: usize) -> Result<()> {
    let file = send(&ground.http, turn + 1)?;
    // As people do: what is not needed any more goes.
    ground.http.send("DELETE", &format!("/api/files/{file}"), &[], &[])?.expect(204)?;
    Ok(())
}

fn download(ground: &Ground, _: usize) -> Result<()> {
    let got = ground.http.get(&format!("/api/files/serve/{}", ground.file))?.expect(200)?;
    ensure!(got.body.len() as u64 == UPLOAD_BYTES, "{} bytes came", got.body.len());
    Ok(())
}

fn analyse(ground: &Ground, turn: usize) -> Result<()> {
    let asked = json!({"analysis": "quality", "filter": format!("orders>={}", turn % 50)});
    let kind = [("content-type", "application/json")];
    let made = ground.http.send("POST", "/analyze/jobs", &kind, asked.to_string().as_bytes())?;
    let made = made.expect(201)?.json();
    let place = format!("/analyze/jobs/{}", made["job_id"].as_str().unwrap_or_default());
    until(ANALYSED_WITHIN, "an analysis has ended", || {
        let state = ground.http.get(&place)?.expect(200)?.json()["status"].clone();
        ensure!(state != "failed" && state != "canceled", "an analysis ended as {state}");
        Ok(state == "completed")
    })
}

/// Does a kind at its pace until it is over. Each is due at a moment, and its time counts from then: what waits
/// because another one takes long has waited.
fn keep_doing(
    kind: &Kind,
    ground: &Ground,
    turns: &AtomicUsize,
    begun: Instant,
    is_over: &AtomicBool,
) -> Tally {
    let mut tally = Tally::default();
    while !is_over.load(Ordering::Relaxed) {
        let turn = turns.fetch_add(1, Ordering::Relaxed);
        let due = begun + kind.every * u32::try_from(turn).unwrap_or(u32::MAX);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        match (kind.act)(ground, turn) {
            Ok(()) => tally.times.push(due.elapsed()),
            Err(error) => tally.errors.push(format!("{error:#}")),
        }
    }
    tally
}

/// What the kernel tells of a process.
fn look(process: u32, after: Duration) -> Result<Look> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let number = |name: &str| -> Option<f64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    };
    let kib = number("VmRSS:").context("the kernel tells no memory")?;
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, rest) = stat.rsplit_once(')').context("a process has a line")?;
    let ticks = |at: usize| rest.split_whitespace().nth(at)?.parse::<f64>().ok();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few hundred")]
    let threads = number("Threads:").unwrap_or_default() as usize;
    Ok(Look {
        after,
        resident_mb: kib * 1024.0 / 1e6,
        descriptors: fs::read_dir(format!("/proc/{process}/fd"))?.count(),
        threads,
        // Hundredths of a second, on every Linux of today.
        cpu_seconds: (ticks(11).unwrap_or_default() + ticks(12).unwrap_or_default()) / 100.0,
    })
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let profiles = options.profiles.first().copied().unwrap_or(1_000);
    let stage = Stage::new()?;
    let home = stage.relay_home()?.logging_to(stage.path("relay.log"));
    let home = home.with(&[("KARTEI_KEEP_FREE_PERCENT", "0"), ("KARTEI_WORKERS", "1")]);
    // As its units and the container set it.
    let home = home.with(&[("MALLOC_ARENA_MAX", "2")]);
    let relay = home.start()?;
    let token = home.token("analyst", "Desktop")?;
    fill(&stage, relay.url(), &token, options.file()?)?;
    let open = |name: &str| Desk::open(stage.path(name), relay.url(), &token);
    let (anna, ben) = (open("anna")?, open("ben")?);
    anna.settle(profiles)?;
    ben.settle(profiles)?;
    let http = Http::new(relay.url(), Some(&token));
    let others = options.desktops.saturating_sub(2);
    let listeners = Listeners::listen(relay.url(), &token, others)?;
    let file = send(&http, 0)?;
    let ground = Ground { http, profiles, desks: Mutex::new((anna, ben)), file };

    let is_over = AtomicBool::new(false);
    let turns: Vec<AtomicUsize> = KINDS.iter().map(|_| AtomicUsize::new(0)).collect();
    let (begun, lasts) = (Instant::now(), Duration::from_secs(options.seconds));
    let (tallies, looks) = thread::scope(|scope| -> Result<(Vec<Tally>, Vec<Look>)> {
        let (ground, is_over) = (&ground, &is_over);
        let hands: Vec<_> = KINDS
            .iter()
            .zip(&turns)
            .map(|(kind, turns)| {
                let one = || scope.spawn(|| keep_doing(kind, ground, turns, begun, is_over));
                (0..kind.hands).map(|_| one()).collect::<Vec<_>>()
            })
            .collect();
        let mut seen = Vec::new();
        while begun.elapsed() < lasts {
            thread::sleep(LOOK_EVERY.min(lasts.saturating_sub(begun.elapsed())));
            seen.push(look(relay.process(), begun.elapsed())?);
        }
        is_over.store(true, Ordering::Relaxed);
        let mut tallies = Vec::new();
        for kind in hands {
            let mut all = Tally::default();
            for hand in kind {
                let done = hand.join().map_err(|_| anyhow!("somebody broke down"))?;
                all.times.extend(done.times);
                all.errors.extend(done.errors);
            }
            tallies.push(all);
        }
        Ok((tallies, seen))
    })?;
    tell(options, &tallies, &looks, listeners.pulls());
    home.run(&["check"])?.expect_code(0)?;
    println!("\n`kartei-relay check` finds nothing afterwards.");
    Ok(())
}

fn tell(options: &Options, tallies: &[Tally], looks: &[Look], pulls: u64) {
    let Options { desktops, seconds, .. } = options;
    println!("\n### {desktops} connected desktops at work for {seconds} s\n");
    println!("| what | every | done | failed | p50 ms | p99 ms | slowest ms |");
    println!("|---|---:|---:|---:|---:|---:|---:|");
    for (kind, tally) in KINDS.iter().zip(tallies) {
        println!(
            "| {} | {:?} | {} | {} | {:.1} | {:.1} | {:.1} |",
            kind.name,
            kind.every,
            tally.times.len(),
            tally.errors.len(),
            millis(quantile(&tally.times, 0.5)),
            millis(quantile(&tally.times, 0.99)),
            millis(quantile(&tally.times, 1.0)),
        );
    }
    println!("\n| the relay's process after s | resident MB | descriptors | threads | CPU s |");
    println!("|---:|---:|---:|---:|---:|");
    let last = looks.len().saturating_sub(1);
    let mut shown = vec![0, last / 10, last / 4, last / 2, last * 3 / 4, last];
    shown.dedup();
    for at in shown {
        let Some(look) = looks.get(at) else { continue };
        println!(
            "| {:.0} | {:.1} | {} | {} | {:.1} |",
            look.after.as_secs_f64(),
            look.resident_mb,
            look.descriptors,
            look.threads,
            look.cpu_seconds
        );
    }
    for error in tallies.iter().flat_map(|tally| &tally.errors).take(20) {
        println!("\nFailed: {error}");
    }
    println!(
        "\nEach is due at its moment, and its time counts from then. Two desktops are whole; the others hold an \
         event stream and made {pulls} pulls of what changed, on the same machine, without storing it."
    );
}
