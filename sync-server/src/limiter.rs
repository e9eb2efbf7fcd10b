//! How often somebody may ask: per token, and per address before a token is looked at.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use clap::Args;
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};

use crate::problem::{ApiCode, Failure};
use crate::serve::Relay;
use crate::strangers::Strangers;

/// The two headers of draft-ietf-httpapi-ratelimit-headers.
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");

/// Seconds of asking at the full rate that may come at once, after a pause.
const BURST_SECONDS: u32 = 2;

/// Addresses and tokens that are remembered before those that are quiet are forgotten.
const REMEMBERED_MAX: usize = 10_000;

/// Eight connections with requests of a piece each, at the speed of a disk.
const PER_TOKEN: NonZeroU32 = rate(2_000);
const PER_ADDRESS: NonZeroU32 = rate(4_000);

/// An office in which some devices ask with tokens that were revoked stays far below.
const UNKNOWN: NonZeroU32 = rate(120);

/// More than people ask for; a program gone wrong stops here.
const WAITING_JOBS: u64 = 10_000;

const fn rate(number: u32) -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(number - 1)
}

type Keyed<K> = RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// How often.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Rates {
    /// Requests a second for uploads and files, of one token; twice as many may come at once.
    #[arg(long, env = "KARTEI_RATE_PER_TOKEN", default_value_t = PER_TOKEN, value_name = "NUMBER")]
    rate_per_token: NonZeroU32,
    /// The same of one address, which may be an office of many people.
    #[arg(long, env = "KARTEI_RATE_PER_ADDRESS", default_value_t = PER_ADDRESS, value_name = "NUMBER")]
    rate_per_address: NonZeroU32,
    /// Requests a minute with tokens that are not known, or codes of a provider that are not good, of one address. Tokens
    /// that were good before go on.
    #[arg(long, env = "KARTEI_RATE_UNKNOWN_TOKENS", default_value_t = UNKNOWN, value_name = "NUMBER")]
    rate_unknown_tokens: NonZeroU32,
    /// Analyses and calibrations of one organisation that may wait to begin; beyond that 429.
    #[arg(long, env = "KARTEI_WAITING_JOBS", default_value_t = WAITING_JOBS, value_name = "NUMBER")]
    waiting_jobs: u64,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            rate_per_token: PER_TOKEN,
            rate_per_address: PER_ADDRESS,
            rate_unknown_tokens: UNKNOWN,
            waiting_jobs: WAITING_JOBS,
        }
    }
}

/// Counts requests.
pub(crate) struct Limiter {
    rates: Rates,
    by_token: Keyed<i64>,
    by_address: Keyed<IpAddr>,
    strangers: Strangers,
}

impl std::fmt::Debug for Limiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limiter").field("rates", &self.rates).finish_non_exhaustive()
    }
}

fn quota(rate: NonZeroU32) -> Quota {
    Quota::per_second(rate)
        .allow_burst(rate.saturating_mul(NonZeroU32::MIN.saturating_add(BURST_SECONDS - 1)))
}

/// 429: nothing is left of what the policy allows under this name, for so many seconds.
pub(crate) fn refused_for(
    code: ApiCode,
    detail: String,
    policy: &str,
    name: &str,
    seconds: u64,
) -> Failure {
    let failure = Failure::new(StatusCode::TOO_MANY_REQUESTS, code, detail)
        .header(header::RETRY_AFTER, HeaderValue::from(seconds));
    let state = format!("\"{name}\";r=0;t={seconds}");
    [(POLICY, policy), (STATE, &state)].into_iter().fold(failure, |failure, (header, text)| {
        match HeaderValue::from_str(text) {
            Ok(value) => failure.header(header, value),
            Err(_) => failure,
        }
    })
}

impl Limiter {
    pub(crate) fn new(rates: Rates) -> Self {
        let by_token = RateLimiter::keyed(quota(rates.rate_per_token)).with_middleware();
        let by_address = RateLimiter::keyed(quota(rates.rate_per_address)).with_middleware();
        let strangers = Strangers::new(rates.rate_unknown_tokens);
        Self { rates, by_token, by_address, strangers }
    }

    /// How many jobs of an organisation may wait.
    pub(crate) fn waiting_jobs(&self) -> u64 {
        self.rates.waiting_jobs
    }

    /// Those whose tokens are not known.
    pub(crate) fn strangers(&self) -> &Strangers {
        &self.strangers
    }

    fn check<K: std::hash::Hash + Eq + Clone>(
        limiter: &Keyed<K>,
        key: &K,
        name: &'static str,
        rate: NonZeroU32,
    ) -> Result<[(HeaderName, String); 2], Failure> {
        if limiter.len() > REMEMBERED_MAX {
            limiter.retain_recent();
        }
        let policy = format!("\"{name}\";q={rate};w=1");
        match limiter.check_key(key) {
            Ok(state) => {
                let left = state.remaining_burst_capacity();
                Ok([(POLICY, policy), (STATE, format!("\"{name}\";r={left}"))])
            }
            Err(refused) => {
                let wait = refused.wait_time_from(DefaultClock::default().now());
                let seconds = wait.as_secs() + 1;
                let detail =
                    format!("more than {rate} requests a second for one {name}; ask again");
                Err(refused_for(ApiCode::TooManyRequests, detail, &policy, name, seconds))
            }
        }
    }

    /// Counts a request of a checked token.
    ///
    /// # Errors
    /// 429.
    pub(crate) fn token(&self, token: i64) -> Result<(), Failure> {
        Self::check(&self.by_token, &token, "token", self.rates.rate_per_token).map(drop)
    }
}

/// Counts each request of an address before anything is done for it.
pub(crate) async fn by_address(
    State(relay): State<Arc<Relay>>,
    request: Request,
    next: Next,
) -> Response {
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let Some(address) = address else { return next.run(request).await };
    let limiter = relay.limiter();
    let rate = limiter.rates.rate_per_address;
    match Limiter::check(&limiter.by_address, &address, "address", rate) {
        Err(failure) => failure.into_response(),
        Ok(told) => {
            let mut response = next.run(request).await;
            for (name, text) in told {
                if let (false, Ok(value)) =
                    (response.headers().contains_key(&name), HeaderValue::from_str(&text))
                {
                    response.headers_mut().insert(name, value);
                }
            }
            response
        }
    }
}
