//! A program of somebody else, which changes profiles over HTTP through either relay.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use kartei_test_support::{Dice, Http, Reply};
use serde_json::json;

use crate::files;
use crate::ledger::Ledger;

/// The token's name, by which its changes are signed.
pub(crate) const NAME: &str = "Integrator";

/// What it does and what came of it.
pub(crate) struct Integrator {
    http: Http,
    dice: Dice,
    pub(crate) counts: BTreeMap<String, u64>,
}

impl Integrator {
    pub(crate) fn new(http: Http, dice: Dice) -> Self {
        Self { http, dice, counts: BTreeMap::new() }
    }

    /// Reads a profile and changes it.
    pub(crate) fn act(&mut self, ledger: &Ledger) -> Result<()> {
        let id = files::some_base(&mut self.dice);
        let read = self.http.get(&format!("/profiles/{id}"));
        let Some(read) = self.counted("read", read)? else { return Ok(()) };
        let Some(tag) = read.header("etag").filter(|_| read.status == 200) else { return Ok(()) };
        let key = format!("r-{}", ledger.number());
        let patch = json!({"attributes": {&key: NAME}}).to_string();
        let headers = [("content-type", "application/merge-patch+json"), ("if-match", tag)];
        let path = format!("/profiles/{id}");
        let sent = self.http.send("PATCH", &path, &headers, patch.as_bytes());
        let Some(sent) = self.counted("patch", sent)? else { return Ok(()) };
        if sent.status == 200 {
            ledger.edited(&id, format!("/attributes/{key}"), NAME);
        }
        Ok(())
    }

    /// The answer, where one came whole and from a relay that works.
    fn counted(&mut self, what: &str, reply: Result<Reply>) -> Result<Option<Reply>> {
        let Ok(reply) = reply else {
            *self.counts.entry(format!("{what} without an answer")).or_default() += 1;
            return Ok(None);
        };
        *self.counts.entry(format!("{what} {}", reply.status)).or_default() += 1;
        match reply.status {
            // 404 where it is deleted, 412 where somebody was quicker.
            200 | 404 | 412 => Ok(Some(reply)),
            500..=599 => Ok(None),
            status => bail!("{what} over HTTP answered {status}: {}", reply.text()),
        }
    }
}
