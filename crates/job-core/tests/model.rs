//! Every order in which two workers, a reaper, somebody who cancels and crashes can meet, tried out.
//!
//! The model runs [`judge`] itself. Beside it stand numbers that `judge` never sees and that say what
//! really happened: which worker is the newest, what was written by whom. The same model with a guard
//! taken away must find the faults that the guard is there for: so this check is known to be able to
//! fail.

use kartei_job_core::{Act, Standing, Verdict, judge};
use kartei_protocol::jobs::JobState;
use stateright::{Checker, Model, Property};

const WORKERS: usize = 2;
const ATTEMPTS_MAX: u32 = 3;
/// Notes of one claim that are told apart.
const NOTES_MAX: u8 = 1;

/// Which guard a worker's writes go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guard {
    /// As built.
    Claim,
    /// `WHERE state = 'running'` alone.
    State,
    /// `WHERE id = …` alone.
    Nothing,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    job: Standing,
    /// What each worker believes: its claim, and how many notes it wrote.
    workers: [Option<(u64, u8)>; WORKERS],
    /// Who claimed last, told by the model itself.
    newest: Option<usize>,
    results: u8,
    terminal_events: u8,
    /// The first terminal state that was reached.
    ended: Option<JobState>,
    /// A worker wrote that was not the newest.
    wrote_stale: bool,
    /// A claim got a number that is not above all before.
    claimed_back: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    Claim(usize),
    Note(usize),
    Complete(usize),
    Fail(usize),
    Release(usize),
    /// The worker's program dies; its lease runs on.
    Crash(usize),
    /// The lease runs out, whether the worker lives or not.
    LeaseEnds,
    Reap,
    Cancel,
    Force,
}

struct Life(Guard);

impl Life {
    fn unguarded(&self, world: &World, claim: u64) -> Option<u64> {
        match self.0 {
            Guard::Claim => Some(claim),
            Guard::State => (world.job.state == JobState::Running).then_some(world.job.claim),
            Guard::Nothing => Some(world.job.claim),
        }
    }

    /// A worker's write; with a guard taken away it goes through as the newest worker's would.
    fn write(&self, world: &mut World, worker: usize, act: impl Fn(u64) -> Act) -> bool {
        let Some((claim, _)) = world.workers[worker] else { return false };
        let Some(claim) = self.unguarded(world, claim) else { return false };
        let mut job = world.job;
        if self.0 == Guard::Nothing {
            job.state = JobState::Running;
        }
        let verdict = judge(&job, act(claim));
        let Verdict::Step(_) = verdict else { return false };
        if world.newest != Some(worker) {
            world.wrote_stale = true;
        }
        self.take(world, verdict);
        true
    }

    fn take(&self, world: &mut World, verdict: Verdict) -> bool {
        let Verdict::Step(step) = verdict else { return false };
        world.claimed_back |= step.claim < world.job.claim;
        world.job.state = step.to;
        world.job.claim = step.claim;
        world.job.attempts = step.attempts;
        world.job.cancel_asked = step.cancel_asked;
        if step.to == JobState::Running && step.from == JobState::Queued {
            world.job.is_lapsed = false;
        }
        if step.to.is_terminal() {
            world.terminal_events = world.terminal_events.saturating_add(1).min(2);
            world.ended.get_or_insert(step.to);
            if step.to == JobState::Completed {
                world.results = world.results.saturating_add(1).min(2);
            }
        }
        true
    }
}

impl Model for Life {
    type State = World;
    type Action = Move;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            job: Standing {
                state: JobState::Queued,
                claim: 0,
                attempts: 0,
                attempts_max: ATTEMPTS_MAX,
                cancel_asked: false,
                is_due: true,
                is_lapsed: false,
                is_overdue: false,
            },
            workers: [None; WORKERS],
            newest: None,
            results: 0,
            terminal_events: 0,
            ended: None,
            wrote_stale: false,
            claimed_back: false,
        }]
    }

    fn actions(&self, world: &World, moves: &mut Vec<Move>) {
        for worker in 0..WORKERS {
            match world.workers[worker] {
                None => moves.push(Move::Claim(worker)),
                Some((_, notes)) => {
                    if notes < NOTES_MAX {
                        moves.push(Move::Note(worker));
                    }
                    // Giving back takes no attempt, so that claims would go on for ever.
                    if world.job.claim < u64::from(ATTEMPTS_MAX) + 2 {
                        moves.push(Move::Release(worker));
                    }
                    moves.extend([Move::Complete(worker), Move::Fail(worker), Move::Crash(worker)]);
                }
            }
        }
        moves.extend([Move::LeaseEnds, Move::Reap, Move::Cancel, Move::Force]);
    }

    fn next_state(&self, last: &World, what: Move) -> Option<World> {
        let mut world = last.clone();
        let changed = match what {
            Move::Claim(worker) => {
                let verdict = judge(&world.job, Act::Claim);
                let claimed = self.take(&mut world, verdict);
                if claimed {
                    world.workers[worker] = Some((world.job.claim, 0));
                    world.newest = Some(worker);
                }
                claimed
            }
            Move::Note(worker) => {
                let noted = self.write(&mut world, worker, Act::Note);
                if let Some((_, notes)) = &mut world.workers[worker] {
                    *notes += 1;
                }
                // What it was told ends a worker that has lost the job.
                if !noted {
                    world.workers[worker] = None;
                }
                true
            }
            Move::Complete(worker) => {
                self.write(&mut world, worker, Act::Complete);
                world.workers[worker] = None;
                true
            }
            Move::Fail(worker) => {
                self.write(&mut world, worker, |claim| Act::Fail { claim, passing: true });
                world.workers[worker] = None;
                true
            }
            Move::Release(worker) => {
                self.write(&mut world, worker, Act::Release);
                world.workers[worker] = None;
                true
            }
            Move::Crash(worker) => {
                world.workers[worker] = None;
                true
            }
            Move::LeaseEnds => {
                let running = world.job.state == JobState::Running && !world.job.is_lapsed;
                world.job.is_lapsed |= running;
                running
            }
            Move::Reap => {
                let verdict = judge(&world.job, Act::Reap);
                self.take(&mut world, verdict)
            }
            Move::Cancel => {
                let verdict = judge(&world.job, Act::Cancel);
                self.take(&mut world, verdict)
            }
            Move::Force => {
                let verdict = judge(&world.job, Act::Force);
                self.take(&mut world, verdict)
            }
        };
        changed.then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("terminal states never change", |_, world: &World| {
                world.ended.is_none_or(|ended| ended == world.job.state)
            }),
            Property::always("at most one terminal event", |_, world: &World| {
                world.terminal_events <= 1
            }),
            Property::always("a result if and only if completed", |_, world: &World| {
                (world.results == 1) == (world.job.state == JobState::Completed)
                    && world.results <= 1
            }),
            Property::always("only the newest worker writes", |_, world: &World| {
                !world.wrote_stale
            }),
            Property::always("numbers of claims only grow", |_, world: &World| !world.claimed_back),
            Property::always("attempts stay within their bound", |_, world: &World| {
                world.job.attempts <= ATTEMPTS_MAX
            }),
            Property::sometimes("completes", |_, world: &World| {
                world.job.state == JobState::Completed
            }),
            Property::sometimes("completes after another worker was lost", |_, world: &World| {
                world.job.state == JobState::Completed && world.job.claim > 1
            }),
            Property::sometimes("is cancelled while it runs", |_, world: &World| {
                world.job.state == JobState::Canceled && world.job.cancel_asked
            }),
            Property::sometimes("fails after the last attempt", |_, world: &World| {
                world.job.state == JobState::Failed && world.job.attempts == ATTEMPTS_MAX
            }),
        ]
    }
}

/// The names of the properties that do not hold.
fn broken(guard: Guard) -> Vec<&'static str> {
    let checker = Life(guard).checker().spawn_bfs().join();
    let mut names: Vec<&'static str> = checker.discoveries().into_keys().collect();
    let sometimes = [
        "completes",
        "completes after another worker was lost",
        "is cancelled while it runs",
        "fails after the last attempt",
    ];
    for name in sometimes {
        // What can happen is discovered by an example.
        assert!(guard != Guard::Claim || names.contains(&name), "`{name}` never happens");
    }
    names.retain(|name| !sometimes.contains(name));
    names.sort_unstable();
    if guard == Guard::Claim {
        assert!(checker.is_done(), "every state was looked at");
        println!("{} states", checker.unique_state_count());
    }
    names
}

#[test]
fn nothing_breaks_in_any_order() {
    assert_eq!(broken(Guard::Claim), Vec::<&str>::new());
}

#[test]
fn without_the_number_of_the_claim_a_late_worker_overwrites() {
    assert!(broken(Guard::State).contains(&"only the newest worker writes"));
}

#[test]
fn without_any_guard_ends_are_overwritten() {
    let broken = broken(Guard::Nothing);
    for name in ["terminal states never change", "at most one terminal event"] {
        assert!(broken.contains(&name), "{broken:?}");
    }
}
