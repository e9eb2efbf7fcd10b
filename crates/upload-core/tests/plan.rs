//! Whatever the way and the relay do, a plan ends with every byte at the relay, and sends little twice.

mod support;

use kartei_pieces::Ranges;
use kartei_protocol::uploads::UploadPhase;
use kartei_upload_core::{Answer, End, Failure, Phase, Plan, STALL_MS, Step, Ticket};
use proptest::prelude::*;
use support::{Model, failure};

const MIB: u64 = 1024 * 1024;

/// What happens to one request.
#[derive(Debug, Clone, Copy)]
enum Fault {
    None,
    /// The connection breaks after this share (of 256) of the bytes.
    Cut(u8),
    /// All arrives, and the answer does not.
    LostAnswer,
    /// The same bytes arrive twice, as behind a proxy that retries.
    Twice,
    /// Nothing arrives, and nobody says so.
    Stall,
    Busy,
    /// The bytes were damaged on the way.
    Damaged,
    /// The relay was restored from an older state: it knows no session.
    Forgotten,
    /// The session was taken away.
    Gone,
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        8 => Just(Fault::None),
        3 => any::<u8>().prop_map(Fault::Cut),
        2 => Just(Fault::LostAnswer),
        1 => Just(Fault::Twice),
        1 => Just(Fault::Stall),
        2 => Just(Fault::Busy),
        1 => Just(Fault::Damaged),
    ]
}

/// Sizes with and without a short last piece.
fn size() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 1..2 * MIB, (0..200_u64).prop_map(|n| n * MIB), 0..150 * MIB]
}

struct Run {
    plan: Plan,
    relay: Model,
    now: u64,
    /// What the client knows to be there: acknowledged, or seen in a state.
    known: Ranges,
    session: Option<String>,
    sent_again: u64,
    flying_max: usize,
}

impl Run {
    fn new(size: u64, piece: u64, streams_max: u32) -> Self {
        Self {
            plan: Plan::new(size, None, 0),
            relay: Model::new(size, piece, 64 * MIB, streams_max),
            now: 0,
            known: Ranges::default(),
            session: None,
            sent_again: 0,
            flying_max: 0,
        }
    }

    fn answer(&mut self, session: Option<&str>, step: Step, fault: Fault) -> Option<Answer> {
        let bytes = match step {
            Step::Send { from, to } => to - from,
            Step::Create { whole: true, .. } => self.relay.size,
            _ => 0,
        };
        if matches!(fault, Fault::Forgotten) {
            self.relay.sessions.clear();
            self.known = Ranges::default();
        }
        let mut take = |arrived| self.relay.take(session, step, arrived);
        let reply = match fault {
            Fault::None | Fault::Forgotten => take(bytes),
            Fault::Twice => take(bytes).and_then(|_| take(bytes)),
            Fault::Cut(share) => {
                let _ = take(bytes * u64::from(share) / 256);
                Err(Failure::unreachable())
            }
            Fault::LostAnswer => {
                let _ = take(bytes);
                Err(Failure::unreachable())
            }
            Fault::Stall => return None,
            Fault::Busy => Err(failure("upload_busy", 503)),
            Fault::Damaged if bytes > 0 => Err(failure("digest_mismatch", 400)),
            Fault::Damaged => take(bytes),
            Fault::Gone => Err(failure("upload_gone", 410)),
        };
        Some(match reply {
            Ok(state) => Answer::State(Box::new(state)),
            Err(failure) => Answer::Failed(failure),
        })
    }

    fn answer_now(&mut self, step: Step) -> Option<Answer> {
        let session = self.plan.session().map(str::to_owned);
        self.answer(session.as_deref(), step, Fault::None)
    }

    fn note(&mut self, step: Step) {
        if let Step::Send { from, to } = step {
            let before = self.known.len();
            let mut with = self.known.clone();
            with.add(from, to);
            self.sent_again += (to - from) - (with.len() - before);
        }
    }

    fn settle(&mut self, ticket: Ticket, answer: Answer, random: u64) {
        if let Answer::State(state) = &answer {
            if self.session.as_ref() != Some(&state.id) {
                self.session = Some(state.id.clone());
                self.known = Ranges::default();
            }
            state.received.iter().for_each(|(from, to)| self.known.add(*from, *to));
        }
        self.plan.settle(ticket, self.now, random, answer);
    }

    /// Runs to the end. Requests are answered in an order that `picks` chooses; behind `faults` all goes well.
    fn finish(&mut self, faults: &[Fault], picks: &[u8]) -> End {
        let mut faults = faults.iter().copied();
        let mut picks = picks.iter().copied().cycle();
        let mut flying: Vec<(Ticket, Step, Option<String>)> = Vec::new();
        for _ in 0..100_000 {
            while let Some((ticket, step)) = self.plan.next(self.now) {
                self.note(step);
                flying.push((ticket, step, self.plan.session().map(str::to_owned)));
            }
            self.flying_max = self.flying_max.max(flying.len());
            if let Phase::Ended(end) = self.plan.phase() {
                return end.clone();
            }
            self.now += 10;
            if flying.is_empty() {
                self.now = self.plan.wake_at().expect("a plan that waits says until when");
                continue;
            }
            let pick = usize::from(picks.next().unwrap_or(0));
            let (ticket, step, session) = flying.swap_remove(pick % flying.len());
            let random = (pick as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            match self.answer(session.as_deref(), step, faults.next().unwrap_or(Fault::None)) {
                Some(answer) => self.settle(ticket, answer, random),
                None => {
                    self.now += STALL_MS;
                    assert!(
                        self.plan.stalled(self.now).contains(&ticket),
                        "it is seen to stand still"
                    );
                    self.settle(ticket, Answer::Failed(Failure::unreachable()), random);
                }
            }
        }
        panic!("the plan does not end: {:?}", self.plan);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_byte_arrives_and_what_is_known_to_be_there_is_not_sent(
        size in size(),
        piece in prop::sample::select(vec![MIB, 8 * MIB]),
        streams_max in 1_u32..12,
        faults in prop::collection::vec(fault(), 0..60),
        picks in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        // More doubts in a row than a plan bears are another test.
        let damaged = faults.iter().filter(|fault| matches!(fault, Fault::Damaged)).count();
        prop_assume!(damaged <= 5);
        let mut run = Run::new(size, piece, streams_max);
        let end = run.finish(&faults, &picks);
        prop_assert!(matches!(end, End::Completed { .. }), "{end:?}");
        prop_assert_eq!(run.relay.completed, 1);
        prop_assert_eq!(run.sent_again, 0, "it was known to be there");
        prop_assert!(run.flying_max <= usize::try_from(streams_max.clamp(1, 8)).unwrap() + 1);
        let progress = run.plan.progress(run.now);
        prop_assert!(progress.durable <= progress.sent && progress.sent <= size);
    }

    #[test]
    fn a_session_that_the_relay_lost_begins_anew(
        size in MIB + 1..40 * MIB,
        at in 0_usize..20,
        gone in any::<bool>(),
        picks in prop::collection::vec(any::<u8>(), 1..20),
    ) {
        let mut faults = vec![Fault::None; at];
        faults.push(if gone { Fault::Gone } else { Fault::Forgotten });
        let mut run = Run::new(size, MIB, 4);
        let end = run.finish(&faults, &picks);
        prop_assert!(matches!(end, End::Completed { .. }), "{end:?}");
    }
}

#[test]
fn after_a_crash_the_session_is_asked_first_and_only_the_rest_is_sent() {
    let mut run = Run::new(64 * MIB, MIB, 4);
    let create = Step::Create { generation: 0, whole: false };
    run.relay.take(None, create, 0).unwrap();
    run.relay.take(Some("s0"), Step::Send { from: 0, to: 32 * MIB }, 32 * MIB).unwrap();
    run.plan = Plan::new(64 * MIB, Some("s0".to_owned()), 0);
    let (ticket, step) = run.plan.next(0).unwrap();
    assert_eq!(step, Step::Ask);
    assert_eq!(run.plan.next(0), None, "nothing before the answer");
    let answer = run.answer_now(step).unwrap();
    run.settle(ticket, answer, 0);
    assert_eq!(run.plan.progress(0).durable, 32 * MIB);
    assert!(matches!(run.finish(&[], &[0]), End::Completed { .. }));
    assert_eq!(run.sent_again, 0);
}

#[test]
fn pausing_holds_everything_and_resuming_asks_first() {
    let mut run = Run::new(64 * MIB, MIB, 4);
    let (ticket, step) = run.plan.next(0).unwrap();
    let answer = run.answer_now(step).unwrap();
    run.settle(ticket, answer, 0);
    let (first, _) = run.plan.next(1).unwrap();
    let (second, _) = run.plan.next(1).unwrap();
    run.plan.pause();
    assert_eq!(run.plan.next(2), None);
    run.plan.settle(first, 2, 0, Answer::Dropped);
    run.plan.settle(second, 2, 0, Answer::Dropped);
    assert_eq!((run.plan.next(1_000_000), run.plan.phase()), (None, &Phase::Paused));
    run.plan.resume();
    let (ticket, step) = run.plan.next(1_000_001).unwrap();
    assert_eq!(step, Step::Ask);
    let answer = run.answer_now(step).unwrap();
    run.settle(ticket, answer, 0);
    assert!(matches!(run.finish(&[], &[1]), End::Completed { .. }));
}

#[test]
fn cancelling_ends_the_session_at_the_relay() {
    let mut run = Run::new(64 * MIB, MIB, 4);
    let (ticket, step) = run.plan.next(0).unwrap();
    let answer = run.answer_now(step).unwrap();
    run.settle(ticket, answer, 0);
    let (chunk, _) = run.plan.next(1).unwrap();
    run.plan.cancel();
    run.plan.settle(chunk, 2, 0, Answer::Dropped);
    assert_eq!(run.finish(&[], &[0]), End::Cancelled);
    assert_eq!(run.relay.sessions["s0"].phase, UploadPhase::Aborted);
    let mut early = Plan::new(64 * MIB, None, 0);
    early.cancel();
    assert_eq!(early.phase(), &Phase::Ended(End::Cancelled), "there is no session to end");
}

#[test]
fn a_relay_that_died_while_it_made_the_file_is_asked_to_make_it_again() {
    let mut run = Run::new(8 * MIB, MIB, 2);
    let mut asked = 0;
    while !matches!(run.plan.phase(), Phase::Ended(_)) {
        let Some((ticket, step)) = run.plan.next(run.now) else {
            run.now = run.plan.wake_at().unwrap();
            continue;
        };
        if step == Step::Complete && asked == 0 {
            asked += 1;
            run.relay.sessions.get_mut("s0").unwrap().phase = UploadPhase::Completing;
            run.settle(ticket, Answer::Failed(Failure::unreachable()), 0);
            continue;
        }
        let answer = run.answer_now(step).unwrap();
        run.settle(ticket, answer, 0);
    }
    assert!(matches!(run.plan.phase(), Phase::Ended(End::Completed { .. })), "{:?}", run.plan);
    assert_eq!((asked, run.relay.completed, run.sent_again), (1, 1, 0));
}

#[test]
fn what_would_fail_again_is_told_and_not_tried() {
    for (code, status) in [("quota_exceeded", 413), ("forbidden", 403), ("digest_mismatch", 422)] {
        let mut plan = Plan::new(10 * MIB, None, 0);
        let (ticket, _) = plan.next(0).unwrap();
        plan.settle(ticket, 0, 0, Answer::Failed(failure(code, status)));
        assert_eq!(plan.phase(), &Phase::Ended(End::Failed(failure(code, status))));
        assert_eq!((plan.next(1 << 40), plan.wake_at()), (None, None));
    }
}

#[test]
fn doubts_without_end_are_told() {
    let mut run = Run::new(8 * MIB, MIB, 2);
    let end = run.finish(&[&[Fault::None][..], &[Fault::Damaged; 200]].concat(), &[0]);
    assert_eq!(end, End::Failed(failure("digest_mismatch", 400)));
    let mut run = Run::new(8 * MIB, MIB, 2);
    let end = run.finish(&[Fault::Gone; 200], &[0]);
    assert_eq!(end, End::Failed(failure("upload_gone", 410)));
}

#[test]
fn a_small_file_is_one_request_and_its_lost_answer_costs_nothing() {
    let mut run = Run::new(1_000, MIB, 4);
    let end = run.finish(&[Fault::None], &[0]);
    assert!(matches!(end, End::Completed { .. }));
    let mut run = Run::new(1_000, MIB, 4);
    assert!(matches!(run.finish(&[Fault::LostAnswer], &[0]), End::Completed { .. }));
    assert_eq!((run.sent_again, run.relay.completed), (0, 1), "the same key answers what is there");
}
