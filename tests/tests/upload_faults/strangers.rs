//! Clients that are not ours: two programs that share a session, send parts in any order and some of them
//! twice; and one that speaks tus, in bites of any size. They know docs/uploads.md and nothing else.

use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use kartei_test_support::{Dice, Http, Reply, pass};
use serde_json::{Value, json};

use crate::ledger::{Ledger, Order};

/// How long an answer may take before a stranger gives its connection up.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);

/// The longest pause after something failed.
const PAUSE: Duration = Duration::from_millis(250);

/// So often a stranger tries before somebody has to look at it. A relay is away for a second at a time.
const STUMBLES_MAX: u64 = 2_000;

const JSON: (&str, &str) = ("content-type", "application/json");
const RAW: (&str, &str) = ("content-type", "application/octet-stream");
const TUS: (&str, &str) = ("tus-resumable", "1.0.0");

pub(crate) struct Stranger {
    url: String,
    token: String,
    dice: Dice,
}

/// A request failed in a way that passes, or for good.
enum Answer {
    Is(Reply),
    Passes,
    Never(String),
}

/// What went out, and whether that may be tried again.
fn judged(sent: Result<Reply>) -> Answer {
    match sent {
        // No answer, or half of one.
        Err(_) => Answer::Passes,
        Ok(reply) => match reply.status {
            200..=299 => Answer::Is(reply),
            // Taken over, not complete yet, slow, busy, in trouble: all of them say to ask and go on. A body that
            // was cut is answered with 400 where anybody still hears it.
            400 | 408 | 409 | 429 | 500..=599 => Answer::Passes,
            status => Answer::Never(format!("{status}: {}", reply.text())),
        },
    }
}

/// Tries until it is answered, or hopeless.
fn insist(
    dice: &mut Dice,
    ledger: &Ledger,
    mut send: impl FnMut() -> Result<Reply>,
) -> Result<Reply> {
    for _ in 0..STUMBLES_MAX {
        match judged(send()) {
            Answer::Is(reply) => return Ok(reply),
            Answer::Never(why) => bail!("{why}"),
            Answer::Passes => {
                ledger.count(|counts| counts.stumbles += 1);
                pass(dice.moment(PAUSE));
            }
        }
    }
    bail!("{STUMBLES_MAX} tries were none")
}

impl Stranger {
    pub(crate) fn new(url: &str, token: &str, dice: Dice) -> Self {
        Self { url: url.to_owned(), token: token.to_owned(), dice }
    }

    fn http(&self) -> Http {
        Http::patient(&self.url, Some(&self.token), ANSWER_WITHIN)
    }

    /// Makes an upload; `false` when none are left.
    pub(crate) fn act(&mut self, ledger: &Ledger) -> Result<bool> {
        let speaks_tus = self.dice.roll(3) == 0;
        let kind = if speaks_tus { "tus" } else { "two programs" };
        let Some(order) = ledger.take(kind, 1, &mut self.dice).pop() else { return Ok(false) };
        // A file without a byte is complete when it is created, and tus has no name for creating twice.
        let made = match speaks_tus && !order.bytes.is_empty() {
            true => self.tus(ledger, &order),
            false => self.two_programs(ledger, &order),
        };
        if let Err(error) = made {
            ledger.give_up(format!("{}: {error:#}", order.name));
        }
        Ok(true)
    }

    fn two_programs(&mut self, ledger: &Ledger, order: &Order) -> Result<()> {
        let (http, size) = (self.http(), order.bytes.len());
        let key = format!("stranger-{:016x}", self.dice.roll(u64::MAX));
        let new = json!({ "name": order.name, "size": size, "key": key }).to_string();
        let create = "/api/upload?action=create";
        let begun =
            insist(&mut self.dice, ledger, || http.send("POST", create, &[JSON], new.as_bytes()))?;
        let session = begun.json();
        let id = session["id"].as_str().context("a session has an id")?.to_owned();
        let piece = session["piece_bytes"].as_u64().context("a session says its piece")?;
        let (mut parts, twice) = parts(&mut self.dice, size, usize::try_from(piece)?);
        ledger.count(|counts| counts.parts_twice += twice);
        loop {
            let left = Mutex::new(parts);
            let ends: Vec<Result<()>> = thread::scope(|scope| {
                let programs: Vec<_> = (0..2)
                    .map(|_| {
                        let (http, left, id) = (self.http(), &left, &id);
                        let mut dice = Dice::seeded(self.dice.roll(u64::MAX));
                        scope.spawn(move || -> Result<()> {
                            loop {
                                let next = left.lock().ok().and_then(|mut left| left.pop());
                                let Some((from, to)) = next else { return Ok(()) };
                                let path =
                                    format!("/api/upload?action=chunk&upload={id}&offset={from}");
                                let body = &order.bytes[from..to];
                                insist(&mut dice, ledger, || {
                                    http.send("POST", &path, &[RAW], body)
                                })?;
                            }
                        })
                    })
                    .collect();
                programs.into_iter().map(|one| one.join().expect("nothing panics there")).collect()
            });
            ends.into_iter().collect::<Result<()>>()?;
            let status = format!("/api/upload?action=status&upload={id}");
            let state =
                insist(&mut self.dice, ledger, || http.send("POST", &status, &[JSON], b""))?.json();
            parts = missing(&state, size);
            if parts.is_empty() || state["state"] != "open" {
                break;
            }
            // Both took over from each other, and one of them heard of it too late.
        }
        let said = json!({ "digest": blake3::hash(&order.bytes).to_string() }).to_string();
        let complete = format!("/api/upload?action=complete&upload={id}");
        let done = insist(&mut self.dice, ledger, || {
            http.send("POST", &complete, &[JSON], said.as_bytes())
        })?;
        if done.json()["state"] != "completed" {
            bail!("complete answered {}", done.text());
        }
        Ok(())
    }

    fn tus(&mut self, ledger: &Ledger, order: &Order) -> Result<()> {
        let (http, size) = (self.http(), order.bytes.len());
        let (length, name) = (size.to_string(), encoded(&order.name));
        let headers = [TUS, ("upload-length", length.as_str()), ("upload-metadata", name.as_str())];
        // A lost answer to creating leaves a session that nobody knows; the relay ends it when it expires.
        let begun =
            insist(&mut self.dice, ledger, || http.send("POST", "/api/tus", &headers, b""))?;
        let place = begun.header("location").context("tus says where")?.to_owned();
        loop {
            let head = insist(&mut self.dice, ledger, || http.send("HEAD", &place, &[TUS], b""))?;
            let at: usize = head.header("upload-offset").context("an offset")?.parse()?;
            if at >= size {
                return Ok(());
            }
            let bite = 1 + usize::try_from(self.dice.roll(size as u64 + 1_000_000))?;
            let (end, offset) = (size.min(at + bite), at.to_string());
            let headers = [
                TUS,
                ("content-type", "application/offset+octet-stream"),
                ("upload-offset", offset.as_str()),
            ];
            // Whatever came of it, it goes on where the relay says.
            match judged(http.send("PATCH", &place, &headers, &order.bytes[at..end])) {
                Answer::Is(_) => {}
                Answer::Passes => {
                    ledger.count(|counts| counts.stumbles += 1);
                    pass(self.dice.moment(PAUSE));
                }
                Answer::Never(why) => bail!("{why}"),
            }
        }
    }
}

/// The parts of a file, each of some pieces, in any order, some of them twice; with how many those are.
fn parts(dice: &mut Dice, size: usize, piece: usize) -> (Vec<(usize, usize)>, u64) {
    let (mut parts, mut twice) = (Vec::new(), 0);
    let mut from = 0;
    while from < size {
        let pieces = 1 + usize::try_from(dice.roll(3)).unwrap_or(0);
        let to = size.min(from + pieces * piece);
        parts.push((from, to));
        if dice.roll(4) == 0 {
            parts.push((from, to));
            twice += 1;
        }
        from = to;
    }
    for last in (1..parts.len()).rev() {
        let other = usize::try_from(dice.roll(last as u64 + 1)).unwrap_or(0);
        parts.swap(last, other);
    }
    (parts, twice)
}

/// What a state lacks of a file.
fn missing(state: &Value, size: usize) -> Vec<(usize, usize)> {
    let number = |value: &Value| usize::try_from(value.as_u64().unwrap_or(0)).unwrap_or(0);
    let (mut gaps, mut reached) = (Vec::new(), 0);
    for run in state["received"].as_array().into_iter().flatten() {
        let (from, to) = (number(&run[0]), number(&run[1]));
        if reached < from {
            gaps.push((reached, from));
        }
        reached = to;
    }
    if reached < size {
        gaps.push((reached, size));
    }
    gaps
}

/// A name as tus wants it.
fn encoded(name: &str) -> String {
    format!("filename {}", base64::engine::general_purpose::STANDARD.encode(name))
}
