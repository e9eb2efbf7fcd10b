//! Parts that two threads take, and what that costs.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::ops::AddAssign;
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// Threads that absorb, as on a desktop with two cores.
const THREADS: usize = 2;

/// What was spent: time, and time of all cores.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spent {
    pub(super) wall: Duration,
    pub(super) cpu: Duration,
}

impl AddAssign for Spent {
    fn add_assign(&mut self, more: Self) {
        self.wall += more.wall;
        self.cpu += more.cpu;
    }
}

/// How long this thread was on a core so far; nothing where the system does not say.
fn on_core() -> Duration {
    let said = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = said.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}

/// What it costs this thread to do something.
pub(super) fn spent<R>(deed: impl FnOnce() -> R) -> (R, Spent) {
    let (started, on_core_before) = (Instant::now(), on_core());
    let result = deed();
    (result, Spent { wall: started.elapsed(), cpu: on_core() - on_core_before })
}

/// Two threads make something of each part; this one takes it in the order of the parts.
pub(super) fn in_turn<P: Send, S, R: Send>(
    parts: Vec<P>,
    begin: impl Fn() -> S + Sync,
    each: impl Fn(&mut S, P) -> R + Sync,
    mut take: impl FnMut(R),
) -> Spent {
    let parts: Mutex<VecDeque<(usize, P)>> = Mutex::new(parts.into_iter().enumerate().collect());
    let next = || parts.lock().unwrap().pop_front();
    let work = || {
        let (done, coming) = mpsc::channel();
        thread::scope(|scope| {
            let worker = |done: mpsc::Sender<(usize, R)>| {
                let (begin, each, next) = (&begin, &each, &next);
                scope.spawn(move || {
                    let mut state = begin();
                    while let Some((number, part)) = next() {
                        done.send((number, each(&mut state, part))).unwrap();
                    }
                    on_core()
                })
            };
            let workers: Vec<_> = (0..THREADS).map(|_| worker(done.clone())).collect();
            drop(done);
            let (mut waiting, mut taken) = (BTreeMap::new(), 0);
            for (number, result) in coming {
                waiting.insert(number, result);
                while let Some(result) = waiting.remove(&taken) {
                    take(result);
                    taken += 1;
                }
            }
            workers.into_iter().map(|worker| worker.join().unwrap()).sum::<Duration>()
        })
    };
    let (of_workers, mut all) = spent(work);
    all.cpu += of_workers;
    all
}

/// Megabytes (10⁶ bytes) that the system says of this program: `VmRSS` now, `VmHWM` at most.
pub(super) fn memory(what: &str) -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'))?;
    let kib: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}

/// Has `VmHWM` begin anew, where the system can.
pub(super) fn forget_peak() {
    // Elsewhere the peak is that of the whole program.
    let _ = fs::write("/proc/self/clear_refs", "5");
}
