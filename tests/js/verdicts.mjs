// Prints Ajv's verdict on each line of a file of records: `true` or `false`, one a line. The Rust
// test schema_agreement.rs compares them with its own.
import { linesOf } from './lib/lines.mjs';
import { compile } from './lib/schema.mjs';

const validate = compile();
const verdicts = linesOf(process.argv[2]).map((line) => validate(JSON.parse(line)));
process.stdout.write(verdicts.map((verdict) => `${verdict}\n`).join(''));
