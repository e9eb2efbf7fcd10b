import type { HostEvent, Problem } from './generated';
import type { Transport } from './transport';

const unreachable = (what: string): Problem => ({
  code: 'internal',
  message: `${what}: the host does not answer`,
});

async function post(path: string, init: RequestInit): Promise<unknown> {
  const response = await fetch(path, { method: 'POST', ...init }).catch(() => {
    throw unreachable(path);
  });
  const body: unknown = await response.json().catch(() => {
    throw unreachable(`${path} (${response.status})`);
  });
  if (!response.ok) throw body;
  return body;
}

/** The same commands over HTTP, for a browser and for end-to-end tests. */
export const bridgeTransport: Transport = {
  files: {
    kind: 'uploads',
    async upload(file) {
      const path = `/ipc-drop?name=${encodeURIComponent(file.name)}`;
      const { path: stored } = (await post(path, { body: file })) as { path: string };
      return stored;
    },
  },

  call: (name, request) =>
    post(`/ipc/${name}`, {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request),
    }),

  listen(onEvent, onGap) {
    const events = new EventSource('/ipc-events');
    events.onmessage = ({ data }) => onEvent(JSON.parse(data as string) as HostEvent);
    // Opens at first and again after each broken connection; either way something may be missed.
    events.onopen = onGap;
    return () => events.close();
  },
};
