// Serves the bytes of one file, whatever is asked for: what the floor fetches.
// usage: file-server.mjs --file FILE [--lifetime SECONDS]
import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import { options } from './lib/options.mjs';
import { serve } from './lib/run.mjs';

const USAGE = 'file-server.mjs --file FILE [--lifetime SECONDS]';
const { file, lifetime } = options(USAGE, ['file'], ['lifetime']);
const server = createServer((_, response) => createReadStream(file).pipe(response));
serve(server, lifetime, async () => server.closeAllConnections());
