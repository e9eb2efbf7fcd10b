// What a person waits for in the real window: `measure.mjs DATA WORDS IDS FILE` prints one JSON object,
// in milliseconds and megabytes. WORDS are typed into the search, IDS are profiles that the relay has
// and that are edited; FILE is imported at the end, while the main thread is watched.
//
// A time begins with the event of the key, as the web view got it, and ends when the frame that shows
// the answer was painted; a start begins before the driver is asked for the program and ends when the
// driver has told that the table is there. Keys go in and the page is looked at: nothing of the program
// is called from here.
import { readdirSync, readFileSync } from 'node:fs';
import { runProgram } from '../../tests/js/lib/processes.mjs';
import { until } from '../../tests/js/lib/wait.mjs';
import { ENTER, startDesktop } from '../../tests/js/lib/webdriver.mjs';
import { search, speakEnglish } from '../../tests/js/lib/window-moves.mjs';

const [data, words, ids, file] = process.argv.slice(2);
const [PAGE_DOWN, END, HOME] = ['\uE00F', '\uE010', '\uE011'];
const SEARCH = '//input[@aria-label="Search profiles"]';
const ORDERS = '//input[@aria-label="Value of orders"]';
const ACTIVE = '//*[@role="row"][@tabindex="0"]';
/** Backspace, more often than a word here has letters. */
const EMPTIED = '\uE003'.repeat(20);
const START_RUNS = 5;
const RUNS = 20;
const IMPORT_MS = 300_000;

/** Watches in the page: from the next such event until `shown` holds and its frame is painted. */
const watching = (type, shown) => `
  const shown = ${shown};
  const watch = { ms: null };
  window.benchWatch = watch;
  addEventListener('${type}', (event) => {
    const began = event.timeStamp;
    const was = shown(true);
    const look = () => {
      if (!shown(false, was)) return requestAnimationFrame(look);
      // The frame that shows it is painted before a message that is sent in its callback comes.
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => { watch.ms = performance.now() - began; };
      port2.postMessage(0);
    };
    requestAnimationFrame(look);
  }, { capture: true, once: true });
`;

/** Watches for how long the main thread takes no message: what a person feels as a hanging window. */
const PULSE = `
  const pulse = { longest: 0, over50: 0, beats: 0 };
  window.benchPulse = pulse;
  const { port1, port2 } = new MessageChannel();
  let sent = performance.now();
  port1.onmessage = () => {
    const late = performance.now() - sent;
    pulse.longest = Math.max(pulse.longest, late);
    if (late > 50) pulse.over50 += 1;
    pulse.beats += 1;
    setTimeout(() => { sent = performance.now(); port2.postMessage(0); }, 5);
  };
  port2.postMessage(0);
`;

/** Whether an import of this window runs. */
const IMPORTING = `return document.querySelector('[role=progressbar]') !== null`;

/** The rows that are in view are all there. */
const ROWS_SHOWN = `
  const grid = document.querySelector('[role=grid]');
  const box = grid?.getBoundingClientRect();
  const rows = [...(grid?.querySelectorAll('[role=rowgroup] > [role=row][aria-rowindex]') ?? [])].filter((row) => {
    const { top, bottom } = row.getBoundingClientRect();
    return bottom > box.top && top < box.bottom;
  });
`;

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const summary = (values) => ({
  median: median(values),
  worst: Math.max(...values),
  runs: values.length,
});

/** Proportional memory of all processes that descend from this one and draw the window, in MB. */
function memory() {
  const parents = new Map();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const [, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      parents.set(pid, {
        parent,
        name: stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')),
      });
    } catch {
      // It ended while we looked.
    }
  }
  const ours = (pid) =>
    pid === String(process.pid) || (parents.has(pid) && ours(parents.get(pid).parent));
  const sizes = {};
  for (const [pid, { name }] of parents) {
    if (!/^(kartei|WebKit)/.test(name) || !ours(pid)) continue;
    try {
      const kilobytes = /^Pss:\s+(\d+)/m.exec(
        readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'),
      )?.[1];
      sizes[name] = (sizes[name] ?? 0) + Math.round(Number(kilobytes) / 1024);
    } catch {
      // It ended, or is not ours to look at.
    }
  }
  return sizes;
}

/** The list's count, as it says it. */
const COUNT = `document.querySelector('p.count')?.textContent.trim()`;
const TABLE_SHOWN = `${ROWS_SHOWN}
  return rows.length > 5 && rows.every((row) => !row.querySelector('.waiting'));`;
const ROWS_MOVED = `(first, was) => { ${ROWS_SHOWN}
  const at = rows[0]?.getAttribute('aria-rowindex');
  return first ? at : at !== was && rows.every((row) => !row.querySelector('.waiting')); }`;
const COUNTED = `(first, was) => { const said = ${COUNT}; return first ? said : said !== was; }`;
const BADGED = `(first) => !first && document.querySelector('article')?.textContent.includes('Pending')`;

const desktop = await startDesktop();
try {
  const start = [];
  let window;
  for (let run = 0; run < START_RUNS; run++) {
    await window?.quit();
    const began = Date.now();
    window = await desktop.open(['--data', data]);
    await until('the first table', () => window.run(TABLE_SHOWN));
    start.push(Date.now() - began);
  }
  await speakEnglish(window);
  const after = async (type, shown, act) => {
    await window.run(watching(type, shown));
    await act();
    return until(`what ${type} brings`, () => window.run('return window.benchWatch.ms'));
  };
  const times = { start };
  const press = async (keys) => {
    const taken = [];
    for (const key of keys)
      taken.push(await after('keydown', ROWS_MOVED, () => window.type(ACTIVE, key)));
    return taken;
  };
  // The first page is in view already: going to its end moves nothing.
  await window.type(ACTIVE, PAGE_DOWN);
  times.scroll = await press(Array.from({ length: RUNS }, () => PAGE_DOWN));
  times.ends = await press(Array.from({ length: RUNS }, (_, at) => (at % 2 === 0 ? END : HOME)));

  times.type = [];
  for (const word of words.split(',')) {
    await window.type(SEARCH, EMPTIED);
    const whole = await until('all profiles', () =>
      window.run(`const [n, total] = ${COUNT}.split(' of '); return n === total && ${COUNT};`),
    );
    for (const letter of word) {
      const before = await window.run(`return ${COUNT}`);
      times.type.push(await after('input', COUNTED, () => window.type(SEARCH, letter)));
      if (before === whole) times.first = [...(times.first ?? []), times.type.at(-1)];
    }
  }

  times.edit = [];
  for (const id of ids.split(',')) {
    await search(window, id);
    await window.click(`//*[@role="row"][.//span[normalize-space()="${id}"]]`);
    await window.find(`//article[@aria-label="Profile ${id}"]`);
    await window.fill(ORDERS, '4711');
    times.edit.push(await after('keydown', BADGED, () => window.type(ORDERS, ENTER)));
  }
  await window.type(SEARCH, EMPTIED);
  await window.run(PULSE);
  await runProgram('kartei-desktop', ['--data', data, file]);
  await until('the import', () => window.run(IMPORTING));
  await until('the end of the import', async () => !(await window.run(IMPORTING)), IMPORT_MS);
  const pulse = await window.run('return window.benchPulse');
  const found = Object.entries(times).map(([name, taken]) => [name, summary(taken)]);
  console.log(JSON.stringify({ ...Object.fromEntries(found), pulse, memory: memory() }));
  await window.quit();
} finally {
  await desktop.stop();
}
