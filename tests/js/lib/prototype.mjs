// What a browser prototype left behind: a cache of profiles, stores beside it, and local storage. The
// functions run in the page; they know nothing of this module.
import { createServer } from 'node:http';

/** Profiles of the large store. */
export const MANY = 5_000;

/** A page of an origin of its own, on loopback. */
export async function servePrototype() {
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(
      '<!doctype html><link rel="icon" href="data:,"><title>Prototype</title><h1>Prototype</h1>',
    );
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${server.address().port}/`, stop };
}

/** One of the large store's rows, as the prototype kept it. */
export function cachedProfile(number) {
  const id = `p-${String(number).padStart(5, '0')}`;
  return {
    id,
    display_name: `Person ${number}`,
    attributes: { city: ['Bern', 'Zürich', 'Genève'][number % 3], orders: number % 17 },
    tags: number % 2 ? ['vip', 'catalogue'] : [],
    notes: number % 5 ? '' : `Called on day ${number}.\nAsks for the catalogue.`,
    observations: [
      { signal: 'visit', value: number / 8, at: new Date(1_767_225_600_000 + number * 1000) },
      {
        id: 'o-1',
        signal: 'order',
        value: 2,
        n: 3,
        at: '2026-01-05T10:00:00+02:00',
        source: 'shop',
      },
    ],
    behavior_vector: { dims: [0.1, 0.2] },
    rev: number,
    pending: false,
    base_snapshot: { id, rev: number - 1 },
  };
}

/** What Kartei is to have of it. */
export function importedProfile(number) {
  const { id, display_name, attributes, tags, notes } = cachedProfile(number);
  const at = new Date(1_767_225_600_000 + number * 1000).toISOString().replace('.000Z', 'Z');
  return {
    schema: 'user_profile.v1',
    id,
    display_name,
    attributes,
    ...(tags.length && { tags: ['catalogue', 'vip'] }),
    ...(notes && { notes }),
    // Without the keys that are made of what they are the keys of.
    observations: [
      { signal: 'visit', value: number / 8, at },
      { signal: 'order', value: 2, n: 3, at: '2026-01-05T08:00:00Z', source: 'shop' },
    ].sort((a, b) => (a.at < b.at ? -1 : 1)),
  };
}

/** Writes rows into stores; `stores` says of each its options, and its rows with their keys. Runs in the page. */
export function fillDatabase({ name, stores, make }) {
  const rowsOf = make === undefined ? stores : (0, eval)(`(${make})`)(stores);
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 3);
    request.onerror = () => reject(request.error);
    request.onupgradeneeded = () => {
      for (const { store, options } of rowsOf) request.result.createObjectStore(store, options);
    };
    request.onsuccess = () => {
      const db = request.result;
      const names = rowsOf.map(({ store }) => store);
      if (names.length === 0) return resolve(db.close());
      const writing = db.transaction(names, 'readwrite');
      for (const { store, rows } of rowsOf) {
        for (const [row, key] of rows) writing.objectStore(store).put(row, key);
      }
      writing.onabort = () => reject(writing.error);
      writing.oncomplete = () => resolve(db.close());
    };
  });
}

/** Rows with what JSON does not have; made in the page, where they are kept. */
export function nastyStores() {
  const itself = { '': 1 };
  const own = JSON.parse('{"__proto__": "own", "constructor": "too", "": "no name"}');
  const profiles = [
    {
      id: 'kinds',
      display_name: 'Of all kinds',
      created_at: new Date('2025-12-31T23:59:59.120Z'),
      updated_at: '2026-02-03T01:00:00.500000+01:00',
      consent: { analytics: false, recorded_at: new Date('2026-01-01T00:00:00Z'), source: 'form' },
      attributes: {
        since: new Date(1e12),
        few: 12n,
        many: 2n ** 70n,
        none: null,
        missing: undefined,
      },
      traits: new Map([
        ['deep', { deeper: { deepest: true } }],
        ['list', [1, 'x', null]],
      ]),
      labels: new Set(['b', 'a', 'b']),
      address: { city: 'Bern', lines: [] },
      n: 5n,
    },
    {
      id: 'letters',
      display_name: 'Zoë 李 👩‍🚀 \u2028',
      notes: 'Line\r\n\ttab "quoted" \\ \u007f \ufeff é\u0301',
      attributes: { '\u{10000}': 'beyond', '\uffee': 'before', ſ: 'long s', '€': 1, 'a b': '' },
    },
    { id: 'proto', attributes: own, ...JSON.parse('{"__proto__": {"polluted": true}}') },
    {
      id: 'numbers',
      attributes: {
        zero: -0,
        tiny: 5e-324,
        large: 1e21,
        even: 2 ** 53 + 2,
        third: 1 / 3,
        nan: NaN,
      },
    },
    {
      id: 'order',
      events: [
        { type: 'b', value: 1, time: '2026-02-03T01:00:00.5+01:00' },
        { type: 'a', value: 1, n: 1, time: '2026-02-03T00:00:00Z' },
        { type: 'a', value: 1, time: '2026-02-03T00:00:00.000Z' },
        { type: 'a', value: 'high', time: '2026-02-03T00:00:00Z' },
        { type: 'a', value: 1, time: 1_770_000_000 },
        { type: 'a', value: 1, time: '2026-02-30T00:00:00Z' },
        { type: 'a', value: 1, time: '2026-02-04', page: '/home' },
      ],
    },
    {
      id: 'binary',
      display_name: 'With a picture',
      photo: new Blob([new Uint8Array([0, 1, 254, 255])], { type: 'image/png' }),
      print: new Uint8Array([7, 8, 9, 10]).subarray(1, 3),
      $note: { $Date: 'is text here' },
    },
    {
      id: 'beyond',
      display_name: 'x'.repeat(201),
      tags: ['fits', '', 7],
      attributes: { half: '\ud800', nul: 'a\0b', ['k'.repeat(65)]: 1, long: 'y'.repeat(4097) },
    },
    { id: 'import', display_name: 'A word of the relay' },
    { id: 'anna müller', display_name: 'No id of Kartei' },
  ];
  const events = [
    { user_id: 'kinds', type: 'visit', value: 3, ts: 1_770_000_000_000 },
    { user_id: 'kinds', type: 'visit', value: 3, ts: 1_770_000_000_000 },
    { user_id: 'kinds', type: 'visit', value: 4, ts: new Date(1_770_000_000_500), page: '/home' },
    { user_id: 'kinds', type: 'visit', ts: 1_770_000_000_000 },
    { user_id: 'nobody', type: 'visit', value: 3, ts: 1_770_000_000_000 },
  ];
  const drafts = [{ display_name: 'Without an id' }, { display_name: 'Nor this one', at: itself }];
  const settings = [
    [new Map([['a', new Set([1n, /x/gi])]]), 'map'],
    [new Error('told'), new Date(0)],
    [undefined, [1, 'two']],
  ];
  const rows = (list) => list.map((row) => [row]);
  return [
    { store: 'nastyProfiles', options: { keyPath: 'id' }, rows: rows(profiles) },
    { store: 'profileDrafts', options: { autoIncrement: true }, rows: rows(drafts) },
    { store: 'events', options: { autoIncrement: true }, rows: rows(events) },
    { store: 'settings', options: {}, rows: settings },
  ];
}

/** Items of local storage. */
export const ITEMS = {
  profiles: JSON.stringify([
    { id: 'item-1', name: 'Of a list' },
    { name: 'Nobody' },
    { id: 'p-00001', name: 'Twice' },
  ]),
  profilesByName: JSON.stringify({ 'by-name': { displayName: 'Of an object', traits: { a: 1 } } }),
  profileText: '{"id": "cut off',
  theme: 'dark',
};

/** What Kartei is to have of the rows that fit in it, but for the keys of observations that have none. */
export const IMPORTED = [
  {
    schema: 'user_profile.v1',
    id: 'kinds',
    display_name: 'Of all kinds',
    created_at: '2025-12-31T23:59:59.12Z',
    updated_at: '2026-02-03T00:00:00.5Z',
    consent: { analytics: false, recorded_at: '2026-01-01T00:00:00Z', source: 'form' },
    attributes: {
      since: '2001-09-09T01:46:40Z',
      few: 12,
      many: '1180591620717411303424',
      none: null,
      'deep.deeper.deepest': true,
      list: '[1,"x",null]',
      'address.city': 'Bern',
      n: 5,
    },
    tags: ['a', 'b'],
    observations: [
      { id: '1', signal: 'visit', value: 3, at: '2026-02-02T02:40:00Z' },
      { id: '2', signal: 'visit', value: 3, at: '2026-02-02T02:40:00Z' },
      { id: '3', signal: 'visit', value: 4, at: '2026-02-02T02:40:00.5Z' },
    ],
  },
  {
    schema: 'user_profile.v1',
    id: 'letters',
    display_name: 'Zoë 李 👩‍🚀 \u2028',
    notes: 'Line\r\n\ttab "quoted" \\ \u007f \ufeff é\u0301',
    attributes: { '\u{10000}': 'beyond', '\uffee': 'before', ſ: 'long s', '€': 1, 'a b': '' },
  },
  JSON.parse(`{
    "schema": "user_profile.v1", "id": "proto",
    "attributes": {"__proto__": "own", "constructor": "too", "__proto__.polluted": true}
  }`),
  {
    schema: 'user_profile.v1',
    id: 'numbers',
    attributes: { zero: 0, tiny: 5e-324, large: 1e21, even: 2 ** 53 + 2, third: 1 / 3 },
  },
  {
    schema: 'user_profile.v1',
    id: 'order',
    observations: [
      { signal: 'a', value: 1, at: '2026-02-03T00:00:00Z' },
      { signal: 'b', value: 1, at: '2026-02-03T00:00:00.5Z' },
    ],
  },
  {
    schema: 'user_profile.v1',
    id: 'binary',
    display_name: 'With a picture',
    attributes: { '$note.$Date': 'is text here' },
  },
  {
    schema: 'user_profile.v1',
    id: 'beyond',
    attributes: { display_name: 'x'.repeat(201) },
    tags: ['fits'],
  },
  { schema: 'user_profile.v1', id: 'item-1', display_name: 'Of a list' },
  { schema: 'user_profile.v1', id: 'by-name', display_name: 'Of an object', attributes: { a: 1 } },
];

/** Rows that are not there as a whole: store, key, whether a part of it was imported, and why. */
export const KEPT = [
  ['prototype/nastyProfiles', 'anna müller', false, 'no id that Kartei takes'],
  ['prototype/nastyProfiles', 'import', false, 'no id that Kartei takes'],
  [
    'prototype/nastyProfiles',
    'beyond',
    true,
    ...['tags.1', 'tags.2', 'half', 'nul', 'k'.repeat(65), 'long'].map(
      (path) => `${path}: no place for it`,
    ),
  ],
  ['prototype/nastyProfiles', 'binary', true, 'photo: no place for it', 'print: no place for it'],
  ['prototype/nastyProfiles', 'numbers', true, 'nan: no place for it'],
  [
    'prototype/nastyProfiles',
    'order',
    true,
    'events.3: no value',
    'events.4: no at',
    'events.5: no at',
    'events.6: no at',
  ],
  ['prototype/nastyProfiles', 'proto', true, '"": no place for it'],
  ['prototype/profileDrafts', 1, false, 'no id that Kartei takes'],
  ['prototype/profileDrafts', 2, false, 'no id that Kartei takes'],
  ['prototype/events', 3, true, 'page: no place for it'],
  ['prototype/events', 4, false, 'no value'],
  ['prototype/events', 5, false, 'no profile has its id'],
  ['prototype/settings', 'map', false, 'no mapping'],
  ['prototype/settings', { $Date: '1970-01-01T00:00:00.000Z' }, false, 'no mapping'],
  ['prototype/settings', [1, 'two'], false, 'no mapping'],
  ['localStorage/profileText', null, false, 'no id that Kartei takes'],
  ['localStorage/profiles', 1, false, 'no id that Kartei takes'],
  ['localStorage/profiles', 2, false, 'another record has its id'],
  ['localStorage/theme', null, false, 'no mapping'],
];

/** What the example bundle is made of; made in the page. */
export function smallStores() {
  const profiles = [
    {
      id: 'anna-keller',
      display_name: 'Anna Keller',
      attributes: { city: 'Bern', orders: 11, since: new Date('2024-05-01T00:00:00Z') },
      tags: ['vip', 'catalogue'],
      notes: 'Prefers mail.',
      observations: [
        { signal: 'order_value', value: 26.5, at: '2026-01-05T11:00:00+01:00', source: 'shop' },
      ],
      behavior_vector: { dims: [0.4] },
    },
    {
      id: 'ben-okafor',
      name: 'Ben Okafor',
      photo: new Uint8Array([1, 2, 3]),
      address: { city: 'Ulm' },
    },
    { id: 'somebody else', name: 'With an id that Kartei does not take' },
  ];
  const events = [
    { user_id: 'anna-keller', type: 'visit', value: 1, ts: 1_767_607_200_000 },
    { user_id: 'nobody', type: 'visit', value: 1, ts: 1_767_607_200_000 },
  ];
  return [
    { store: 'profiles', options: { keyPath: 'id' }, rows: profiles.map((row) => [row]) },
    { store: 'events', options: { autoIncrement: true }, rows: events.map((row) => [row]) },
  ];
}
