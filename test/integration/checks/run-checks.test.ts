import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LakeError } from '../../../src/base/lake-error.js';
import { packageRoot } from '../../../src/base/package-root.js';
import {
  type Check,
  type CheckDeps,
  type CheckReport,
  type CheckRunOptions,
  exitCodeFor,
  inspectCheck,
  loadChecks,
  parseCheckFile,
  runChecks,
  selectChecks,
  type TableVersion,
} from '../../../src/checks/index.js';
import { type MemoryLake, openMemoryLake } from './memory-lake.js';

let lake: MemoryLake;
beforeEach(async () => {
  lake = await openMemoryLake();
});
afterEach(() => lake.session.close());

/** A metric check unless the front matter lines say otherwise. */
function check(name: string, sql: string, lines: readonly string[] = []): Check {
  const own = new Map(
    ['title: T', 'severity: error', 'result: metric', 'error: "> 10"', 'warn: "> 5"', ...lines].map((line) => [
      line.split(':')[0],
      line,
    ]),
  );
  const front = [...own.values()].filter((line) => !line.endsWith(': -'));
  return parseCheckFile(
    `/* @check\nname: ${name}\nversion: 1\n${front.join('\n')}\n@check */\n${sql}`,
    `my/${name}.sql`,
  );
}

async function run(checks: readonly Check[], options: Partial<CheckRunOptions> = {}): Promise<CheckReport> {
  return runChecks(lake.deps, { checks, runId: 'run-1', ...options });
}
const stored = (): ReturnType<MemoryLake['session']['rows']> =>
  lake.session.rows('SELECT * FROM metadata.check_result ORDER BY rowid');

describe('one SELECT and nothing else', () => {
  it.each([
    ['DELETE FROM metadata.ingestion_manifest', 'exactly one SELECT'],
    ["COPY (SELECT 1 AS value) TO 'x.csv'", 'exactly one SELECT'],
    ["ATTACH 'x.db'", 'exactly one SELECT'],
    ['SELECT 1 AS value; DROP TABLE metadata.ingestion_manifest', 'exactly one SELECT'],
    ['SELECT 1 AS value; SELECT 2 AS value', 'this file holds 2'],
    ["SET memory_limit = '1GB'", 'exactly one SELECT'],
    ['EXPLAIN ANALYZE SELECT 1', 'exactly one SELECT'],
    ['-- nothing', 'this file holds none'],
    ['SELECT 1 AS\nvalue FRM x', 'syntax error'],
    ['SELECT $days AS value', 'uses $days, which "params" does not declare'],
    ['SELECT ? AS value', 'uses $1, which'],
  ])('%s', async (sql, message) => {
    await lake.insert('metadata.ingestion_manifest', [{ manifest_id: 'kept' }]);
    const report = await run([check('bad', sql)]);
    expect(report.checks[0]).toMatchObject({ level: 'failed_to_run', failure: { code: 'CHECK_FILE' }, results: [] });
    expect(report.checks[0]!.failure!.message).toContain(message);
    expect(await lake.session.rows('SELECT count(*)::INTEGER AS n FROM metadata.ingestion_manifest')).toEqual([
      { n: 1 },
    ]);
    expect(exitCodeFor(report)).toBe(3);
  });

  it('the place of a syntax error is the line of the file', async () => {
    const report = await run([check('bad', '-- one\nSELECT 1 AS value\nFROM metadata.x WHERE WHERE')]);
    expect(report.checks[0]!.failure!.place).toBe('my/bad.sql:12');
  });

  it('the line in an error of DuckDB is the line of the file', async () => {
    const report = await run([check('bad', 'SELECT 1 AS value,\n  no_such_column\nFROM metadata.ingestion_manifest')]);
    expect(report.checks[0]!.failure!.message).toContain('LINE 11:');
  });

  it('finds tables and parameters, not CTEs', async () => {
    const sql = `WITH own AS (SELECT * FROM Metadata.Ingestion_Event) SELECT count(*) AS value FROM own
      WHERE EXISTS (FROM "metadata"."ingestion_manifest" WHERE size_bytes > $least) AND '$text' <> 'FROM a.b'`;
    const inputs = await inspectCheck(lake.session, check('x', sql, ['params: { least: { type: integer } }']));
    expect(inputs).toEqual({
      tables: ['metadata.ingestion_event', 'metadata.ingestion_manifest'],
      parameters: ['least'],
    });
  });

  it('declared parameters and tables must be used', async () => {
    const unused = check('x', 'SELECT 1 AS value', ['params: { days: { type: integer, default: 1 } }']);
    await expect(inspectCheck(lake.session, unused)).rejects.toThrow('does not use $days');
    const other = check('x', 'SELECT 1 AS value FROM metadata.b', ['tables: [metadata.a]']);
    await expect(inspectCheck(lake.session, other)).rejects.toThrow('declares metadata.a, the SELECT reads metadata.b');
  });

  it('all shipped checks are in order', async () => {
    for (const shipped of loadChecks()) await inspectCheck(lake.session, shipped);
  });

  it('parameters are bound, never pasted', async () => {
    const sql = 'SELECT length($text) AS value';
    const evil = "'; DROP TABLE metadata.ingestion_manifest; --";
    const report = await run([check('x', sql, ['params: { text: { type: text } }'])], { params: { text: evil } });
    expect(report.checks[0]!.results[0]!.value).toBe(evil.length);
  });
});

describe('metrics', () => {
  it('judges each grain on its own; the check has the worst level', async () => {
    const sql = "SELECT * FROM (VALUES ('a', 1, 7), ('b', 11, 8), (NULL, 6, 9)) t(source, value, files)";
    const report = await run([check('x', sql, ['grain: [source]', 'unit: s'])]);
    expect(report.checks[0]).toMatchObject({
      level: 'error',
      results: [
        { grain: { source: 'a' }, value: 1, level: 'pass', threshold: null, samples: [], details: { files: 7 } },
        { grain: { source: 'b' }, value: 11, level: 'error', threshold: '> 10', samples: [{ source: 'b', value: 11 }] },
        { grain: { source: null }, value: 6, level: 'warn', threshold: '> 5', message: '6 s is > 5' },
      ],
    });
    expect(report.totals).toEqual({ pass: 0, warn: 0, error: 1, failed_to_run: 0 });
  });

  it.each([
    ['NULL', null, 'error', 'on_null'],
    ["'NaN'::DOUBLE", null, 'error', 'on_null'],
    ["'Infinity'::DOUBLE", null, 'error', 'on_null'],
    ['12.50::DECIMAL(9,2)', 12.5, 'error', '> 10'],
    ['5::HUGEINT', 5, 'pass', null],
    ['9007199254740993::BIGINT', 9007199254740992, 'error', '> 10'],
    ['-0.5', -0.5, 'pass', null],
    ['10', 10, 'warn', '> 5'],
  ])('value %s', async (...[value, number, level, threshold]) => {
    const report = await run([check('x', `SELECT ${value} AS value`)]);
    expect(report.checks[0]!.results[0]).toMatchObject({ value: number, level, threshold });
  });

  it.each([
    ["SELECT 'many' AS value", [], 'not a number'],
    ['SELECT true AS value', [], 'not a number'],
    ['SELECT 1 AS n', [], 'column named value'],
    ['SELECT 1 AS value', ['grain: [source]'], 'column source'],
    ['SELECT 1 AS value UNION ALL SELECT 2', [], 'no grain declared'],
    ["SELECT 'a' AS s, 1 AS value UNION ALL SELECT 'a', 2", ['grain: [s]'], 'two rows of the same grain ["a"]'],
    ['SELECT 1 AS value', ['redact: [path]'], '"redact" names the column path'],
    ['SELECT range AS s, 1 AS value FROM range(100001)', ['grain: [s]'], 'more than 100000 grains'],
  ])('%s %o is no metric', async (sql, lines, message) => {
    const report = await run([check('x', sql, lines)]);
    expect(report.checks[0]!.failure?.message).toContain(message);
  });

  it('no rows: on_empty', async () => {
    const sql = 'SELECT 1 AS value WHERE false';
    expect((await run([check('x', sql)])).checks[0]!.level).toBe('warn');
    expect((await run([check('x', sql, ['on_empty: error'])])).checks[0]!.level).toBe('error');
    expect((await run([check('x', sql, ['on_empty: error', 'severity: warn'])])).checks[0]!.level).toBe('warn');
    expect((await run([check('x', sql, ['on_empty: pass'])])).checks[0]!.level).toBe('pass');
  });
});

describe('rows', () => {
  const rows = (n: number, lines: string[] = []): Check =>
    check('x', `SELECT range AS id, 'p' || range AS path FROM range(${n})`, ['result: rows', ...lines]);

  it('the value is the number of rows, with the first ones as samples', async () => {
    const report = await run([rows(12, ['samples: 2'])]);
    expect(report.checks[0]!.results).toMatchObject([
      {
        grain: {},
        value: 12,
        rows: 12,
        level: 'error',
        samples: [
          { id: 0, path: 'p0' },
          { id: 1, path: 'p1' },
        ],
      },
    ]);
    expect((await run([rows(6, ['samples: 0'])])).checks[0]!.results[0]).toMatchObject({ level: 'warn', samples: [] });
    expect((await run([rows(5)])).checks[0]!.level).toBe('pass');
  });

  it('no row is zero, judged like any number', async () => {
    expect((await run([rows(0)])).checks[0]).toMatchObject({ level: 'pass', results: [{ value: 0 }] });
    expect((await run([rows(0, ['error: "< 1"'])])).checks[0]!.level).toBe('error');
  });

  it('redacted columns are hashes everywhere', async () => {
    const hash = `sha256:${createHash('sha256').update('p0').digest('hex').slice(0, 16)}`;
    const report = await run([rows(11, ['redact: [path]'])]);
    expect(report.checks[0]!.results[0]!.samples[0]).toEqual({ id: 0, path: hash });
    const metric = check('y', "SELECT 'p0' AS path, 99 AS value, 's' AS secret, NULL AS gap", [
      'grain: [path]',
      'redact: [path, secret, gap]',
    ]);
    const text = JSON.stringify(await run([metric]));
    expect(text).toContain(`"grain":{"path":"${hash}"}`);
    expect(text).toContain('"gap":null');
    expect(text).not.toMatch(/"p0"|"s"/);
    expect(JSON.stringify((await stored()).map((row) => [row.grain, row.samples, row.message]))).not.toMatch(
      /p0|\\"s\\"/,
    );
  });
});

describe('a run', () => {
  it('keeps every value, also of a check that passes or fails to run', async () => {
    const report = await run(
      [
        check('bad', 'SELECT * FROM metadata.missing'),
        check('metric', "SELECT 's' AS source, 7 AS value, $n AS n", [
          'grain: [source]',
          'params: { n: { type: integer } }',
        ]),
        check('rows', 'SELECT 1 WHERE false', ['result: rows', 'warn: -']),
      ],
      { params: { n: '3' } },
    );
    expect(report).toMatchObject({ run_id: 'run-1', ledger_version: 7, result_version: 3, storage_failure: null });
    expect(report.totals).toEqual({ pass: 1, warn: 1, error: 0, failed_to_run: 1 });
    const rows = await stored();
    const common = {
      run_id: 'run-1',
      check_version: 1,
      ledger_version: 7n,
      tool_version: '0.1.0',
      git_commit: 'c0ffee',
    };
    expect(rows).toMatchObject([
      {
        ...common,
        check_name: 'bad',
        level: 'failed_to_run',
        grain: '{}',
        value: null,
        row_count: null,
        message: 'TABLE_NOT_FOUND: the lake has no table metadata.missing',
      },
      {
        ...common,
        check_name: 'metric',
        level: 'warn',
        severity: 'error',
        warn: '> 5',
        error: '> 10',
        grain: '{"source":"s"}',
        params: '{"n":3}',
        value: 7,
        row_count: 1n,
        samples: '[{"source":"s","value":7,"n":3}]',
        message: '7 is > 5',
      },
      {
        ...common,
        check_name: 'rows',
        level: 'pass',
        value: 0,
        row_count: 0n,
        samples: null,
        warn: null,
        params: '{}',
      },
    ]);
    expect(rows.map((r) => r.sql_sha256)).toEqual(report.checks.map((c) => c.sql_sha256));
    expect(new Set(rows.map((r) => r.sql_sha256)).size).toBe(3);
  });

  it('has the keys of the command line contract', async () => {
    const report = await run([check('x', 'SELECT 7 AS value')]);
    expect(JSON.parse(JSON.stringify(report))).toMatchObject({
      run_id: 'run-1',
      ledger_version: 7,
      totals: { pass: 0, warn: 1, error: 0, failed_to_run: 0 },
      checks: [
        {
          name: 'x',
          version: 1,
          level: 'warn',
          results: [{ grain: {}, value: 7, level: 'warn', threshold: '> 5', samples: [{ value: 7 }] }],
          sql_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
          duration_ms: expect.any(Number),
        },
      ],
    });
  });

  it('judges one version of each table, and the canonical one at the version that was asked for', async () => {
    const checks = selectChecks(loadChecks());
    expect((await run(checks)).ledger_version).toBe(7);
    expect(lake.asked.map((a) => a.name).sort()).toEqual(['metadata.ingestion_event', 'metadata.ingestion_manifest']);
    lake.asked.length = 0;
    expect((await run(checks, { atVersion: 2 })).ledger_version).toBe(2);
    expect(lake.asked).toEqual([
      { name: 'metadata.ingestion_manifest', version: 2 },
      { name: 'metadata.ingestion_event', version: undefined },
    ]);
    expect(new Set((await stored()).map((r) => r.ledger_version))).toEqual(new Set([7n, 2n]));
  });

  it('gives the tables of the check to the query, by name', async () => {
    const seen: string[][] = [];
    const deps: CheckDeps<TableVersion> = {
      ...lake.deps,
      select(session, request) {
        seen.push([...request.tables].map(([name, { version }]) => `${name}@${version}`));
        return lake.deps.select(session, request);
      },
    };
    await runChecks(deps, { checks: selectChecks(loadChecks(), { select: ['failures_and_retries'] }), runId: 'r' });
    expect(seen).toEqual([['metadata.ingestion_event@7', 'metadata.ingestion_manifest@7']]);
  });

  it('an unreadable table stops only the checks that read it', async () => {
    const catalog: typeof lake.deps.catalog = {
      ...lake.deps.catalog,
      findSnapshot: async (name) => {
        if (name === 'metadata.ingestion_manifest') {
          throw new LakeError('DELTA_LOG', 'version 3 is missing', {
            place: 'ingestion_manifest@4',
            hint: 'restore it',
          });
        }
        return { version: 1 };
      },
    };
    const checks = selectChecks(loadChecks(), { select: ['duplicate_shas', 'success_last_n_runs'] });
    const report = await runChecks({ ...lake.deps, catalog }, { checks, runId: 'r' });
    expect(report.ledger_version).toBeNull();
    expect(report.checks.map((c) => c.level)).toEqual(['failed_to_run', 'warn']);
    expect(report.checks[0]!.failure).toEqual({
      code: 'DELTA_LOG',
      message: 'version 3 is missing',
      place: 'ingestion_manifest@4',
      hint: 'restore it',
    });
    expect(exitCodeFor(report, 'never')).toBe(3);
    await expect(runChecks({ ...lake.deps, catalog }, { checks, runId: 'r', atVersion: 9 })).rejects.toThrow(
      'version 3',
    );
  });

  it('a version of a table that is not there is an error, not a failed check', async () => {
    await lake.session.run('DROP TABLE metadata.ingestion_manifest');
    const checks = selectChecks(loadChecks(), { select: ['duplicate_shas'] });
    await expect(run(checks, { atVersion: 1 })).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND' });
    const report = await run(checks);
    expect(report).toMatchObject({ ledger_version: null, checks: [{ failure: { code: 'TABLE_NOT_FOUND' } }] });
  });

  it('results that cannot be stored are shown, and the exit code says so', async () => {
    await lake.session.run('DROP TABLE metadata.check_result');
    const report = await run([check('x', 'SELECT 1 AS value')]);
    expect(report.checks[0]!.level).toBe('pass');
    expect(report).toMatchObject({ result_version: null, storage_failure: { code: 'SQL' } });
    expect(exitCodeFor(report, 'never')).toBe(3);
  });

  it('stops a check whose time is over and goes on', async () => {
    const slow = 'SELECT count(*) AS value FROM range(1000000000) a, range(1000000) b WHERE a.range % 7 = b.range % 5';
    const start = Date.now();
    const report = await run([check('slow', slow, ['timeout_seconds: 0.2']), check('next', 'SELECT 1 AS value')], {
      timeoutMs: 600_000,
    });
    expect(report.checks.map((c) => c.level)).toEqual(['failed_to_run', 'pass']);
    expect(report.checks[0]!.failure).toMatchObject({
      code: 'CHECK_TIMEOUT',
      message: 'the check was stopped after 0.2 s',
    });
    expect(Date.now() - start).toBeLessThan(10_000);
  });

  it('rows that end early because the time was over are never a pass', async () => {
    const deps: CheckDeps<TableVersion> = {
      ...lake.deps,
      async *select() {
        yield [{ value: 1 }];
        await new Promise((resolve) => setTimeout(resolve, 60));
      },
    };
    const report = await runChecks(deps, { checks: [check('x', 'SELECT 1 AS value')], runId: 'r', timeoutMs: 20 });
    expect(report.checks[0]!.failure).toMatchObject({ code: 'CHECK_TIMEOUT' });
  });

  it('a wrong parameter is a usage error before anything runs', async () => {
    const checks = selectChecks(loadChecks());
    for (const params of [{ hours: 'x' }, { hours: '0' }, { housr: '1' }, { key: 'path' }, { as_of: '2026-02-30' }]) {
      await expect(run(checks, { params })).rejects.toMatchObject({ code: 'USAGE', exitCode: 2 });
    }
    expect(await stored()).toEqual([]);
  });

  it('reports each check as it is done', async () => {
    const seen: string[] = [];
    await run([check('b', 'SELECT 1 AS value'), check('a', 'SELECT 9 AS value')], {
      onCheck: (outcome, done) => seen.push(`${done} ${outcome.name} ${outcome.level}`),
    });
    expect(seen).toEqual(['1 b pass', '2 a warn']);
  });
});

describe('docs/checks.md', () => {
  const docs = readFileSync(join(packageRoot(), 'docs', 'checks.md'), 'utf8');

  it('its example runs', async () => {
    const [, sql = ''] = /```sql\n([\s\S]*?)```/.exec(docs) ?? [];
    await lake.insert('metadata.ingestion_manifest', [
      { source_repo: 'a', size_bytes: 100_000_001 },
      { source_repo: 'b', size_bytes: 100_000_000 },
    ]);
    const report = await run([parseCheckFile(sql, 'big_files.sql')]);
    expect(report.checks[0]!.results.map((r) => [r.grain.source_repo, r.value, r.level])).toEqual([
      ['a', 1, 'warn'],
      ['b', 0, 'pass'],
    ]);
  });

  it('lists every shipped check and its parameters', () => {
    for (const { name, params } of selectChecks(loadChecks())) {
      const line = docs.split('\n').find((text) => text.startsWith(`| \`${name}\``));
      for (const param of Object.keys(params)) expect(line, name).toContain(`\`${param}\``);
    }
  });
});
