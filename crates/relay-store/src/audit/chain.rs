//! The audit as a chain: each event carries a hash over the one before, so that what is changed, left out
//! or put in between later does not fit any more.
//!
//! Pure. Who can write everything can write the whole chain anew: against that helps a hash that somebody
//! else keeps, which `kartei-relay audit --verify` prints.

use super::{AuditEvent, AuditHead};

/// The hash before the first event: another one for each organisation, so that chains cannot be exchanged.
pub(crate) fn beginning(org: i64) -> [u8; 32] {
    *blake3::hash(format!("kartei audit of organisation {org}").as_bytes()).as_bytes()
}

/// The hash of an event behind the one with this hash. Texts are hashed with their lengths before them, so
/// that no two events are the same bytes.
pub(crate) fn link(before: &[u8; 32], event: &AuditEvent) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before);
    hasher.update(&event.seq.to_le_bytes());
    hasher.update(&event.at.to_le_bytes());
    for text in [&event.actor, &event.action, &event.subject, &event.data] {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// An audit that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {seq}: {reason}")]
pub struct BrokenAudit {
    /// The first number that does not fit.
    pub seq: u64,
    /// What does not.
    pub reason: &'static str,
}

/// A chain as far as it was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditChain {
    seq: u64,
    hash: [u8; 32],
}

impl AuditChain {
    /// Before the first event.
    pub(crate) fn begin(org: i64) -> Self {
        Self { seq: 0, hash: beginning(org) }
    }

    /// The number of the event that was checked last; 0 before the first.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Its hash.
    #[must_use]
    pub fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// Goes on over the next event.
    ///
    /// # Errors
    /// Where it does not follow, or is not what it was when it was written.
    pub fn next(&mut self, event: &AuditEvent) -> Result<(), BrokenAudit> {
        let seq = self.seq + 1;
        if event.seq != seq {
            return Err(BrokenAudit { seq, reason: "it is missing" });
        }
        let hash = link(&self.hash, event);
        if hash != event.hash {
            return Err(BrokenAudit {
                seq,
                reason: "it is not what was written, or one before was replaced",
            });
        }
        (self.seq, self.hash) = (seq, hash);
        Ok(())
    }

    /// Whether this is where the audit ends.
    ///
    /// # Errors
    /// Where events behind this one are missing, or were put there.
    pub fn ends_at(&self, head: Option<&AuditHead>) -> Result<(), BrokenAudit> {
        let (seq, hash) = head.map_or((0, None), |head| (head.seq, Some(head.hash)));
        if seq > self.seq {
            return Err(BrokenAudit { seq: self.seq + 1, reason: "it is missing" });
        }
        if seq < self.seq {
            return Err(BrokenAudit { seq: seq + 1, reason: "it lies behind the end" });
        }
        match hash {
            Some(hash) if hash != self.hash => {
                Err(BrokenAudit { seq, reason: "the end says another hash" })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(seq: u64, subject: &str) -> AuditEvent {
        AuditEvent {
            seq,
            at: 5,
            actor: "Ada".to_owned(),
            action: "job.forced".to_owned(),
            subject: subject.to_owned(),
            data: String::new(),
            hash: [0; 32],
        }
    }

    fn written(org: i64, subjects: &[&str]) -> Vec<AuditEvent> {
        let mut before = beginning(org);
        let made = subjects.iter().zip(1..).map(|(subject, seq)| {
            let mut event = event(seq, subject);
            event.hash = link(&before, &event);
            before = event.hash;
            event
        });
        made.collect()
    }

    fn checked(org: i64, events: &[AuditEvent]) -> Result<AuditChain, BrokenAudit> {
        let mut chain = AuditChain::begin(org);
        for event in events {
            chain.next(event)?;
        }
        Ok(chain)
    }

    #[test]
    fn what_was_changed_is_found_at_its_number() {
        let good = written(1, &["a", "b", "c"]);
        let chain = checked(1, &good).unwrap();
        assert_eq!(chain.seq(), 3);
        let at = |broken: Result<AuditChain, BrokenAudit>| broken.unwrap_err().seq;
        assert_eq!(at(checked(2, &good)), 1, "of another organisation");
        assert_eq!(at(checked(1, &good[1..])), 1, "the first is missing");
        let mut changed = good.clone();
        changed[1].subject = "x".to_owned();
        assert_eq!(at(checked(1, &changed)), 2);
        // Written anew with a hash of its own: the next one does not fit.
        changed[1].hash = link(&good[0].hash, &changed[1]);
        assert_eq!(at(checked(1, &changed)), 3);
        let without = [good[0].clone(), good[2].clone()];
        assert_eq!(at(checked(1, &without)), 2);
        // Texts that run into each other are different events.
        let (mut one, mut other) = (event(1, "b"), event(1, ""));
        one.data = "c".to_owned();
        other.data = "bc".to_owned();
        assert_ne!(link(&[0; 32], &one), link(&[0; 32], &other));
    }

    #[test]
    fn what_is_missing_at_the_end_is_found() {
        let good = written(1, &["a", "b"]);
        let head = AuditHead { seq: 2, hash: good[1].hash };
        checked(1, &good).unwrap().ends_at(Some(&head)).unwrap();
        let short = checked(1, &good[..1]).unwrap();
        assert_eq!(short.ends_at(Some(&head)).unwrap_err().seq, 2);
        let early = AuditHead { seq: 1, hash: good[0].hash };
        assert_eq!(checked(1, &good).unwrap().ends_at(Some(&early)).unwrap_err().seq, 2);
        let other = AuditHead { seq: 2, hash: [9; 32] };
        assert_eq!(checked(1, &good).unwrap().ends_at(Some(&other)).unwrap_err().seq, 2);
        assert_eq!(checked(1, &good).unwrap().ends_at(None).unwrap_err().seq, 1);
        AuditChain::begin(1).ends_at(None).unwrap();
    }
}
