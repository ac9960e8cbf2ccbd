import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { manifests, runCli, tempFolder } from './run-cli.js';

const cwd = tempFolder();
const json = async (...args: string[]) => {
  const run = await runCli([...args, '-o', 'json'], { cwd });
  return { ...run, value: run.stdout === '' ? undefined : JSON.parse(run.stdout) };
};

const GOOD = manifests(40, (i) => (i % 10 === 0 ? { status: 'FAILED', error_message: `no ${i}` } : {}));
const BAD = '{"file_sha":"abc","status":"DONE","pull_ts_utc":"2026-01-01T00:00:00Z"}\n';

/** In the order of the contract. */
const RECORD_KEYS = [
  ...['received', 'staged', 'rejected', 'inserted', 'updated', 'unchanged', 'events', 'batches', 'table', 'version'],
  ...['run_id', 'duration_ms', 'rejections'],
];

beforeAll(async () => {
  writeFileSync(join(cwd, 'good.ndjson.gz'), gzipSync(GOOD));
  writeFileSync(join(cwd, 'mixed.ndjson'), GOOD + BAD);
  const run = await runCli(['record', 'good.ndjson.gz', '-o', 'json'], { cwd });
  expect(run.stderr).toBe('');
  expect(run.code).toBe(0);
});

describe('record', () => {
  it('has the keys that scripts rely on', async () => {
    const { code, value } = await json('record', 'good.ndjson.gz', '--lake', 'fresh');
    expect(code).toBe(0);
    expect(Object.keys(value).sort()).toEqual([...RECORD_KEYS].sort());
    expect(value).toMatchObject({
      received: 40,
      staged: 40,
      rejected: 0,
      inserted: 40,
      updated: 0,
      events: 40,
      rejections: [],
    });
  });

  it('changes nothing the second time', async () => {
    const before = readdirSync(join(cwd, 'lake/metadata/ingestion_manifest/_delta_log'));
    const { code, value } = await json('record', 'good.ndjson.gz');
    expect(code).toBe(0);
    expect(value).toMatchObject({ inserted: 0, updated: 0, unchanged: 40, events: 0, batches: 0 });
    expect(readdirSync(join(cwd, 'lake/metadata/ingestion_manifest/_delta_log'))).toEqual(before);
  });

  it('reads standard input', async () => {
    const run = await runCli(['record', '-', '--lake', 'piped', '-o', 'json'], { cwd, stdin: GOOD });
    expect([run.code, JSON.parse(run.stdout).inserted]).toEqual([0, 40]);
  });

  it('keeps the good ones, shows the bad one and ends with 1', async () => {
    const { code, value } = await json('record', 'mixed.ndjson', '--lake', 'mixed');
    expect(code).toBe(1);
    expect(value).toMatchObject({ staged: 40, rejected: 1, inserted: 40 });
    expect(value.rejections).toEqual([
      { file: 'mixed.ndjson', line: 41, field: 'status', reason: expect.stringContaining('DONE') },
    ]);
    const text = await runCli(['record', 'mixed.ndjson', '--lake', 'mixed'], { cwd });
    expect(text.stdout).toMatch(/^rejected +1$/m);
    expect(text.stdout).toMatch(/^mixed\.ndjson:41 +status +/m);
  });

  it('writes nothing with --strict and a bad manifest, nor with --dry-run', async () => {
    const strict = await runCli(['record', 'mixed.ndjson', '--lake', 'strict', '--strict'], { cwd });
    expect([strict.code, strict.stdout]).toEqual([1, '']);
    expect(strict.stderr).toContain('mixed.ndjson:41');
    expect(existsSync(join(cwd, 'strict'))).toBe(false);
    const dry = await json('record', 'good.ndjson.gz', '--lake', 'dry', '--dry-run');
    expect(dry.value).toMatchObject({ inserted: 40, dry_run: true });
    expect(existsSync(join(cwd, 'dry'))).toBe(false);
  });

  it('takes a MERGE statement of the user', async () => {
    const missing = await runCli(['record', 'good.ndjson.gz', '--merge-sql', 'none.sql'], { cwd });
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining('at none.sql')]);
  });

  it('refuses a folder that holds something else', async () => {
    mkdirSync(join(cwd, 'photos'));
    writeFileSync(join(cwd, 'photos', 'cat.jpg'), '');
    const run = await runCli(['record', 'good.ndjson.gz', '--lake', 'photos'], { cwd });
    expect([run.code, run.stderr]).toEqual([2, expect.stringContaining('cat.jpg')]);
    expect(readdirSync(join(cwd, 'photos'))).toEqual(['cat.jpg']);
  });
});

describe('query', () => {
  const query = (...args: string[]) => runCli(['query', ...args], { cwd });

  it('answers in every format', async () => {
    const sql = 'SELECT status, count(*) AS files FROM metadata.ingestion_manifest GROUP BY ALL ORDER BY ALL';
    expect((await query(sql)).stdout).toBe('status    files\n────────  ─────\nFAILED        4\nINGESTED     36\n');
    expect((await query(sql, '-o', 'csv')).stdout).toBe('status,files\nFAILED,4\nINGESTED,36\n');
    expect(JSON.parse((await query(sql, '-o', 'json')).stdout)).toEqual([
      { status: 'FAILED', files: 4 },
      { status: 'INGESTED', files: 36 },
    ]);
    expect((await query(sql, '-o', 'ndjson')).stdout).toBe(
      '{"status":"FAILED","files":4}\n{"status":"INGESTED","files":36}\n',
    );
    expect((await query(sql, '-o', 'markdown')).stdout).toContain('| INGESTED | 36 |\n');
  });

  it('has the types of the contract in JSON', async () => {
    const sql = `SELECT 9007199254740993::BIGINT AS big, 12::BIGINT AS small, 1.10::DECIMAL(9,2) AS dec, DATE '2026-01-02' AS d,
      TIMESTAMPTZ '2026-01-02 03:04:05.5+01' AS ts, NULL AS n, true AS b`;
    expect(JSON.parse((await query(sql, '-o', 'json')).stdout)).toEqual([
      {
        big: '9007199254740993',
        small: 12,
        dec: '1.10',
        d: '2026-01-02',
        ts: '2026-01-02T02:04:05.5Z',
        n: null,
        b: true,
      },
    ]);
  });

  it('takes the statement from standard input and from a file, also when it begins with a comment', async () => {
    writeFileSync(join(cwd, 'q.sql'), '-- how many\nSELECT count(*) AS n FROM metadata.ingestion_manifest');
    const expected = 'n\n40\n';
    expect((await query('--file', 'q.sql', '-o', 'csv')).stdout).toBe(expected);
    expect((await query(readFileSync(join(cwd, 'q.sql'), 'utf8'), '-o', 'csv')).stdout).toBe(expected);
    const piped = await runCli(['query', '-', '-o', 'csv'], { cwd, stdin: readFileSync(join(cwd, 'q.sql'), 'utf8') });
    expect(piped.stdout).toBe(expected);
    expect((await query('SELECT 1', '--file', 'q.sql')).code).toBe(2);
  });

  it('binds parameters, never pastes them', async () => {
    const sql = 'SELECT count(*) AS n FROM metadata.ingestion_manifest WHERE status = $s AND size_bytes < $max';
    const run = await query(sql, '--param', 's=FAILED', '--param', 'max=125', '-o', 'csv');
    expect(run.stdout).toBe('n\n3\n');
    const attack = await query(sql, '--param', "s=x' OR true --", '--param', 'max=1000', '-o', 'csv');
    expect(attack.stdout).toBe('n\n0\n');
  });

  it('reads other Delta tables and other versions', async () => {
    const table = 'lake/metadata/ingestion_manifest';
    const count = 'SELECT count(*) AS n FROM';
    expect((await query(`${count} t`, '--attach', `t=${table}`, '-o', 'csv')).stdout).toBe('n\n40\n');
    expect((await query(`${count} t`, '--attach', `t=${table}@0`, '-o', 'csv')).stdout).toBe('n\n0\n');
    expect((await query(`${count} metadata.ingestion_manifest`, '--as-of', '0', '-o', 'csv')).stdout).toBe('n\n0\n');
    const none = await query(`${count} metadata.ingestion_manifest`, '--as-of', '99');
    expect([none.code, none.stdout]).toEqual([2, '']);
  });

  it.each([
    ['SELEC 1', 2],
    ['SELECT nope FROM metadata.ingestion_manifest', 2],
    ['SELECT * FROM nope', 2],
    ['DELETE FROM metadata.ingestion_manifest', 2],
    ["COPY (SELECT 1) TO 'out.csv'", 2],
    ['SELECT 1; SELECT 2', 2],
    ['SELECT $x', 2],
    ['', 2],
  ])('refuses %j', async (sql, code) => {
    const run = await query(sql);
    expect([run.code, run.stdout]).toEqual([code, '']);
    expect(run.stderr).toMatch(/^error\[(USAGE|SQL)\]: /);
    expect(existsSync(join(cwd, 'out.csv'))).toBe(false);
  });

  it('says that there is no lake', async () => {
    const run = await query('FROM metadata.ingestion_manifest', '--lake', 'nowhere');
    expect([run.code, run.stderr]).toEqual([2, expect.stringContaining('there is no lake at nowhere')]);
    expect(existsSync(join(cwd, 'nowhere'))).toBe(false);
  });

  it('writes a file whole', async () => {
    expect(await query('SELECT 1 AS a', '-o', 'csv=out/../a.csv')).toMatchObject({ code: 2, stdout: '' });
    expect(await query('SELECT 1 AS a', '-o', 'csv=a.csv')).toMatchObject({ code: 0, stdout: '' });
    expect(readFileSync(join(cwd, 'a.csv'), 'utf8')).toBe('a\n1\n');
    expect(readdirSync(cwd).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});

describe('table', () => {
  it('lists', async () => {
    const { value } = await json('table', 'list');
    const row = value.find((table: { table: string }) => table.table === 'metadata.ingestion_manifest');
    expect(row).toMatchObject({
      version: expect.any(Number),
      files: expect.any(Number),
      rows: 40,
      bytes: expect.any(Number),
    });
  });

  it('shows a table by name, by folder and at a version', async () => {
    const { value } = await json('table', 'show', 'metadata.ingestion_manifest');
    for (const key of ['path', 'version', 'protocol', 'metadata', 'files', 'rows', 'bytes', 'partition_columns']) {
      expect(value).toHaveProperty(key);
    }
    expect(value).toMatchObject({ rows: 40, partition_columns: ['ingest_date'] });
    expect(value.columns).toHaveLength(15);
    const folder = await json('table', 'show', './lake/metadata/ingestion_manifest');
    expect(folder.value).toEqual(value);
    expect((await json('table', 'show', 'metadata.ingestion_manifest@0')).value).toMatchObject({ version: 0, rows: 0 });
  });

  it('shows the history, newest first', async () => {
    const { value } = await json('table', 'history', 'metadata.ingestion_manifest');
    expect(value.at(-1)).toMatchObject({ version: 0, operation: 'CREATE TABLE' });
    expect(value[0].version).toBe(value.length - 1);
    expect(Object.keys(value[0])).toEqual(
      expect.arrayContaining(['version', 'timestamp', 'operation', 'parameters', 'metrics']),
    );
    expect((await json('table', 'history', 'metadata.ingestion_manifest', '--limit', '1')).value).toHaveLength(1);
  });

  it('lists files that are there', async () => {
    const { value } = await json('table', 'files', 'metadata.ingestion_manifest');
    expect(value.reduce((sum: number, file: { rows: number }) => sum + file.rows, 0)).toBe(40);
    for (const file of value) {
      expect(existsSync(join(cwd, 'lake/metadata/ingestion_manifest', decodeURIComponent(file.path)))).toBe(true);
    }
  });

  it.each(['metadata.nothing', './nothing'])('does not know %s', async (name) => {
    const run = await runCli(['table', 'show', name], { cwd });
    expect([run.code, run.stdout, run.stderr]).toEqual([2, '', expect.stringContaining('error[TABLE_NOT_FOUND]')]);
  });

  it('stops at a damaged log with exit code 3, and names the file', async () => {
    const table = join(cwd, 'damaged', '_delta_log');
    mkdirSync(table, { recursive: true });
    writeFileSync(join(table, '00000000000000000000.json'), '{"protocol":{"minReaderVersion":1');
    const run = await runCli(['table', 'show', './damaged'], { cwd });
    expect([run.code, run.stdout]).toEqual([3, '']);
    expect(run.stderr).toContain('00000000000000000000.json');
  });
});

describe('check', () => {
  it('lists and shows what is shipped', async () => {
    const { value } = await json('check', 'list');
    expect(value.filter((c: { check: string }) => c.check === 'success_rate')).toHaveLength(2);
    const shown = await runCli(['check', 'show', 'success_rate@1'], { cwd });
    expect(shown.stdout).toContain('FROM metadata.ingestion_manifest');
  });

  it('judges, keeps the values and obeys --fail-on', async () => {
    const { code, value } = await json('check', 'run', 'success_rate', 'duplicate_shas');
    expect(code).toBe(1);
    expect(value.totals).toMatchObject({ error: 1, pass: 1, failed_to_run: 0 });
    for (const key of ['run_id', 'ledger_version', 'totals', 'checks']) expect(value).toHaveProperty(key);
    for (const key of ['name', 'version', 'level', 'results', 'sql_sha256', 'duration_ms']) {
      expect(value.checks[0]).toHaveProperty(key);
    }
    const kept = await runCli(['query', 'SELECT count(*) AS n FROM metadata.check_result', '-o', 'json'], { cwd });
    expect(JSON.parse(kept.stdout)[0].n).toBeGreaterThan(0);
    expect((await runCli(['check', 'run', 'success_rate', '--fail-on', 'never'], { cwd })).code).toBe(0);
  });

  it('writes several outputs at once', async () => {
    const run = await runCli(
      ['check', 'run', 'success_rate', '-o', 'table', '-o', 'junit=c.xml', '-o', 'markdown=c.md'],
      { cwd },
    );
    expect(run.stdout).toContain('1 check: 1 error');
    expect(readFileSync(join(cwd, 'c.xml'), 'utf8')).toMatch(/^<\?xml[\s\S]*<failure/);
    expect(readFileSync(join(cwd, 'c.md'), 'utf8')).toContain('| error |');
  });

  it('runs checks of the user, and says 3 when one cannot run', async () => {
    mkdirSync(join(cwd, 'mine'));
    const check = (name: string, sql: string) =>
      writeFileSync(
        join(cwd, 'mine', `${name}.sql`),
        `/* @check\nname: ${name}\nversion: 1\ntitle: T\nseverity: warn\nresult: rows\nwarn: "> 0"\n@check */\n${sql}\n`,
      );
    check('big_files', 'SELECT file_path FROM metadata.ingestion_manifest WHERE size_bytes > 135');
    check('broken', 'SELECT nope FROM metadata.ingestion_manifest');
    const big = await json('check', 'run', 'big_files', '--checks', 'mine', '--fail-on', 'warn');
    expect([big.code, big.value.checks[0].level, big.value.checks[0].results[0].value]).toEqual([1, 'warn', 4]);
    const broken = await runCli(['check', 'run', 'broken', '--checks', 'mine'], { cwd });
    expect([broken.code, broken.stderr]).toEqual([3, expect.stringContaining('warning: broken@1 could not run')]);
  });
});
