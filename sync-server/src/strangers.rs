//! Requests with tokens that are not known, and with codes of a provider that are not good, counted by address: who
//! tries many is put off before anything is looked up.
//!
//! Tokens are 256 random bits, which nobody guesses; this keeps those who try from the database. Behind a proxy many
//! people come from one address, so a token that was good before goes on whatever others of its address do. Only one
//! that was not used since the relay began has to wait with them.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::limiter::refused_for;
use crate::problem::{ApiCode, Failure};

/// For so long failures are counted together.
const WINDOW: Duration = Duration::from_secs(60);

/// Addresses that are remembered, and tokens. What is beyond that begins anew.
const REMEMBERED_MAX: usize = 10_000;

/// Bits of an IPv6 address that one network has.
const NETWORK: u128 = !0 << 64;

type Hash = [u8; 32];

/// Who failed, and which tokens were good.
#[derive(Debug)]
pub(crate) struct Strangers {
    failed_max: NonZeroU32,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    failed: HashMap<IpAddr, Failed>,
    /// Hashes: a token itself is kept nowhere.
    good: HashSet<Hash>,
}

/// The failures of an address.
#[derive(Debug, Clone, Copy)]
struct Failed {
    since: Instant,
    times: u32,
}

/// A token that is looked at, and where it came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Knock {
    address: IpAddr,
    token: Hash,
}

impl Knock {
    pub(crate) fn new(address: IpAddr, token: &str) -> Self {
        Self { address: network(address), token: Sha256::digest(token.as_bytes()).into() }
    }
}

/// One subscriber has a whole network of IPv6 addresses.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & NETWORK).into(),
        address @ IpAddr::V4(_) => address,
    }
}

impl Strangers {
    /// At most so many failures of an address in a minute.
    pub(crate) fn new(failed_max: NonZeroU32) -> Self {
        Self { failed_max, seen: Mutex::default() }
    }

    /// Whether the token may be looked up.
    ///
    /// # Errors
    /// 429 where too many of its address were not known, and it was not good before.
    pub(crate) fn let_in(&self, knock: &Knock, now: Instant) -> Result<(), Failure> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(failed) = seen.failed.get(&knock.address) else { return Ok(()) };
        let left = WINDOW.saturating_sub(now.saturating_duration_since(failed.since));
        if left.is_zero()
            || failed.times < self.failed_max.get()
            || seen.good.contains(&knock.token)
        {
            return Ok(());
        }
        let max = self.failed_max;
        let detail =
            format!("more than {max} requests a minute with tokens or codes that are not known");
        let policy = format!("\"unknown-tokens\";q={max};w={}", WINDOW.as_secs());
        let code = ApiCode::TooManyRequests;
        Err(refused_for(code, detail, &policy, "unknown-tokens", left.as_secs() + 1))
    }

    /// Notes what the token was.
    pub(crate) fn note(&self, knock: &Knock, is_known: bool, now: Instant) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if is_known {
            if seen.good.len() >= REMEMBERED_MAX {
                seen.good.clear();
            }
            seen.good.insert(knock.token);
            return;
        }
        seen.good.remove(&knock.token);
        let is_over = |failed: &Failed| now.saturating_duration_since(failed.since) >= WINDOW;
        if seen.failed.len() >= REMEMBERED_MAX {
            seen.failed.retain(|_, failed| !is_over(failed));
        }
        if seen.failed.len() >= REMEMBERED_MAX {
            seen.failed.clear();
        }
        let none = Failed { since: now, times: 0 };
        let failed = seen.failed.entry(knock.address).or_insert(none);
        if is_over(failed) {
            *failed = none;
        }
        failed.times = failed.times.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: u32 = 3;

    fn strangers() -> Strangers {
        Strangers::new(NonZeroU32::new(MAX).unwrap())
    }

    fn knock(address: &str, token: &str) -> Knock {
        Knock::new(address.parse().unwrap(), token)
    }

    #[test]
    fn who_fails_often_waits_until_the_minute_is_over() {
        let (strangers, now) = (strangers(), Instant::now());
        let one = knock("192.0.2.1", "a");
        for _ in 0..MAX {
            strangers.let_in(&one, now).unwrap();
            strangers.note(&one, false, now);
        }
        assert!(strangers.let_in(&one, now).is_err());
        assert!(strangers.let_in(&knock("192.0.2.1", "b"), now).is_err(), "whatever the token");
        strangers.let_in(&knock("192.0.2.2", "a"), now).unwrap();
        assert!(strangers.let_in(&one, now + WINDOW - Duration::from_millis(1)).is_err());
        strangers.let_in(&one, now + WINDOW).unwrap();
        strangers.note(&one, false, now + WINDOW);
        strangers.let_in(&one, now + WINDOW).unwrap();
    }

    #[test]
    fn a_token_that_was_good_goes_on_until_it_fails_itself() {
        let (strangers, now) = (strangers(), Instant::now());
        let (good, bad) = (knock("192.0.2.1", "good"), knock("192.0.2.1", "bad"));
        strangers.note(&good, true, now);
        (0..MAX).for_each(|_| strangers.note(&bad, false, now));
        assert!(strangers.let_in(&bad, now).is_err());
        strangers.let_in(&good, now).unwrap();
        strangers.note(&good, false, now);
        assert!(strangers.let_in(&good, now).is_err(), "it was revoked meanwhile");
    }

    #[test]
    fn a_network_is_one_address() {
        let (strangers, now) = (strangers(), Instant::now());
        for host in ["2001:db8::1", "2001:db8::2", "2001:db8::ffff:0:0:3"] {
            strangers.note(&knock(host, "a"), false, now);
        }
        assert!(strangers.let_in(&knock("2001:db8::4", "a"), now).is_err());
        strangers.let_in(&knock("2001:db8:0:1::1", "a"), now).unwrap();
        assert_eq!(network("::ffff:192.0.2.1".parse().unwrap()).to_string(), "192.0.2.1");
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let (strangers, now) = (strangers(), Instant::now());
        for n in 0..25_000_u32 {
            let address = IpAddr::from(n.to_be_bytes());
            strangers.note(&Knock::new(address, "a"), false, now);
            strangers.note(&Knock::new(address, &n.to_string()), true, now);
        }
        let seen = strangers.seen.lock().unwrap();
        assert!(seen.failed.len() <= REMEMBERED_MAX && seen.good.len() <= REMEMBERED_MAX);
    }
}
