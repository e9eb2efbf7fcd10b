//! The same work on many things, on all cores.

use std::panic::resume_unwind;
use std::thread;

/// Below this many, starting threads costs more than it saves.
const WORTH_IT: usize = 32;

/// What `work` answers for each of `items`, in order; the first error where there is one.
pub(crate) fn map<T: Sync, R: Send, E: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    if items.len() < WORTH_IT || threads == 1 {
        return items.iter().map(work).collect();
    }
    let work = &work;
    thread::scope(|scope| {
        let parts: Vec<_> = items
            .chunks(items.len().div_ceil(threads))
            .map(|part| scope.spawn(move || part.iter().map(work).collect::<Result<Vec<R>, E>>()))
            .collect();
        let mut answers = Vec::with_capacity(items.len());
        for part in parts {
            answers.extend(part.join().unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        Ok(answers)
    })
}
