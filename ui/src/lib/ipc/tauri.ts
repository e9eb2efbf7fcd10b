import { invoke } from '@tauri-apps/api/core';
import { listen } from '@tauri-apps/api/event';
import { open } from '@tauri-apps/plugin-dialog';
import type { HostEvent } from './generated';
import type { Transport } from './transport';

/** The name of the one Tauri event that carries every `HostEvent`. */
const EVENT = 'kartei';

/** The desktop shell: one Tauri command, one Tauri event, the system's file dialog. */
export const tauriTransport: Transport = {
  files: {
    kind: 'paths',
    async pick(filterName) {
      const picked = await open({
        multiple: true,
        filters: [{ name: filterName, extensions: ['ndjson', 'jsonl', 'gz', 'zst'] }],
      });
      return picked ?? [];
    },
    async pickFolder() {
      return (await open({ directory: true })) ?? null;
    },
  },

  call: (name, request) => invoke('call', { name, payload: request }),

  listen(onEvent, onGap) {
    // WebKitGTK may run microtasks inside a script that the shell evaluates, in the middle of a
    // Svelte mount. A task of its own keeps events out of that spot, and in their order.
    const unlisten = listen<HostEvent>(EVENT, ({ payload }) => {
      setTimeout(() => onEvent(payload), 0);
    });
    // The subscription is asynchronous: what happened before it stood was missed.
    void unlisten.then(onGap, onGap);
    return () => void unlisten.then((stop) => stop());
  },
};
