// A PouchDB server with LevelDB files: express-pouchdb, of which pouchdb-server is the command line,
// with the routes that replication needs.
// usage: pouch-server.mjs --dir FOLDER [--lifetime SECONDS]
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import express from 'express';
import expressPouchDB from 'express-pouchdb';
import PouchDB from 'pouchdb';
import { options } from './lib/options.mjs';
import { serve } from './lib/run.mjs';

const USAGE = 'pouch-server.mjs --dir FOLDER [--lifetime SECONDS]';
const { dir, lifetime } = options(USAGE, ['dir'], ['lifetime']);
mkdirSync(dir, { recursive: true });
const app = express();
// No configuration and no log in files: both would lie in the working directory.
app.use(
  expressPouchDB(PouchDB.defaults({ prefix: join(dir, '/') }), {
    mode: 'minimumForPouchDB',
    inMemoryConfig: true,
  }),
);
const server = createServer(app);
serve(server, lifetime, async () => server.closeAllConnections());
