// Waiting for a state. The only place in these tests that sleeps: between two looks.

const BETWEEN_MS = 50;

/**
 * Waits until `look` answers something that is neither false nor nothing, and answers that. A look
 * that throws has not seen it yet; the last reason is told when the deadline has passed.
 */
export async function until(what, look, deadlineMs = 30_000) {
  const end = performance.now() + deadlineMs;
  let reason = '';
  for (;;) {
    try {
      const seen = await look();
      if (seen !== undefined && seen !== null && seen !== false) return seen;
      reason = '';
    } catch (error) {
      reason = `: ${error.message}`;
    }
    if (performance.now() >= end) throw new Error(`waited ${deadlineMs} ms in vain for ${what}${reason}`);
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
  }
}
