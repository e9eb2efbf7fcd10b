//! Sizes and streams follow what a link does. The links are simulated: bytes flow in steps of time.

mod support;

use kartei_upload_core::{Answer, End, Failure, Phase, Plan, Step, Ticket};
use support::Model;

const MIB: u64 = 1024 * 1024;

/// A link, as all requests of an upload share it.
#[derive(Debug, Clone, Copy)]
struct Link {
    /// Bytes a millisecond of all streams together.
    per_ms: f64,
    /// Bytes a millisecond of one stream: what its window allows over the way's latency.
    per_stream_ms: f64,
    /// From the last byte to the answer.
    answer_ms: u64,
    /// A connection is cut each time that so many bytes went through it.
    cut_every: Option<u64>,
    /// A stream's own limit changes all the time, by up to this share of it in both directions.
    noise: f64,
}

struct Flying {
    ticket: Ticket,
    step: Step,
    bytes: u64,
    gone: f64,
    /// How far its limit is from what it is on average, for now.
    luck: f64,
    answer_at: Option<u64>,
}

struct Seen {
    millis: u64,
    /// As they were in the second half of the upload.
    request_bytes: u64,
    streams: u32,
    /// Parts that had been acknowledged when fewer streams than eight were at it for the last time, but for the end.
    parts_below_eight: u32,
}

/// Uploads `size` bytes and answers how that went.
fn upload(size: u64, link: Link) -> Seen {
    upload_with(size, link, 7)
}

/// The same, with other luck.
fn upload_with(size: u64, link: Link, seed: u64) -> Seen {
    const STEP_MS: u64 = 5;
    /// How long a stream's luck lasts: some round trips.
    const LUCK_MS: u64 = 250;
    let mut plan = Plan::new(size, None, 0);
    let mut relay = Model::new(size, MIB, 64 * MIB, 8);
    let mut flying: Vec<Flying> = Vec::new();
    let (mut now, mut since_cut, mut dice) = (0, 0.0, seed);
    let (mut parts, mut parts_below_eight) = (0, 0);
    let (mut sizes, mut streams) = (Vec::new(), Vec::new());
    loop {
        while let Some((ticket, step)) = plan.next(now) {
            let bytes = match step {
                Step::Send { from, to } => to - from,
                _ => 0,
            };
            flying.push(Flying { ticket, step, bytes, gone: 0.0, luck: 1.0, answer_at: None });
        }
        if let Phase::Ended(end) = plan.phase() {
            assert!(matches!(end, End::Completed { .. }), "{end:?}");
            break;
        }
        let progress = plan.progress(now);
        if progress.durable > size / 2 && progress.durable < size * 9 / 10 {
            sizes.push(progress.request_bytes);
            streams.push(u64::from(progress.streams));
        }
        if progress.streams < 8 && progress.durable < size * 8 / 10 {
            parts_below_eight = parts;
        }
        now += STEP_MS;
        let sending = flying.iter().filter(|f| f.answer_at.is_none()).count().max(1);
        #[expect(clippy::cast_precision_loss, reason = "a simulation")]
        let share = link.per_ms / sending as f64;
        let mut done = Vec::new();
        for (index, flight) in flying.iter_mut().enumerate() {
            dice = dice
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            #[expect(clippy::cast_precision_loss, reason = "a simulation")]
            if flight.answer_at.is_none() {
                if now.is_multiple_of(LUCK_MS) {
                    let roll = (dice >> 40) as f64 / f64::from(1_u32 << 24);
                    flight.luck = 1.0 + link.noise * (2.0 * roll - 1.0);
                }
                let own = share.min(link.per_stream_ms * flight.luck) * STEP_MS as f64;
                let moved = own.min(flight.bytes as f64 - flight.gone);
                flight.gone += moved;
                since_cut += moved;
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "small"
                )]
                plan.sent(flight.ticket, now, moved as u64);
                if flight.gone >= flight.bytes as f64 {
                    flight.answer_at = Some(now + link.answer_ms);
                }
            }
            #[expect(clippy::cast_precision_loss, reason = "a simulation")]
            let cut = link.cut_every.is_some_and(|every| since_cut > every as f64);
            if cut && flight.bytes > 0 {
                since_cut = 0.0;
                done.push((index, true));
            } else if flight.answer_at.is_some_and(|at| now >= at) {
                done.push((index, false));
            }
        }
        for (index, cut) in done.into_iter().rev() {
            let flight = flying.swap_remove(index);
            let session = plan.session().map(str::to_owned);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "within the file"
            )]
            let arrived = if cut { flight.gone as u64 } else { flight.bytes };
            let reply = relay.take(session.as_deref(), flight.step, arrived);
            let answer = match reply {
                Ok(state) if !cut => Answer::State(Box::new(state)),
                _ => Answer::Failed(Failure::unreachable()),
            };
            plan.settle(flight.ticket, now, dice >> 33, answer);
            parts += 1;
        }
    }
    let mean = |all: &[u64]| all.iter().sum::<u64>() / (all.len() as u64).max(1);
    Seen {
        millis: now,
        request_bytes: mean(&sizes),
        streams: u32::try_from(mean(&streams)).expect("eight at most"),
        parts_below_eight,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a simulation")]
fn share_of(size: u64, link: Link, seen: &Seen) -> f64 {
    size as f64 / link.per_ms / seen.millis as f64
}

/// 1 Gbit/s, that one stream fills.
const FAST: Link = Link {
    per_ms: 125_000.0,
    per_stream_ms: 125_000.0,
    answer_ms: 20,
    cut_every: None,
    noise: 0.0,
};

#[test]
fn a_fast_link_gets_large_requests_and_few_streams() {
    let size = 4096 * MIB;
    let seen = upload(size, FAST);
    assert!(seen.request_bytes >= 32 * MIB, "{}", seen.request_bytes);
    assert!(seen.streams <= 3, "one stream fills it: {}", seen.streams);
    assert!(share_of(size, FAST, &seen) > 0.85, "{} ms", seen.millis);
}

#[test]
fn a_slow_link_gets_small_requests() {
    let link =
        Link { per_ms: 200.0, per_stream_ms: 200.0, answer_ms: 50, cut_every: None, noise: 0.0 };
    let size = 64 * MIB;
    let seen = upload(size, link);
    assert!(seen.request_bytes <= 2 * MIB, "{}", seen.request_bytes);
    assert!(seen.streams <= 3, "{}", seen.streams);
    assert!(share_of(size, link, &seen) > 0.9, "{} ms", seen.millis);
}

#[test]
fn a_long_way_gets_many_streams() {
    // 200 Mbit/s, of which one stream's window gets a tenth over the latency.
    let link = Link {
        per_ms: 25_000.0,
        per_stream_ms: 2_500.0,
        answer_ms: 300,
        cut_every: None,
        noise: 0.0,
    };
    let size = 2048 * MIB;
    let seen = upload(size, link);
    assert!(seen.streams >= 6, "{}", seen.streams);
    assert!(share_of(size, link, &seen) > 0.6, "{} ms", seen.millis);
}

#[test]
fn a_lossy_link_gets_small_requests_and_still_everything() {
    let lossy = Link { cut_every: Some(40 * MIB), ..FAST };
    let size = 2048 * MIB;
    let seen = upload(size, lossy);
    let calm = upload(size, FAST);
    assert!(seen.request_bytes * 2 <= calm.request_bytes, "{}", seen.request_bytes);
    assert!(seen.streams <= 4, "{}", seen.streams);
}

/// 200 Mbit/s with losses, each of which holds one connection back and none of the others: a connection has a
/// thirtieth of the link, more or less.
const HOLDING_BACK: Link =
    Link { per_ms: 25_000.0, per_stream_ms: 800.0, answer_ms: 25, cut_every: None, noise: 0.7 };

#[test]
fn streams_that_are_held_back_by_losses_become_eight_within_some_parts_and_stay() {
    for seed in 0..60 {
        let size = 128 * MIB;
        let seen = upload_with(size, HOLDING_BACK, 1 + seed * 7_919);
        assert_eq!(seen.streams, 8, "seed {seed}");
        assert!(seen.parts_below_eight <= 24, "seed {seed}: after {}", seen.parts_below_eight);
        let eight = Link { per_ms: 8.0 * HOLDING_BACK.per_stream_ms, ..HOLDING_BACK };
        assert!(share_of(size, eight, &seen) > 0.6, "seed {seed}: {} ms", seen.millis);
    }
}

#[test]
fn a_link_that_few_streams_fill_keeps_few_however_restless_it_is() {
    for seed in 0..20 {
        // Two streams fill it nearly, three do.
        let link = Link { per_ms: 10_000.0, per_stream_ms: 9_000.0, noise: 0.5, ..FAST };
        let size = 2048 * MIB;
        let seen = upload_with(size, link, 1 + seed * 7_919);
        assert!(seen.streams <= 3, "seed {seed}: {}", seen.streams);
        assert!(share_of(size, link, &seen) > 0.9, "seed {seed}: {} ms", seen.millis);
    }
}
