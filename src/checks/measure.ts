import { createHash } from 'node:crypto';
import { type SqlRow, type SqlValue, toJson } from '../duckdb/values.js';
import type { Check } from './check-file.js';
import { judgeEmpty, judgeValue } from './judge.js';
import type { CheckResult } from './report.js';

/** More grains than this in one check are a mistake of its query, not a chart. */
const MAX_GRAINS = 100_000;

type JsonRow = Record<string, unknown>;

/** Takes the rows of one check as they come and keeps only what the report shows. */
export interface Measure {
  /** @throws Error when the rows do not fit the front matter. */
  add(row: SqlRow): void;
  finish(): readonly CheckResult[];
}

function hashed(value: SqlValue | undefined): unknown {
  if (value === null || value === undefined) return null;
  const json = toJson(value);
  const text = typeof json === 'string' ? json : JSON.stringify(json);
  return `sha256:${createHash('sha256').update(text, 'utf8').digest('hex').slice(0, 16)}`;
}

function jsonRow(row: SqlRow, check: Check): JsonRow {
  const redacted = new Set(check.redact);
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, redacted.has(name) ? hashed(value) : toJson(value)]),
  );
}

/** A redacted column that is not there is most likely misspelled, and then the real one would be shown. */
function assertColumns(row: SqlRow, names: readonly string[], key: string): void {
  for (const name of names) {
    if (!Object.hasOwn(row, name))
      throw new Error(`"${key}" names the column ${name}, which the SELECT does not return`);
  }
}

function measured(value: SqlValue | undefined): number | null {
  if (value === undefined) throw new Error('a metric returns its number in a column named value, and there is none');
  if (value === null) return null;
  const numeric = typeof value === 'bigint' || typeof value === 'number' || /^-?\d+(\.\d+)?$/.test(String(value));
  if (!numeric || typeof value === 'object')
    throw new Error(`the value is not a number: ${JSON.stringify(toJson(value))}`);
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}

function rowsMeasure(check: Check): Measure {
  const samples: JsonRow[] = [];
  let rows = 0;
  return {
    add(row) {
      if (rows === 0) assertColumns(row, check.redact, 'redact');
      rows += 1;
      if (samples.length < check.samples) samples.push(jsonRow(row, check));
    },
    finish: () => [{ grain: {}, value: rows, ...judgeValue(check, rows), samples, details: {}, rows }],
  };
}

function pick(row: JsonRow, names: readonly string[]): JsonRow {
  return Object.fromEntries(names.map((name) => [name, row[name] ?? null]));
}

function metricMeasure(check: Check): Measure {
  const grain = check.grain ?? [];
  const results: CheckResult[] = [];
  const seen = new Set<string>();
  let sampled = 0;
  return {
    add(row) {
      if (results.length === 0) {
        assertColumns(row, grain, 'grain');
        assertColumns(row, check.redact, 'redact');
      }
      if (results.length === MAX_GRAINS) throw new Error(`more than ${MAX_GRAINS} grains; aggregate more`);
      // The raw values tell grains apart: redaction must not merge two, nor hide that one is there twice.
      const id = JSON.stringify(grain.map((name) => toJson(row[name] ?? null)));
      if (seen.has(id))
        throw new Error(`two rows of the same grain ${grain.length === 0 ? '(no grain declared)' : id}`);
      seen.add(id);
      const value = measured(row.value);
      const judgement = judgeValue(check, value);
      const json = jsonRow(row, check);
      const others = Object.keys(json).filter((name) => name !== 'value' && !grain.includes(name));
      const isSample = judgement.level !== 'pass' && sampled < check.samples;
      if (isSample) sampled += 1;
      const samples = isSample ? [json] : [];
      results.push({ grain: pick(json, grain), value, ...judgement, samples, details: pick(json, others), rows: 1 });
    },
    finish: () =>
      results.length > 0
        ? results
        : [{ grain: {}, value: null, ...judgeEmpty(check), samples: [], details: {}, rows: 0 }],
  };
}

/** How the rows of this check become judged values. */
export function measureOf(check: Check): Measure {
  return check.result === 'rows' ? rowsMeasure(check) : metricMeasure(check);
}
