//! Any sequence of acts comes to what the one function says, on real engines.

use std::cell::Cell;

use kartei_job_core::{Act, Standing, Verdict, judge};
use kartei_protocol::jobs::JobState;
use kartei_relay_store::{Deed, QueueSet};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::{LONG, OVER, act, checked, complete, fail, note, submitted};
use crate::stage::Stage;

/// Sequences for an engine; each has a job of its own.
const SEQUENCES: u32 = 24;
const MOVES: usize = 24;

#[derive(Debug, Clone, Copy)]
enum Move {
    /// A worker takes it; the lease may be over at once.
    Claim {
        dies: bool,
    },
    /// For the claim that is so many back.
    Keep {
        back: u64,
        dies: bool,
    },
    Note {
        back: u64,
    },
    Complete {
        back: u64,
    },
    Fail {
        back: u64,
        passing: bool,
    },
    Release {
        back: u64,
    },
    Cancel,
    Force,
    Reap,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let back = || prop_oneof![4 => Just(0_u64), 1 => 1..3_u64];
    let one = prop_oneof![
        6 => any::<bool>().prop_map(|dies| Move::Claim { dies }),
        3 => (back(), any::<bool>()).prop_map(|(back, dies)| Move::Keep { back, dies }),
        4 => back().prop_map(|back| Move::Note { back }),
        1 => back().prop_map(|back| Move::Complete { back }),
        2 => (back(), any::<bool>()).prop_map(|(back, passing)| Move::Fail { back, passing }),
        2 => back().prop_map(|back| Move::Release { back }),
        1 => Just(Move::Cancel),
        1 => prop_oneof![9 => Just(Move::Reap), 1 => Just(Move::Force)],
        3 => Just(Move::Reap),
    ];
    prop::collection::vec(one, 1..MOVES)
}

pub(crate) fn any_sequence_comes_to_what_the_model_says(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    store.set_job_queue(org, "test", &[QueueSet::Cap(10_000)]).unwrap();
    let number = Cell::new(0);
    let ended = Cell::new(0);
    let play = |moves: Vec<Move>| {
        number.set(number.get() + 1);
        let id = format!("job-{}", number.get());
        submitted(store, org, &id);
        let mut model = Standing {
            state: JobState::Queued,
            claim: 0,
            attempts: 0,
            attempts_max: 3,
            cancel_asked: false,
            is_due: true,
            is_lapsed: false,
            is_overdue: false,
        };
        for one in moves {
            let claim = |back: u64| model.claim.saturating_sub(back);
            let (expected, done) = match one {
                Move::Claim { dies } => {
                    let lease_ms = if dies { OVER } else { LONG };
                    let rows = store.claim_jobs(org, "w1", lease_ms, 1, 0).unwrap();
                    let expected = judge(&model, Act::Claim);
                    if let Verdict::Step(_) = expected {
                        model.is_lapsed = dies;
                    }
                    let is_ours = rows.first().is_some_and(|row| row.id == id);
                    prop_assert_eq!(matches!(expected, Verdict::Step(_)), is_ours);
                    (expected, None)
                }
                Move::Keep { back, dies } => {
                    let lease_ms = if dies { OVER } else { LONG };
                    let expected = judge(&model, Act::Keep(claim(back)));
                    let deed = Deed::Keep { claim: claim(back), lease_ms };
                    if expected == Verdict::Ours {
                        model.is_lapsed = dies;
                    }
                    (expected, Some(deed))
                }
                Move::Note { back } => {
                    let expected = judge(&model, Act::Note(claim(back)));
                    let deed = note(claim(back), 10);
                    if let Verdict::Step(_) = expected {
                        model.is_lapsed = false;
                    }
                    (expected, Some(deed))
                }
                Move::Complete { back } => {
                    let expected = judge(&model, Act::Complete(claim(back)));
                    (expected, Some(complete(claim(back), &format!("result-{id}"))))
                }
                Move::Fail { back, passing } => {
                    let expected = judge(&model, Act::Fail { claim: claim(back), passing });
                    (expected, Some(fail(claim(back), passing)))
                }
                Move::Release { back } => {
                    let expected = judge(&model, Act::Release(claim(back)));
                    (expected, Some(Deed::Release { claim: claim(back) }))
                }
                Move::Cancel => (judge(&model, Act::Cancel), Some(Deed::Cancel)),
                Move::Force => (judge(&model, Act::Force), Some(Deed::Force)),
                Move::Reap => (judge(&model, Act::Reap), Some(Deed::Reap)),
            };
            if let Some(deed) = done {
                prop_assert_eq!(act(store, org, &id, deed).verdict, expected);
            }
            if let Verdict::Step(step) = expected {
                model.state = step.to;
                model.claim = step.claim;
                model.attempts = step.attempts;
                model.cancel_asked = step.cancel_asked;
            }
            let row = store.job(org, &id).unwrap().unwrap();
            prop_assert_eq!(
                (row.state, row.claim, row.attempts, row.cancel_asked_at.is_some()),
                (model.state, model.claim, model.attempts, model.cancel_asked)
            );
        }
        let (state, _) = checked(store, org, &id);
        if state.is_terminal() {
            ended.set(ended.get() + 1);
        } else {
            // Out of the way of the next sequence.
            act(store, org, &id, Deed::Force);
        }
        Ok::<(), TestCaseError>(())
    };
    let config = Config { cases: SEQUENCES, failure_persistence: None, ..Config::default() };
    TestRunner::new(config).run(&moves(), play).unwrap();
    assert!(ended.get() > 0, "no sequence ended");
}
