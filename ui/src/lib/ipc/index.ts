// The window's only door to its host. Everything else calls commands by name through `Ipc` and
// knows neither Tauri nor HTTP.
import type { HostEvent, Problem } from './generated';
import { ProblemError, problemOf } from './problem-error';
import type { CommandName, FileSource, RequestOf, ResponseOf, Transport } from './transport';

export type * from './generated';
export type { CommandName, FileSource, RequestOf, ResponseOf, Transport };
export { ProblemError, problemOf };

/** Codes that say: the workspace is closed, and no command but a few gets through. */
const CLOSED: ReadonlySet<Problem['code']> = new Set(['store_needs_key', 'wrong_key']);

export class Ipc {
  /** Hears that the workspace is closed for want of its key, whichever command found that out. */
  onClosed: ((problem: Problem) => void) | null = null;
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  get files(): FileSource {
    return this.#transport.files;
  }

  /** Calls a command; rejects with a `ProblemError` and with nothing else. */
  async call<N extends CommandName>(name: N, request: RequestOf<N>): Promise<ResponseOf<N>> {
    try {
      return (await this.#transport.call(name, request)) as ResponseOf<N>;
    } catch (thrown) {
      const problem = problemOf(thrown);
      if (CLOSED.has(problem.code)) this.onClosed?.(problem);
      throw new ProblemError(problem);
    }
  }

  listen(onEvent: (event: HostEvent) => void, onGap: () => void): () => void {
    return this.#transport.listen(onEvent, onGap);
  }
}

/** Picks the transport for where this runs; the other one is not even loaded. */
export async function connect(): Promise<Ipc> {
  if (import.meta.env.MODE === 'fake') {
    const { fakeFromAddress } = await import('./fake');
    return new Ipc(fakeFromAddress(location.search));
  }
  if ('__TAURI_INTERNALS__' in window) {
    const { tauriTransport } = await import('./tauri');
    return new Ipc(tauriTransport);
  }
  const { bridgeTransport } = await import('./bridge');
  return new Ipc(bridgeTransport);
}
