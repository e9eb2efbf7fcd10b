// @tus/server with its file store, as its documentation sets it up.
// usage: tus-server.mjs --host HOST --port PORT --dir FOLDER [--lifetime SECONDS]
import { parseArgs } from 'node:util';
import { FileStore } from '@tus/file-store';
import { Server } from '@tus/server';

/** Seconds after which it ends where nobody ended it: far more than any run takes. */
const LIFETIME_SECONDS = '14400';

const { values } = parseArgs({
  options: {
    host: { type: 'string' },
    port: { type: 'string' },
    dir: { type: 'string' },
    lifetime: { type: 'string', default: LIFETIME_SECONDS },
  },
});
const { host, port, dir, lifetime } = values;
if (!host || !port || !dir) {
  console.error('usage: tus-server.mjs --host HOST --port PORT --dir FOLDER [--lifetime SECONDS]');
  process.exit(2);
}

const server = new Server({
  path: '/files',
  datastore: new FileStore({ directory: dir }),
  relativeLocation: true,
});
const http = server.listen({ host, port: Number(port) });
// Node ends a request after five minutes, which a large file over a slow line takes.
http.requestTimeout = 0;

const end = () => {
  http.close(() => process.exit(0));
  http.closeAllConnections();
};
process.on('SIGTERM', end);
process.on('SIGINT', end);
setTimeout(end, Number(lifetime) * 1000).unref();
