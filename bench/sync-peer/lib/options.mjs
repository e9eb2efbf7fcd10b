// The command line of the programs here: `--name value` pairs, nothing else and nothing from the
// environment.
import { parseArgs } from 'node:util';

/** Seconds after which a program reports what it has and ends, where nothing else is asked for. */
const DEADLINE_SECONDS = 120;

/** Seconds after which a server ends that nobody ended: far more than any run takes. */
const LIFETIME_SECONDS = 3600;

/**
 * The options of a program. `required` and `optional` are names; `count`, `deadline`, `lifetime`,
 * `port` and those whose name ends in `size` or `window` are whole numbers. A wrong command line
 * ends the program with status 2 and its usage.
 */
export function options(usage, required, optional = []) {
  const names = [...required, ...optional];
  const types = Object.fromEntries(names.map((name) => [name, { type: 'string' }]));
  try {
    const { values } = parseArgs({ options: types });
    const missing = required.filter((name) => values[name] === undefined);
    if (missing.length > 0) throw new Error(`--${missing[0]} is missing`);
    const read = names
      .filter((name) => values[name] !== undefined)
      .map((name) => [name, isNumber(name) ? wholeNumber(name, values[name]) : values[name]]);
    return {
      deadline: DEADLINE_SECONDS,
      lifetime: LIFETIME_SECONDS,
      ...Object.fromEntries(read),
    };
  } catch (error) {
    console.error(`${error.message}\nusage: ${usage}`);
    return process.exit(2);
  }
}

const isNumber = (name) => /^(count|deadline|lifetime|port|.*size|.*window)$/.test(name);

function wholeNumber(name, text) {
  if (!/^[0-9]{1,9}$/.test(text)) throw new Error(`--${name} takes a whole number, not ${text}`);
  return Number(text);
}
