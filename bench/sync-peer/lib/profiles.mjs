// Profiles of an NDJSON file, and the proof that what arrived is what was in it.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';

/** Of so many records one is compared in full; a prime, so that no period hides from it. */
const SAMPLE_EVERY = 97;

const LINE_FEED = 10;

/**
 * The lines of a file, gzip or not, as arrays of strings of one read each: several times faster
 * than `readline`, which asks the event loop for every line.
 */
export async function* linesOf(file) {
  const bytes = createReadStream(file, { highWaterMark: 1 << 20 });
  const source = (await isGzip(file)) ? bytes.pipe(createGunzip({ chunkSize: 1 << 20 })) : bytes;
  let rest = Buffer.alloc(0);
  for await (const chunk of source) {
    const end = chunk.lastIndexOf(LINE_FEED);
    if (end === -1) {
      rest = Buffer.concat([rest, chunk]);
      continue;
    }
    const whole = Buffer.concat([rest, chunk.subarray(0, end)]).toString('utf8');
    rest = Buffer.from(chunk.subarray(end + 1));
    yield whole.split('\n').filter((line) => line.trim() !== '');
  }
  const last = rest.toString('utf8');
  if (last.trim() !== '') yield [last];
}

/** Profiles of a file in its order, `count` at most. */
export async function profiles(file, count = Infinity) {
  const found = [];
  for await (const lines of linesOf(file)) {
    for (const line of lines) {
      if (found.length === count) return found;
      found.push(JSON.parse(line));
    }
  }
  return found;
}

/**
 * The profiles of a file that get compared, `count` of its first ones at most considered, and how
 * many that were. Only these are parsed and kept.
 */
export async function sample(file, count = Infinity) {
  const found = [];
  let seen = 0;
  for await (const lines of linesOf(file)) {
    for (const line of lines) {
      if (seen === count) return { seen, found };
      if (seen % SAMPLE_EVERY === 0) found.push(JSON.parse(line));
      seen += 1;
    }
  }
  return { seen, found };
}

/**
 * A checksum (SHA-256, hexadecimal) of records: of their JSON with sorted members, in the order
 * given. Two lists have the same one exactly if their records are equal as JSON values.
 */
export function checksum(records) {
  const hash = createHash('sha256');
  for (const record of records) hash.update(JSON.stringify(sorted(record))).update('\n');
  return hash.digest('hex');
}

/** Throws where the compared records are not what the source has. */
export function requireSame(arrived, expected) {
  const sums = { arrived: checksum(arrived), source: checksum(expected) };
  if (sums.arrived !== sums.source) {
    throw new Error(`the records differ from the source: ${JSON.stringify(sums)}`);
  }
  return { compared: expected.length, checksum: sums.source };
}

function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const names = Object.keys(value).sort();
  return Object.fromEntries(names.map((name) => [name, sorted(value[name])]));
}

async function isGzip(file) {
  const handle = await open(file);
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await handle.close();
  }
}
