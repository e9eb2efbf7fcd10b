//! The report as it is told.

use serde_json::{Value, json};

use super::findings::findings;
use super::{AGES_DAYS, Attribute, Quality, Signal};
use crate::interval::share_interval;
use crate::moments::Moments;
use crate::{ENGINE_VERSION, Input};

/// Of how many profiles something is told.
#[derive(Clone, Copy)]
pub(super) struct Of {
    pub(super) seen: u64,
    pub(super) total: u64,
}

impl Of {
    /// A number of profiles with its share, and between what the share of all lies while that is open.
    fn share(self, count: u64) -> Value {
        let share = (self.seen > 0).then(|| count as f64 / self.seen as f64);
        let mut told = json!({"count": count, "share": share});
        if self.seen < self.total
            && let Some(interval) = share_interval(count, self.seen, self.total)
        {
            told["low"] = json!(interval.low);
            told["high"] = json!(interval.high);
        }
        told
    }
}

fn numbers(moments: &Moments) -> Value {
    let Some((least, greatest)) = moments.range() else { return Value::Null };
    json!({
        "count": moments.count(),
        "mean": moments.mean(),
        "deviation": moments.deviation(),
        "least": least,
        "greatest": greatest,
    })
}

fn attribute(of: Of, name: &str, attribute: &Attribute) -> Value {
    json!({
        "name": name,
        "present": of.share(attribute.present()),
        "missing": of.share(of.seen.saturating_sub(attribute.present())),
        "texts": attribute.texts,
        "numbers": attribute.numbers,
        "flags": attribute.flags,
        "nulls": attribute.nulls,
        "values": attribute.values.as_ref().map(std::collections::BTreeSet::len),
        "of_numbers": numbers(&attribute.moments),
    })
}

fn signal(of: Of, name: &str, signal: &Signal) -> Value {
    json!({
        "name": name,
        "present": of.share(signal.profiles),
        "missing": of.share(of.seen.saturating_sub(signal.profiles)),
        "of_values": numbers(&signal.moments),
    })
}

fn ages(of: Of, quality: &Quality) -> Vec<Value> {
    let bounds = AGES_DAYS.iter().copied().map(Some).chain([None]);
    bounds
        .zip(quality.ages)
        .map(
            |(within_days, count)| json!({"within_days": within_days, "profiles": of.share(count)}),
        )
        .collect()
}

/// What is told: everything in it is of the profiles that were seen, `input.total` is how many there are.
pub(crate) fn report(quality: &Quality, input: &Input, as_of_ms: i64) -> Value {
    let of = Of { seen: quality.profiles, total: input.total };
    let without_consent = of.seen - quality.consent_given - quality.consent_withheld;
    json!({
        "analysis": "quality",
        "engine": ENGINE_VERSION,
        "params": {},
        "input": {
            "epoch": input.epoch,
            "revision": input.rev,
            "filter": input.filter,
            "as_of": as_of_ms,
        },
        "done": of.seen,
        "total": of.total,
        "profiles": {
            "named": of.share(quality.named),
            "tagged": of.share(quality.tagged),
            "with_notes": of.share(quality.noted),
            "in_conflict": of.share(quality.in_conflict),
            "unobserved": of.share(quality.unobserved),
            "observed_ahead": of.share(quality.ahead),
        },
        "consent": {
            "given": of.share(quality.consent_given),
            "withheld": of.share(quality.consent_withheld),
            "unknown": of.share(without_consent),
        },
        "observations": numbers(&quality.observations),
        "ages": ages(of, quality),
        "attributes": quality.attributes.iter()
            .map(|(name, one)| attribute(of, name, one)).collect::<Vec<_>>(),
        "signals": quality.signals.iter()
            .map(|(name, one)| signal(of, name, one)).collect::<Vec<_>>(),
        "names_left_out": quality.names_left_out,
        "findings": findings(quality, of),
    })
}
