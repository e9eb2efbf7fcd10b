import { formatCount, formatDay } from '$lib/format';
import { m } from '$lib/i18n.svelte';
import type { ResultPage } from './export';
import type { Table } from './tables';
import { numberOf, rowsOf, type ResultBase } from './types';
import { datasetWords, findingParts, readable, tableTitle } from './words';

/** Whom a result is of, and what it rests on. */
function factsOf({ input, calibration, done, total }: ResultBase): [string, string][] {
  const facts: [string, string][] = [];
  const { filter, filter_a: a, filter_b: b, as_of, revision } = input ?? {};
  if (a !== undefined) {
    facts.push(['A', a ?? m.result_everybody()], ['B', b ?? m.result_everybody_else()]);
  } else facts.push([m.result_cohort(), filter ?? m.result_everybody()]);
  const dataset = input?.dataset;
  if (dataset !== undefined) facts.push([m.result_dataset(), datasetWords(dataset)]);
  if (numberOf(done) !== null && numberOf(total) !== null) {
    facts.push([
      m.result_profiles(),
      done === total
        ? formatCount(total ?? 0)
        : m.result_part({ n: formatCount(done ?? 0), total: formatCount(total ?? 0) }),
    ]);
  }
  const day = numberOf(as_of);
  if (day !== null && Math.abs(day) < 8.64e15) {
    facts.push([m.result_as_of(), formatDay(new Date(day).toISOString())]);
  }
  if (numberOf(revision) !== null && revision !== 0) {
    facts.push([m.result_revision(), formatCount(revision ?? 0)]);
  }
  if (calibration?.version !== undefined) {
    const schema = [calibration.schema, calibration.schema_version].filter((one) => one != null);
    facts.push([m.result_calibration(), [...schema, calibration.version].join(' · ')]);
  }
  return facts;
}

/** All that a page of a result says, in the person's language. */
export function pageData(
  report: ResultBase,
  title: string,
  tables: Table[],
  language: string,
): ResultPage {
  return {
    title,
    language,
    facts: factsOf(report),
    findingsTitle: m.result_findings(),
    findings: rowsOf(report.findings).map(findingParts),
    tables: tables.map((table) => {
      const { columns, text } = readable(table);
      return {
        title: tableTitle(table.name),
        columns: columns.map(({ title }) => title),
        rows: table.rows.map((row) => columns.map((column) => text(report, row, column))),
      };
    }),
    report,
  };
}
