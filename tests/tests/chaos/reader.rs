//! A reader of the feed, beside everything: it must miss nothing and never be sent back.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use kartei_test_support::{Dice, Http};
use serde_json::Value;

/// Events that are read from a stream before it is left.
const EVENTS_AT_ONCE: u64 = 40;

/// A profile as the feed told it last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) revision: u64,
    pub(crate) hash: String,
    pub(crate) deleted: bool,
    pub(crate) conflicts: u64,
}

impl Told {
    fn of(profile: &Value) -> Result<(String, Self)> {
        let text = |name: &str| profile[name].as_str().map(str::to_owned);
        let told = Self {
            revision: profile["revision"].as_u64().context("a row has a revision")?,
            hash: text("etag").context("a row has a tag")?.trim_matches('"').to_owned(),
            deleted: profile["deleted"] == true,
            conflicts: profile["conflicts"].as_u64().unwrap_or_default(),
        };
        Ok((text("id").context("a row has an id")?, told))
    }
}

/// What it has read.
pub(crate) struct Reader {
    http: Http,
    dice: Dice,
    pub(crate) at: u64,
    head: u64,
    pub(crate) rows: u64,
    pub(crate) known: BTreeMap<String, Told>,
}

impl Reader {
    pub(crate) fn new(http: Http, dice: Dice) -> Self {
        Self { http, dice, at: 0, head: 0, rows: 0, known: BTreeMap::new() }
    }

    /// Reads on, in one of the ways; a relay that is away is no failure.
    pub(crate) fn act(&mut self) -> Result<()> {
        if self.dice.roll(3) == 0 {
            self.follow()
        } else {
            self.page()?;
            Ok(())
        }
    }

    /// Reads until nothing is left.
    pub(crate) fn finish(&mut self) -> Result<bool> {
        Ok(self.page()? == Some(false))
    }

    /// Reads a page; whether there is more, where it came.
    fn page(&mut self) -> Result<Option<bool>> {
        let path = format!("/profiles/changes?since_rev={}&limit=200", self.at);
        let Ok(reply) = self.http.get(&path) else { return Ok(None) };
        if reply.status >= 500 {
            return Ok(None);
        }
        let page = reply.expect(200)?.json();
        let head = page["head_rev"].as_u64().context("a page has a head")?;
        ensure!(head >= self.head, "the head went back from {} to {head}", self.head);
        self.head = head;
        for profile in page["profiles"].as_array().context("a page has profiles")? {
            self.take(profile)?;
        }
        Ok(Some(page["more"] == true))
    }

    /// Follows the events for a while.
    fn follow(&mut self) -> Result<()> {
        let from = self.at.to_string();
        let headers = [("accept", "text/event-stream"), ("last-event-id", from.as_str())];
        let Ok(mut events) = self.http.events("/profiles/changes", &headers) else { return Ok(()) };
        for _ in 0..self.dice.roll(EVENTS_AT_ONCE) {
            let Ok(event) = events.next_event() else { return Ok(()) };
            // One that was cut off is not JSON: the stream ends there.
            let Ok(profile) = serde_json::from_str(&event.data) else { return Ok(()) };
            self.take(&profile)?;
            ensure!(event.id == self.at.to_string(), "event {} tells of {}", event.id, self.at);
        }
        Ok(())
    }

    fn take(&mut self, profile: &Value) -> Result<()> {
        let (id, told) = Told::of(profile)?;
        ensure!(told.revision > self.at, "`{id}` comes at {} after {}", told.revision, self.at);
        self.at = told.revision;
        self.head = self.head.max(told.revision);
        self.rows += 1;
        self.known.insert(id, told);
        Ok(())
    }
}
