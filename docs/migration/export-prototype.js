// Takes the records of a browser prototype out of IndexedDB and localStorage, as files that Kartei
// imports. Paste it into the console of the prototype's page, or use the bookmark: docs/migration.md.
// It only reads, and nothing leaves the browser but the three files that it saves.
void (async () => {
  'use strict';
  // What is where; this is meant to be adapted. A field lists places, and the first one whose value
  // fits counts: a member (`name`), a path (`user.name`), or a function of the record and its key.
  const OBSERVATION = {
    profile: ['profile_id', 'profileId', 'user_id', 'userId'],
    id: ['id', (_row, key) => key],
    signal: ['signal', 'type', 'name'],
    value: ['value'],
    n: ['n', 'count'],
    at: ['at', 'timestamp', 'ts', 'time'],
    source: ['source'],
    leave: [],
  };
  const PROFILE = {
    // What of a stored value is the record: of a cache, what it wraps.
    row: (value) => value,
    id: ['id', 'profile_id', 'profileId', (_row, key) => (typeof key === 'string' ? key : null)],
    display_name: ['display_name', 'displayName', 'name'],
    tags: ['tags', 'labels'],
    notes: ['notes', 'note'],
    consent: ['consent'],
    created_at: ['created_at', 'createdAt'],
    updated_at: ['updated_at', 'updatedAt'],
    observations: ['observations', 'events'],
    observation: { ...OBSERVATION, profile: [], id: ['id'] },
    // Objects whose members become attributes; so does all that no field takes.
    attributes: ['attributes', 'traits'],
    // Computed anew, or of use to a cache alone: counted, and carried nowhere.
    leave: ['schema', 'behavior_vector', 'rev', 'hash', 'etag', 'pending', 'base_snapshot'],
  };
  // 'database/store' or 'localStorage/key', * for any text; the first that fits counts, and what none
  // fits is unmapped. A function `karteiMapping` of the page takes the place of this.
  const { karteiMapping = () => null, CompressionStream, crypto } = globalThis;
  const MAPPING = karteiMapping({ PROFILE, OBSERVATION }) || {
    '*/*observation*': OBSERVATION,
    '*/*event*': OBSERVATION,
    '*/*profile*': PROFILE,
  };
  // What follows knows what Kartei takes, and does not have to be adapted.

  const ROWS_AT_ONCE = 200;
  const CHUNK = 1024 * 1024;
  const RESERVED = ['import', 'imports', 'export', 'changes', 'validate', 'schema'];
  const INSTANT = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;
  const kind = (value) => Object.prototype.toString.call(value).slice(8, -1);
  const isObject = (value) => kind(value) === 'Object';
  const isNamed = (value) =>
    kind(value) === 'Map' && [...value.keys()].every((key) => key === `${key}`);
  const listOf = (value) => (/^(Array|Set)$/.test(kind(value)) ? [...value] : undefined);
  const sha256 = async (bytes) => {
    // A page without https has no crypto.subtle; the files are whole without their digests.
    if (!crypto || !crypto.subtle) return undefined;
    const digest = await crypto.subtle.digest('SHA-256', bytes);
    const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0'));
    return hex.join('');
  };

  // What fits where: each answers the value as Kartei writes it, or undefined.
  const text = (min, max) => (value) => {
    const isText = typeof value === 'string' && value.length >= min && [...value].length <= max;
    // Kartei takes neither U+0000 nor half a surrogate pair.
    return isText && !/[\0\p{Cs}]/u.test(value) ? value : undefined;
  };
  const named = (value) =>
    text(1, 128)(/^(number|bigint)$/.test(typeof value) ? `${value}` : value);
  const idOf = (value) => {
    const id = named(value);
    return /^[A-Za-z0-9][\w.:@-]*$/.test(id) && !RESERVED.includes(id) ? id : undefined;
  };
  const instant = (value) => {
    // A number below 1e11 is rather a count of seconds than of milliseconds; nobody guesses here.
    const isMillis = typeof value === 'number' && value >= 1e11;
    const date = kind(value) === 'Date' || isMillis ? new Date(value) : NaN;
    const said = date >= -9e15 ? date.toISOString() : value;
    const [, day, fraction = '', zone] = (typeof said === 'string' && INSTANT.exec(said)) || [];
    const local = new Date(`${day}Z`);
    // JavaScript reads a 30th of February as a day of March.
    if (!(local >= -9e15) || !local.toISOString().startsWith(day)) return undefined;
    const utc = new Date(day + zone).toISOString();
    return utc.length === 24 ? `${utc.slice(0, 19)}${fraction.replace(/\.?0*$/, '')}Z` : undefined;
  };
  const finite = (value) => (Number.isFinite(value) ? value : undefined);
  const positive = (value) => (Number.isSafeInteger(value) && value > 0 ? value : undefined);
  const consent = (value) => {
    const { analytics, recorded_at, source, ...more } = isObject(value) ? value : {};
    const made = { analytics, recorded_at: instant(recorded_at), source: text(0, 200)(source) };
    const isWhole = made.source === source && made.recorded_at && Object.keys(more).length === 0;
    return isWhole && typeof analytics === 'boolean' ? made : undefined;
  };
  const attribute = (value) => {
    if (value === null || typeof value === 'boolean') return value;
    if (kind(value) === 'Date') return instant(value);
    const list = listOf(value);
    const items = list && list.map((one) => (listOf(one) ? undefined : attribute(one)));
    if (list) return items.includes(undefined) ? undefined : text(0, 4096)(JSON.stringify(items));
    if (typeof value === 'number') return finite(value);
    if (typeof value !== 'bigint') return text(0, 4096)(value);
    return Number.isSafeInteger(Number(value)) ? Number(value) : text(0, 4096)(`${value}`);
  };

  /** Kartei's canonical form: what it exports later has the same bytes. */
  const canonical = (value) => {
    if (Array.isArray(value)) return `[${value.map(canonical)}]`;
    if (!isObject(value)) return JSON.stringify(value);
    const names = Object.keys(value).filter((key) => value[key] !== undefined);
    return `{${names.sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`)}}`;
  };
  const own = (value, key) =>
    isObject(value) && Object.prototype.hasOwnProperty.call(value, key) ? value[key] : undefined;
  const look = (row, place, key) =>
    typeof place === 'function' ? place(row, key) : place.split('.').reduce(own, row);
  /** The value of a field; the place that it was taken from is noted in `used`. */
  const take = (places, row, key, fit, used = new Set()) => {
    const place = places.find((one) => fit(look(row, one, key)) !== undefined);
    used.add(place);
    return place && fit(look(row, place, key));
  };
  /** Shows every leaf of a value that nothing took. Empty lists and objects say nothing. */
  const rest = (value, path, used, visit, above = []) => {
    if (value === undefined || used.has(path.join('.'))) return;
    // What contains itself has no end: as a leaf it fits nowhere.
    const isLeaf = above.includes(value) || !(isObject(value) || isNamed(value));
    if (isLeaf && (listOf(value) || [0]).length) visit(path.join('.'), value);
    for (const [key, inner] of isLeaf ? [] : isObject(value) ? Object.entries(value) : value) {
      rest(inner, [...path, key], used, visit, [...above, value]);
    }
  };

  /** An observation, or why a record is none; `left` is told what of it has no place. */
  const observationOf = async (spec, row, key, left) => {
    const used = new Set(spec.leave);
    const get = (field, fit) => take(spec[field], row, key, fit, used);
    const made = { signal: get('signal', text(1, 64)), value: get('value', finite) };
    made.at = get('at', instant);
    const missing = Object.keys(made).find((field) => made[field] === undefined);
    if (missing) return `no ${missing}`;
    made.n = get('n', positive);
    if (made.n === 1) made.n = undefined;
    made.source = get('source', text(0, 200));
    made.id = get('id', named);
    get('profile', idOf);
    rest(row, [], used, (path) => left.push(`${path}: no place for it`));
    if (made.id === undefined) {
      const { at, signal, value, n = null, source = null } = made;
      const fact = `kartei/element/1\0observations\0${JSON.stringify([at, signal, value, n, source])}`;
      const digest = await sha256(new TextEncoder().encode(fact));
      made.id = digest && `~${digest.slice(0, 24)}`;
    }
    return made;
  };
  /** A profile's line, and what of the record has no place; `rows` are observations of other stores. */
  const profileOf = async (spec, row, key, rows) => {
    const [left, used, attributes] = [[], new Set(spec.leave), new Map()];
    const [facts, tags] = [new Map(), new Set()];
    const get = (field, fit) => take(spec[field], row, key, fit, used);
    const leave = (path, why = 'no place for it') => left.push(`${path || '""'}: ${why}`);
    const put = (path, value) => {
      const held = attributes.size < 256 && !attributes.has(path) ? attribute(value) : undefined;
      if (held === undefined || !text(1, 64)(path)) leave(path);
      else attributes.set(path, held);
    };
    const add = async (...observation) => {
      const made = await observationOf(...observation);
      if (typeof made === 'string') return made;
      const [fact, id] = [canonical(made), made.id || canonical(made)];
      const isOther = facts.has(id) && canonical(facts.get(id)) !== fact;
      if (isOther || (facts.size > 9999 && !facts.has(id))) return 'no room beside the others';
      return void facts.set(id, made);
    };
    const line = { schema: 'user_profile.v1', id: get('id', idOf) };
    line.display_name = get('display_name', text(0, 200));
    line.notes = get('notes', text(0, 65536)) || undefined;
    line.consent = get('consent', consent);
    line.created_at = get('created_at', instant);
    line.updated_at = get('updated_at', instant);
    for (const [at, tag] of (get('tags', listOf) || []).entries()) {
      if (text(1, 64)(tag) && (tags.size < 64 || tags.has(tag))) tags.add(tag);
      else leave(`tags.${at}`);
    }
    for (const place of spec.observations) {
      const list = listOf(look(row, place, key)) || [];
      if (list.length) used.add(place);
      for (const [at, item] of list.entries()) {
        const more = [];
        const why = await add(spec.observation, item, at, more);
        for (const one of why ? [why] : more) leave(`${place}.${at}`, one);
      }
    }
    for (const one of rows) one.said = await add(one.source.spec, one.value, one.key, one.left);
    for (const place of spec.attributes) {
      const value = look(row, place, key);
      if (!isObject(value) && !isNamed(value)) continue;
      used.add(place);
      rest(value, [], new Set(), put);
    }
    rest(row, [], used, put);
    // Without its Z an instant sorts before the same one with a fraction.
    const order = ({ at, id }) => `${at.slice(0, -1)}\0${id}`;
    const inOrder = (a, b) => (order(a) < order(b) ? -1 : 1);
    if (facts.size) line.observations = [...facts.values()].sort(inOrder);
    if (tags.size) line.tags = [...tags].sort();
    if (attributes.size) line.attributes = Object.fromEntries(attributes);
    return { line: canonical(line), left };
  };

  /** JSON that a value can be made from again: what JSON does not have is an object with a `$` name. */
  const lossless = async (value) => {
    const [bytes, told] = [new Map(), new WeakSet()];
    const tell = (object) => told.add(object) && object;
    const write = () =>
      JSON.stringify(value, function (key) {
        const [one, type] = [this[key], kind(this[key])];
        const isOdd = type === 'Number' && (!Number.isFinite(one) || Object.is(one, -0));
        if (isOdd) return tell({ $Number: Object.is(one, -0) ? '-0' : `${one}` });
        if (/^(Undefined|BigInt|RegExp|Error)$/.test(type)) return tell({ [`$${type}`]: `${one}` });
        if (type === 'Date') return tell({ $Date: one >= -9e15 ? one.toISOString() : null });
        if (/^(Map|Set)$/.test(type)) return tell({ [`$${type}`]: [...one] });
        if (/^(Blob|File|ArrayBuffer)$/.test(type) || ArrayBuffer.isView(one)) {
          bytes.set(one, bytes.get(one) || '');
          const { type: media = '', name = '' } = one;
          return tell({ [`$${type}`]: bytes.get(one), media, name });
        }
        const isData = /^(Object|Array|String|Boolean|Null|Number)$/.test(type);
        if (!isData) throw new Error(`a ${type} is no data`);
        const names = isObject(one) && !told.has(one) ? Object.keys(one) : [];
        return names.some((at) => at[0] === '$') ? tell({ $Object: Object.entries(one) }) : one;
      });
    let written = write();
    for (const one of bytes.keys()) {
      const read = new Uint8Array(await new Response(one).arrayBuffer());
      const pieces = [];
      // Three bytes become four letters, so pieces of whole threes can be joined.
      for (let at = 0; at < read.length; at += 3000) {
        pieces.push(btoa(String.fromCharCode(...read.subarray(at, at + 3000))));
      }
      bytes.set(one, pieces.join(''));
      written = null;
    }
    return written || write();
  };

  const fileOf = (title) => {
    let [waiting, lines, parts] = ['', 0, []];
    const write = (line) => {
      [waiting, lines] = [`${waiting}${line}\n`, lines + 1];
      // What is a Blob no longer takes the page's memory.
      if (waiting.length > CHUNK) [waiting, parts] = ['', [...parts, new Blob([waiting])]];
    };
    const end = async () => {
      const plain = new Blob([...parts, waiting], { type: 'application/x-ndjson' });
      const zip = (stream) =>
        new Response(stream.pipeThrough(new CompressionStream('gzip'))).blob();
      const blob = CompressionStream ? await zip(plain.stream()) : plain;
      const name = `kartei-${title}.ndjson${CompressionStream ? '.gz' : ''}`;
      const about = {
        name,
        lines,
        bytes: blob.size,
        sha256: await sha256(await blob.arrayBuffer()),
      };
      about.text_sha256 = await sha256(await plain.arrayBuffer());
      return { name, blob, about };
    };
    return { write, end };
  };
  const [faults, sources, rowsBy, ids, leftOut] = [[], [], new Map(), new Set(), {}];
  const [profiles, unmapped] = [fileOf('profiles'), fileOf('unmapped')];
  const keep = async ({ about }, key, record, why, written = false) => {
    const [store, reason] = [about.store, written ? 'in part' : why[0]];
    about[written ? 'in_part' : 'unmapped'] += 1;
    about.why[reason] = (about.why[reason] || 0) + 1;
    const fault = (error) => {
      faults.push(`${store}: ${error}`);
      return JSON.stringify({ store, key: `${key}`, why: [...why, `${error}`], written });
    };
    unmapped.write(await lossless({ store, key, why, written, record }).catch(fault));
  };

  const ask = (request) =>
    new Promise((done, fail) => {
      request.onsuccess = () => done(request.result);
      request.onerror = () => fail(request.error);
      // A database that is not there would be made by asking for it.
      request.onupgradeneeded = () => request.transaction.abort();
    });
  /** All rows of a store, in pieces: a cursor's transaction ends where anything else is waited for. */
  async function* rowsOf(db, store) {
    let range = null;
    for (;;) {
      const from = db.transaction(store).objectStore(store);
      const both = [from.getAllKeys(range, ROWS_AT_ONCE), from.getAll(range, ROWS_AT_ONCE)];
      const [keys, values] = await Promise.all(both.map(ask));
      yield* keys.map((key, at) => [key, values[at]]);
      if (keys.length < ROWS_AT_ONCE) return;
      range = IDBKeyRange.lowerBound(keys[keys.length - 1], true);
    }
  }
  /** The records in an item: those of a list, those of an object that has no id itself, or the item. */
  const rowsIn = (item, spec) => {
    let value = item;
    try {
      if (spec) value = JSON.parse(item);
    } catch {
      // No JSON: the text itself is what is kept.
    }
    const items = Array.isArray(value) || isObject(value) ? Object.entries(value) : [];
    const isOne = spec && take(spec.id.concat(spec.profile || []), value, null, idOf);
    const isTable = !isOne && items.length && items.every(([, one]) => isObject(one));
    const keyOf = (key) => (isObject(value) ? key : Number(key));
    return isTable ? items.map(([key, one]) => [keyOf(key), one]) : [[null, value]];
  };
  const addSource = (store, rows) => {
    const parts = (pattern) => pattern.split('*').map((part) => part.replace(/\W/g, '\\$&'));
    const fits = (pattern) => new RegExp(`^${parts(pattern).join('.*')}$`, 'i').test(store);
    const mapping = Object.keys(MAPPING).find(fits) || null;
    const counts = { read: 0, profiles: 0, observations: 0, in_part: 0, unmapped: 0 };
    const about = { store, mapping, ...counts, why: {} };
    sources.push({ about, spec: MAPPING[mapping], rows: () => rows(MAPPING[mapping]) });
  };
  const each = async (isWanted, act) => {
    for (const source of sources.filter(({ spec }) => isWanted(spec))) {
      const { about } = source;
      try {
        for await (const [key, value] of source.rows()) {
          about.read += 1;
          await act(source, key, value).catch((error) => keep(source, key, value, [`${error}`]));
          if (about.read % ROWS_AT_ONCE === 0) say(`${about.store}: ${about.read}`);
        }
      } catch (error) {
        faults.push(`${about.store}: ${error}`);
      }
    }
  };

  /** Holds an observation until its profile comes. */
  const hold = async (source, key, value) => {
    const id = take(source.spec.profile, value, key, idOf);
    if (!rowsBy.has(id)) rowsBy.set(id, []);
    rowsBy.get(id).push({ source, key, value, left: [], why: 'no profile has its id' });
  };
  const settle = async ({ source, key, value, left, why }) => {
    if (!why) source.about.observations += 1;
    if (why || left.length) await keep(source, key, value, why ? [why] : left, !why);
  };
  const writeProfile = async (source, key, value) => {
    const row = source.spec.row(value);
    const id = isObject(row) ? take(source.spec.id, row, key, idOf) : undefined;
    if (!id) return keep(source, key, value, ['no id that Kartei takes']);
    if (ids.has(id)) return keep(source, key, value, ['another record has its id']);
    const rows = rowsBy.get(id) || [];
    const { line, left } = await profileOf(source.spec, row, key, rows);
    const isLong = line.length > CHUNK && new Blob([line]).size >= 4 * CHUNK;
    if (isLong) throw new Error('a line of more than 4 MiB');
    profiles.write(line);
    ids.add(id);
    source.about.profiles += 1;
    for (const name of source.spec.leave.filter((one) => own(row, one) !== undefined)) {
      leftOut[name] = (leftOut[name] || 0) + 1;
    }
    if (left.length) await keep(source, key, value, left, true);
    for (const one of rows) await settle({ ...one, why: one.said });
    return void rowsBy.delete(id);
  };

  const panel = document.createElement('div');
  panel.style.cssText =
    'position:fixed;inset:5%;z-index:2147483647;overflow:auto;padding:1em;border:2px solid;background:#fff;color:#000';
  const words = panel.appendChild(document.createElement('pre'));
  const say = (said) => (words.textContent = said);
  document.documentElement.append(panel);

  const askNames = () => prompt('Names of the IndexedDB databases, with commas between:') || '';
  const listed = indexedDB.databases ? await indexedDB.databases() : askNames().split(',');
  const names = listed.map((one) => (one.name ?? one).trim()).filter(Boolean);
  const opened = [];
  for (const name of names.sort()) {
    try {
      const db = await ask(indexedDB.open(name));
      opened.push(db);
      for (const one of db.objectStoreNames) addSource(`${name}/${one}`, () => rowsOf(db, one));
    } catch (error) {
      faults.push(`${name}: ${error}`);
    }
  }
  for (const item of Array.from(localStorage, (_, at) => localStorage.key(at)).sort()) {
    addSource(`localStorage/${item}`, (spec) => rowsIn(localStorage.getItem(item), spec));
  }
  await each((spec) => spec && !spec.observation, hold);
  await each((spec) => spec && spec.observation, writeProfile);
  for (const rows of rowsBy.values()) for (const row of rows) await settle(row);
  await each(
    (spec) => !spec,
    (source, key, value) => keep(source, key, value, ['no mapping']),
  );
  for (const db of opened) db.close();

  const manifest = { format: 'kartei-prototype-export.v1', origin: location.origin };
  Object.assign(manifest, { made_at: new Date().toISOString(), complete: !faults.length, faults });
  const stores = sources.map(({ about }) => about);
  for (const field of ['read', 'profiles', 'observations', 'in_part', 'unmapped']) {
    manifest[field] = stores.reduce((sum, store) => sum + store[field], 0);
  }
  const files = [await profiles.end(), await unmapped.end()];
  Object.assign(manifest, { left_out: leftOut, files: files.map(({ about }) => about), stores });
  const report = JSON.stringify(manifest, null, 2);
  files.push({ name: 'kartei-manifest.json', blob: new Blob([report]) });
  for (const { name, blob } of files) {
    const link = document.createElement('a');
    Object.assign(link, { href: URL.createObjectURL(blob), download: name, textContent: name });
    panel.insertBefore(link, words).style.marginRight = '1em';
    link.click();
  }
  const close = panel.insertBefore(document.createElement('button'), words);
  Object.assign(close, { textContent: 'Close', onclick: () => panel.remove() });
  say(`${faults.length ? 'NOT COMPLETE' : 'Complete'}\n${report}`);
})().catch((error) => alert(`Kartei: nothing was saved. ${error}`));
