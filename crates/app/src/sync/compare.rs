//! Comparing with the relay after an exchange, and mending what differs (docs/adr/0011).

use std::sync::atomic::Ordering;

use kartei_protocol::problem::{Problem, ProblemCode};
use kartei_protocol::sync::FETCH_IDS_MAX;

use super::exchange::{Exchange, Failed};
use crate::clock;

impl Exchange {
    /// After an exchange: where the totals differ, finds out what, and mends it. `agrees` is what the
    /// exchange told. Answers whether something has to be sent now.
    pub(crate) async fn compared(&self, agrees: Option<bool>) -> Result<bool, Failed> {
        let store = &self.shared.store;
        let now = clock::now();
        // Of what still differs after a repair a person was told; trying again would find the same.
        let is_known = || Ok::<_, Failed>(store.difference_left()?.is_some());
        let differs = match agrees {
            Some(true) => store.scrub(now)?,
            Some(false) => store.scrub(now)? || !is_known()? || store.buckets_are_due(now)?,
            None => store.buckets_are_due(now)?,
        };
        if differs {
            self.mend().await?;
        }
        Ok(store.has_sendable()?)
    }

    /// Compares buckets, then the profiles of those that differ, and mends these.
    async fn mend(&self) -> Result<(), Failed> {
        let store = &self.shared.store;
        let theirs = self.client.digests().await?;
        let Some(buckets) = store.differing_buckets(&theirs)? else { return Ok(()) };
        let problem = Problem::new(
            ProblemCode::Differs,
            "this data folder and the relay hold different things, and reading them again did not \
             help: run `kartei check`, and ask for `kartei-relay check` at the relay",
        );
        let problem = serde_json::to_string(&problem).unwrap_or_default();
        // Once in an exchange: what a repair did not mend it would not mend the next time either.
        if buckets.is_empty() || self.has_mended.swap(true, Ordering::Relaxed) {
            store.end_comparison(&theirs, &problem)?;
            return Ok(());
        }
        tracing::warn!(buckets = buckets.len(), "This replica and the relay differ");
        let found = self.client.members(&buckets).await?;
        let differing = store.differences(&buckets, &found.epoch, found.rev, &found.members)?;
        // Others wrote meanwhile: the next exchange compares again.
        let Some(ids) = differing else { return Ok(()) };
        for part in ids.chunks(FETCH_IDS_MAX) {
            let lines = self.client.fetch(part).await?;
            let now = clock::now();
            let mended = store.mend_differences(&self.session, now, part, &lines)?;
            tracing::warn!(mended.replaced, mended.offered, "Differences were mended");
        }
        store.end_comparison(&theirs, &problem)?;
        if !ids.is_empty() {
            self.shared.hub.profiles_changed();
        }
        Ok(())
    }
}
