// The window's only door to its host. Everything else calls commands by name through `Ipc` and
// knows neither Tauri nor HTTP.
import type { HostEvent } from './generated';
import { ProblemError, problemOf } from './problem-error';
import type { CommandName, FileSource, RequestOf, ResponseOf, Transport } from './transport';

export type * from './generated';
export type { CommandName, FileSource, RequestOf, ResponseOf, Transport };
export { ProblemError, problemOf };

export class Ipc {
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
      throw new ProblemError(problemOf(thrown));
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
