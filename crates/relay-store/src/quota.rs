//! What an organisation uses, and how much more it may.
//!
//! An upload reserves its size when it begins, so that many that begin at once do not become more
//! than there is room for; completing makes the reservation use. Pure: engines ask here under the lock
//! on the organisation's row.

use serde_json::json;

use crate::access::OrgId;
use crate::audit::NewAudit;
use crate::engine::Result;
use crate::store::RelayStore;

/// What an upload of unknown size reserves at once: enough that it asks seldom, and little beside a
/// quota.
pub const LEASE_BYTES: u64 = 64 * 1024 * 1024;

/// No size is above this: databases count with a sign.
pub(crate) const BYTES_MAX: u64 = i64::MAX.unsigned_abs();

/// Bytes and numbers of an organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Bytes of its files; equal contents count for each.
    pub used: u64,
    /// Bytes that uploads that have not ended may still come to.
    pub reserved: u64,
    /// How much both may be together; nothing: no limit.
    pub quota: Option<u64>,
    /// How many files it has.
    pub files: u64,
    /// How many uploads have not ended.
    pub open: u64,
}

/// Why an upload cannot begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    OverQuota,
    TooMany,
}

impl Usage {
    /// Bytes that are neither used nor reserved.
    #[must_use]
    pub fn free(&self) -> u64 {
        let taken = self.used.saturating_add(self.reserved);
        self.quota.unwrap_or(BYTES_MAX).min(BYTES_MAX).saturating_sub(taken)
    }

    /// With an upload that begins; also how much it reserves.
    pub(crate) fn with_upload(
        self,
        size: Option<u64>,
        open_max: u64,
    ) -> std::result::Result<(Self, u64), Refusal> {
        if self.open >= open_max {
            return Err(Refusal::TooMany);
        }
        let reserve = match size {
            Some(size) if size <= self.free() => size,
            // The last bytes of a quota are for those too who do not know their size.
            None if self.free() > 0 => LEASE_BYTES.min(self.free()),
            _ => return Err(Refusal::OverQuota),
        };
        Ok((Self { reserved: self.reserved + reserve, open: self.open + 1, ..self }, reserve))
    }

    /// With another reservation for an upload that has `own`; nothing where there is no room.
    pub(crate) fn with_reservation(self, own: u64, wanted: u64) -> Option<Self> {
        if wanted > own && wanted - own > self.free() {
            return None;
        }
        Some(Self { reserved: self.reserved.saturating_sub(own) + wanted, ..self })
    }

    /// Without an upload that has `own` reserved.
    pub(crate) fn without_upload(self, own: u64) -> Self {
        Self {
            reserved: self.reserved.saturating_sub(own),
            open: self.open.saturating_sub(1),
            ..self
        }
    }

    /// With an upload that has `own` reserved as a file of `size`; nothing where the quota was made
    /// smaller meanwhile, or where it came to more than it had reserved and there is no room.
    pub(crate) fn with_file(self, own: u64, size: u64) -> Option<Self> {
        let ended = self.without_upload(own);
        // What others have reserved is no reason against what was promised to this one.
        let taken = if size > own { ended.used + ended.reserved } else { ended.used };
        let quota = self.quota.unwrap_or(BYTES_MAX).min(BYTES_MAX);
        if size > quota.saturating_sub(taken) {
            return None;
        }
        Some(Self { used: ended.used + size, files: ended.files + 1, ..ended })
    }

    /// Without a file.
    pub(crate) fn without_file(self, size: u64) -> Self {
        Self { used: self.used.saturating_sub(size), files: self.files.saturating_sub(1), ..self }
    }
}

/// Up to where an upload of unknown size reserves, that has to have room until `until`.
pub(crate) fn lease_until(until: u64) -> u64 {
    until.div_ceil(LEASE_BYTES).saturating_mul(LEASE_BYTES).min(BYTES_MAX)
}

/// What is told of a quota that was set; nothing where it is the same.
pub(crate) fn told(actor: &str, from: Option<u64>, to: Option<u64>) -> Option<NewAudit> {
    let (actor, subject) = (actor.to_owned(), "files".to_owned());
    let data = json!({"from": from, "to": to});
    (from != to).then_some(NewAudit { actor, action: "quota.set", subject, data })
}

impl RelayStore {
    /// What an organisation uses.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn usage(&self, org: OrgId) -> Result<Usage> {
        self.engine.usage(org)
    }

    /// Sets how much an organisation may use and reserve, in bytes; nothing: no limit. What is there
    /// stays, also above it. Answers what is used; a quota that is another one than before is audited.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn set_quota(&self, org: OrgId, actor: &str, quota: Option<u64>) -> Result<Usage> {
        self.engine.set_quota(org, actor, quota.map(|bytes| bytes.min(BYTES_MAX)))
    }

    /// Counts anew what an organisation uses, and how many files have each content. What was counted
    /// wrong is right afterwards; nobody begins, completes or deletes meanwhile.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn recount_usage(&self, org: OrgId, now: i64) -> Result<Usage> {
        self.engine.recount_usage(org, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Usage = Usage { used: 70, reserved: 20, quota: Some(100), files: 1, open: 1 };

    #[test]
    fn what_is_reserved_is_not_given_twice() {
        assert_eq!(FULL.free(), 10);
        assert_eq!(FULL.with_upload(Some(11), 9), Err(Refusal::OverQuota));
        let (next, own) = FULL.with_upload(Some(10), 9).unwrap();
        assert_eq!((next.free(), own, next.open), (0, 10, 2));
        assert_eq!(next.with_upload(Some(1), 9), Err(Refusal::OverQuota));
        assert_eq!(next.with_upload(None, 9), Err(Refusal::OverQuota));
        assert!(next.with_upload(Some(0), 9).is_ok(), "an empty file needs nothing");
        assert_eq!(next.with_upload(Some(0), 2), Err(Refusal::TooMany));
    }

    #[test]
    fn who_does_not_know_the_size_gets_what_is_left() {
        let (next, own) = FULL.with_upload(None, 9).unwrap();
        assert_eq!((own, next.free()), (10, 0));
        let (_, own) = Usage::default().with_upload(None, 9).unwrap();
        assert_eq!(own, LEASE_BYTES);
        assert_eq!(lease_until(1), LEASE_BYTES);
        assert_eq!(lease_until(LEASE_BYTES), LEASE_BYTES);
        assert_eq!(lease_until(LEASE_BYTES + 1), 2 * LEASE_BYTES);
        assert_eq!(lease_until(u64::MAX), BYTES_MAX);
    }

    #[test]
    fn a_promise_holds_until_the_quota_itself_is_smaller() {
        let smaller = Usage { quota: Some(85), ..FULL };
        assert_eq!(smaller.free(), 0);
        assert_eq!(smaller.with_file(15, 15).unwrap().used, 85, "what others reserved is theirs");
        assert!(smaller.with_file(16, 16).is_none());
        assert!(FULL.with_file(5, 16).is_none(), "more than reserved: others' promises count");
        assert_eq!(FULL.with_file(5, 15).unwrap().free(), 0);
    }

    #[test]
    fn sizes_beyond_counting_are_over_any_quota() {
        assert_eq!(Usage::default().with_upload(Some(u64::MAX), 9), Err(Refusal::OverQuota));
        assert!(Usage::default().with_reservation(0, u64::MAX).is_none());
        assert!(Usage::default().with_file(0, u64::MAX).is_none());
    }
}
