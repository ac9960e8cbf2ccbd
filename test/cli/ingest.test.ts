import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type CliRun, ended, runCli, startCli, tempFolder } from './run-cli.js';

interface File {
  readonly source: string;
  readonly path: string;
  readonly file_sha: string;
  readonly decision: string;
  readonly rule: string;
  readonly reason: string;
  readonly status: string | null;
  readonly rows: number;
  readonly error: string | null;
  readonly diff: unknown;
}

interface Result {
  readonly run_id: string;
  readonly status: string;
  readonly processed: number;
  readonly skipped: number;
  readonly failed: number;
  readonly rows: number;
  readonly rejected: number;
  readonly files: readonly File[];
}

/** A working folder with a configuration and files below `in/`. */
class Desk {
  readonly cwd = tempFolder();

  constructor(config?: string) {
    mkdirSync(join(this.cwd, 'in'));
    if (config !== undefined) this.config(config);
  }

  config(text: string): void {
    writeFileSync(join(this.cwd, 'lakeledger.yaml'), text);
  }

  write(name: string, text: string): this {
    writeFileSync(join(this.cwd, 'in', name), text);
    return this;
  }

  run(...args: string[]): Promise<CliRun> {
    return runCli(args, { cwd: this.cwd });
  }

  async json(...args: string[]): Promise<{ code: number | null; result: Result; stderr: string }> {
    const { code, stdout, stderr } = await this.run(...args, '-o', 'json');
    expect(stdout, stderr).not.toBe('');
    return { code, result: JSON.parse(stdout), stderr };
  }

  async rows(sql: string): Promise<unknown[]> {
    const { code, stdout, stderr } = await this.run('query', sql, '-o', 'json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout);
  }

  async version(table: string): Promise<number> {
    return JSON.parse((await this.run('table', 'show', table, '-o', 'json')).stdout).version;
  }
}

const ad = ['--file', 'in/*', '--into', 'bronze.t'];
const A = 'id,v\n1,10\n2,20\n';
const SOURCE = 'sources:\n  s:\n    path: in/*\n    into: bronze.s\n';

describe('ingest', () => {
  it('loads files once, and says so with the keys of the contract', async () => {
    const desk = new Desk().write('a.csv', A).write('b.csv', 'id,v\n3,30\n');
    const first = await desk.json('ingest', ...ad, '--run-id', 'run-1');
    expect(first.code).toBe(0);
    expect(first.result).toMatchObject({
      run_id: 'run-1',
      status: 'success',
      processed: 2,
      skipped: 0,
      failed: 0,
      rows: 3,
      bytes: 25,
      duration_ms: expect.any(Number),
      files: [
        {
          path: join(desk.cwd, 'in', 'a.csv'),
          file_sha: expect.stringMatching(/^[0-9a-f]{64}$/),
          decision: 'load',
          reason: expect.any(String),
          status: 'INGESTED',
          rows: 2,
          error: null,
        },
        { path: join(desk.cwd, 'in', 'b.csv'), rows: 1 },
      ],
    });
    const version = await desk.version('bronze.t');
    const again = await desk.json('ingest', ...ad);
    expect([again.code, again.result]).toMatchObject([0, { status: 'skipped', processed: 0, skipped: 2, rows: 0 }]);
    expect(await desk.version('bronze.t')).toBe(version);
    expect(await desk.rows('SELECT id, v, _run_id FROM bronze.t ORDER BY id')).toEqual(
      [1, 2, 3].map((id) => ({ id, v: id * 10, _run_id: 'run-1' })),
    );
  });

  it('runs the sources that are switched on, and any that is named', async () => {
    const desk = new Desk(
      'sources:\n  a: {path: in/a*, into: bronze.a}\n  b: {path: in/b*, into: bronze.b}\n' +
        '  c: {path: in/c*, into: bronze.c, enabled: false}\n',
    );
    for (const name of ['a', 'b', 'c']) desk.write(`${name}.csv`, `id\n${name}\n`);
    const { code, stdout } = await desk.run('ingest');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^processed +2$/m);
    expect(stdout).toMatch(/^a +bronze\.a +\S+ +success +1 +0 +0 +1$/m);
    expect(stdout).not.toContain('bronze.c');
    const named = await desk.json('ingest', 'c');
    expect(named.result).toMatchObject({ processed: 1, files: [{ source: 'c', path: 'in/c.csv' }] });
  });

  it('takes references in a source from the environment', async () => {
    const reference = ['$', '{env:INBOX}'].join('');
    const desk = new Desk(`sources:\n  s: {path: '${reference}/*.csv', into: bronze.s}\n`).write('a.csv', A);
    const { code, stderr } = await runCli(['ingest'], { cwd: desk.cwd, env: { INBOX: 'in' } });
    expect([code, stderr]).toEqual([0, expect.stringContaining('a.csv')]);
    expect((await desk.run('ingest')).stderr).toContain('INBOX is not set');
  });

  it.each([
    [['ingest'], undefined, 'there is nothing to ingest', "--file 'data/*.csv' --into bronze.orders"],
    [['ingest', 's'], undefined, 'there is nothing to ingest', 'sources:'],
    [['ingest'], 'lake: x\n', 'there is nothing to ingest', 'lakeledger.yaml'],
    [['ingest'], SOURCE.replace('path', 'enabled: false\n    path'), 'every source is switched off', 'name one: s'],
    [['ingest', 'ss'], SOURCE, 'there is no source "ss"', 'did you mean "s"?'],
    [['ingest', 's', ...ad], SOURCE, 'either names of sources or --file', ''],
    [['ingest', '--file', 'x'], undefined, '--file needs --into', '--into bronze.orders'],
    [['ingest', '--into', 'bronze.x'], SOURCE, '--into needs --file', ''],
    [['ingest', '--file', 'x', '--into', 'x'], undefined, 'must be schema.table', 'bronze.orders'],
    [['ingest', '--file', 'x', '--into', 'metadata.x'], undefined, "the ledger's own", ''],
    [['ingest', ...ad, '--date', '2026-02-30'], undefined, '--date is a date, not', ''],
    [['ingest', ...ad, '--delimiter', 'ab'], undefined, '--delimiter is one character', ''],
    [['ingest', ...ad, '--param', 'a=1'], undefined, '--param needs --transform', ''],
    [['ingest', ...ad, '--transform', 'none.sql'], undefined, 'cannot read the transform', ''],
    [['ingest', ...ad, '--business-date', 'x'], undefined, 'it has no year', '{yyyyMMdd}'],
    [['ingest', ...ad, '--on-correction', 'merge'], undefined, '--on-correction cannot be "merge"', ''],
    [['retry', ...ad, '--all', '--dead-letter'], undefined, 'either --all or --dead-letter', ''],
    [['reprocess', 'x'], SOURCE, 'reprocess needs --reason', '--reason'],
  ])('ends %j with exit code 2 and a way out', async (args, config, message, hint) => {
    const { code, stdout, stderr } = await new Desk(config).write('a.csv', A).run(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).toContain(hint);
  });

  it('fails a file alone: exit code 1, the reason and what to do', async () => {
    const desk = new Desk().write('a.csv', A).write('b.json', '{"a": 1,}');
    const { code, stdout, stderr } = await desk.run('ingest', ...ad);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^processed +1$/m);
    expect(stdout).toMatch(/^failed +1$/m);
    expect(stdout).toContain(`failed files\n${join(desk.cwd, 'in', 'b.json')}  `);
    expect(stderr).toMatch(/^failed +\S+b\.json {2}not valid JSON/m);
    expect(stdout).toMatch(/b\.json {2}not valid JSON.*\n {2}try: /);
    const again = await desk.run('ingest', ...ad);
    expect(again.code).toBe(0);
    expect(again.stdout).toContain(`not loaded\n${join(desk.cwd, 'in', 'b.json')}  `);
  });

  it('ends with 4 when a frozen schema stopped a file, also when another failed', async () => {
    const desk = new Desk(`${SOURCE}    contract: freeze\n`).write('a.csv', A);
    expect((await desk.run('ingest')).code).toBe(0);
    desk.write('b.csv', 'id,v,w\n3,30,x\n').write('c.json', '{"a": 1,}');
    const { code, result } = await desk.json('ingest');
    expect([code, result]).toMatchObject([4, { processed: 0, skipped: 1, failed: 2 }]);
  });

  it('ends with 5 when another run is at it, unless told to take over', async () => {
    const desk = new Desk().write('a.csv', A);
    await desk.run('init');
    const folder = join(desk.cwd, 'lake', '_leases', 'bronze.t');
    mkdirSync(folder, { recursive: true });
    const now = new Date().toISOString();
    const holder = { run_id: 'r', pid: 1, host: 'elsewhere', actor: 'ann', acquired_at: now, heartbeat_at: now };
    writeFileSync(
      join(folder, '0000000000000001.json'),
      JSON.stringify({ ...holder, token: 1, id: 'x', released: false }),
    );
    const { code, stderr } = await desk.run('ingest', ...ad);
    expect({ code, stderr }).toEqual({ code: 5, stderr: expect.stringContaining('elsewhere') });
    expect((await desk.json('ingest', ...ad, '--take-over')).result.processed).toBe(1);
  });

  it('writes nothing with --dry-run', async () => {
    const desk = new Desk().write('a.csv', A);
    const { code, result } = await desk.json('ingest', ...ad, '--dry-run');
    expect([code, result]).toMatchObject([0, { dry_run: true, files: [{ decision: 'load' }] }]);
    expect(readdirSync(desk.cwd)).toEqual(['in']);
  });

  it('loads at most --max-files, and goes on with the next run', async () => {
    const desk = new Desk();
    for (const id of [1, 2, 3]) desk.write(`${id}.csv`, `id\n${id}\n`);
    expect((await desk.json('ingest', ...ad, '--max-files', '2')).result.processed).toBe(2);
    expect((await desk.json('ingest', ...ad, '--max-files', '2')).result.processed).toBe(1);
    expect(await desk.rows('SELECT id FROM bronze.t ORDER BY id')).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }]);
  });

  it('takes files of one business date with --date', async () => {
    const desk = new Desk().write('2026-03-01.csv', A).write('2026-03-02.csv', A.replace('10', '11'));
    const pattern = ['--business-date', '{yyyy-MM-dd}.csv'];
    const { result } = await desk.json('ingest', ...ad, ...pattern, '--date', '2026-03-02');
    expect(result.files.map(({ path }) => path)).toEqual([join(desk.cwd, 'in', '2026-03-02.csv')]);
  });

  it('makes the rows with a SELECT and its parameters', async () => {
    const desk = new Desk().write('a.csv', A);
    writeFileSync(join(desk.cwd, 't.sql'), 'SELECT id, v * $factor AS v FROM source WHERE id > 1');
    const { code } = await desk.run('ingest', ...ad, '--transform', 't.sql', '--param', 'factor=3');
    expect(code).toBe(0);
    expect(await desk.rows('SELECT id, v FROM bronze.t')).toEqual([{ id: 2, v: 60 }]);
  });

  it('keeps the bytes with --keep-raw', async () => {
    const desk = new Desk().write('a.csv', A);
    await desk.run('ingest', ...ad, '--keep-raw');
    const names = readdirSync(join(desk.cwd, 'lake', 'raw'), { recursive: true }).map(String);
    expect(names.some((name) => name.endsWith('/a.csv'))).toBe(true);
    expect(names.some((name) => name.endsWith('/manifest.json'))).toBe(true);
  });

  it('reads what the flags say about the format', async () => {
    const desk = new Desk();
    writeFileSync(join(desk.cwd, 'in', 'a.txt'), Buffer.from('a title\nid\tname\n1\tPerù\n', 'latin1'));
    const flags = ['--format', 'csv', '--delimiter', '\\t', '--encoding', 'windows-1252', '--skip', '1'];
    expect((await desk.run('ingest', ...ad, ...flags)).code).toBe(0);
    expect(await desk.rows('SELECT id, name FROM bronze.t')).toEqual([{ id: 1, name: 'Perù' }]);
    writeFileSync(join(desk.cwd, 'b.json'), '{"title": "t", "rows": [{"id": 2}, {"id": 3}]}');
    const json = await desk.json('ingest', '--file', 'b.json', '--into', 'bronze.t', '--records', 'rows[]');
    expect([json.code, json.result.rows]).toEqual([0, 2]);
  });

  it('writes a row per file with -o csv and -o ndjson', async () => {
    const desk = new Desk().write('a.csv', A);
    const { stdout } = await desk.run('ingest', ...ad, '-o', 'csv');
    const [header = '', row = '', ...rest] = stdout.trimEnd().split('\n');
    expect(header).toMatch(/^source,target,path,file_sha,decision,rule,reason,status,rows,error,error_code,/);
    expect(row).toMatch(/^bronze\.t,bronze\.t,\S+a\.csv,[0-9a-f]{64},load,new,.*,INGESTED,2,,,/);
    expect(rest).toEqual([]);
  });
});

describe('corrections', () => {
  const change = (desk: Desk) => desk.write('a.csv', 'id,v\n1,11\n3,30\n');

  it('replace the rows and say what changed', async () => {
    const desk = new Desk().write('a.csv', A);
    await desk.run('ingest', ...ad, '--row-key', 'id');
    change(desk);
    const { code, stdout } = await desk.run('ingest', ...ad, '--row-key', 'id');
    expect(code).toBe(0);
    expect(stdout).toContain(`corrections\n${join(desk.cwd, 'in', 'a.csv')}  +1 −1 ~1\n`);
    expect(await desk.rows('SELECT id, v FROM bronze.t ORDER BY id')).toEqual([
      { id: 1, v: 11 },
      { id: 3, v: 30 },
    ]);
  });

  it('come beside the rows with append, and wait with hold until they are asked for', async () => {
    const desk = new Desk().write('a.csv', A);
    await desk.run('ingest', ...ad);
    change(desk);
    const held = await desk.json('ingest', ...ad, '--on-correction', 'hold');
    expect([held.code, held.result]).toMatchObject([0, { files: [{ decision: 'hold', status: 'QUARANTINED' }] }]);
    const again = await desk.run('ingest', ...ad, '--on-correction', 'hold');
    expect(again.stdout).toContain('not loaded\n');
    expect(await desk.rows('SELECT count(*) AS n FROM bronze.t')).toEqual([{ n: 2 }]);
    const asked = await desk.json('reprocess', join(desk.cwd, 'in', 'a.csv'), '--reason', 'seen', '--yes');
    expect([asked.code, asked.result]).toMatchObject([0, { processed: 1, rows: 2 }]);
    expect(await desk.rows('SELECT id FROM bronze.t ORDER BY id')).toEqual([{ id: 1 }, { id: 3 }]);
    desk.write('a.csv', 'id,v\n9,90\n');
    await desk.run('ingest', ...ad, '--on-correction', 'append');
    expect(await desk.rows('SELECT id FROM bronze.t ORDER BY id')).toEqual([{ id: 1 }, { id: 3 }, { id: 9 }]);
  });
});

describe('plan', () => {
  it('says what would happen to each file, and writes nothing', async () => {
    const desk = new Desk(SOURCE).write('a.csv', A).write('b.csv', 'id,v\n3,30\n');
    const { code, stdout } = await desk.run('plan');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^in\/a\.csv +[0-9a-f]{10} +load +new +\S/m);
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('2 files: 2 load');
    expect(readdirSync(desk.cwd).sort()).toEqual(['in', 'lakeledger.yaml']);
    await desk.run('ingest');
    desk.write('b.csv', 'id,v\n3,31\n').write('c.csv', A);
    const plan = JSON.parse((await desk.run('plan', 's', '-o', 'json')).stdout);
    expect(plan.counts).toEqual({ skip: 2, replace: 1 });
    expect(plan.files).toMatchObject([
      { source: 's', target: 'bronze.s', path: 'in/a.csv', size: 15, decision: 'skip', rule: 'same_bytes_same_path' },
      { path: 'in/b.csv', decision: 'replace', rule: 'correction', evidence: { path: 'in/b.csv' } },
      { path: 'in/c.csv', decision: 'skip', rule: 'same_bytes_new_path', evidence: { path: 'in/a.csv' } },
    ]);
    expect(JSON.parse((await desk.run('plan', '--full-refresh', '-o', 'json')).stdout).counts.replace).toBe(2);
  });
});

describe('retry', () => {
  it('tries failed files again, and nothing else', async () => {
    const desk = new Desk(SOURCE).write('a.json', '{"a": 1,}');
    expect((await desk.run('ingest')).code).toBe(1);
    desk.write('new.csv', A);
    expect((await desk.json('retry')).result).toMatchObject({ processed: 0, failed: 0 });
    const all = await desk.json('retry', '--all');
    expect([all.code, all.result]).toMatchObject([1, { processed: 0, failed: 1 }]);
    expect(all.result.files.filter(({ decision }) => decision === 'load').map(({ path }) => path)).toEqual([
      'in/a.json',
    ]);
  });
});

describe('reprocess', () => {
  it('shows what it will touch and asks; --yes answers, --dry-run only shows', async () => {
    const desk = new Desk(`${SOURCE}    business_date: '{yyyyMMdd}.csv'\n`).write('20260301.csv', A);
    await desk.run('ingest');
    const version = await desk.version('bronze.s');
    const asked = await desk.run('reprocess', 'in/20260301.csv', '--reason', 'r');
    expect(asked.code).toBe(2);
    expect(asked.stderr).toContain('in/20260301.csv → bronze.s');
    expect(asked.stderr).toContain('Load 1 file again (replace)?');
    const dry = await desk.json('reprocess', 's:2026-03-01', '--reason', 'r', '--dry-run');
    expect([dry.code, dry.result.files]).toMatchObject([0, [{ path: 'in/20260301.csv', decision: 'replace' }]]);
    expect(await desk.version('bronze.s')).toBe(version);
    const { code, result } = await desk.json('reprocess', 'in/20260301.csv', '--reason', 'wrong rate', '--yes');
    expect([code, result]).toMatchObject([0, { processed: 1, files: [{ rule: 'reprocess', status: 'REPROCESSED' }] }]);
    expect(await desk.version('bronze.s')).toBe(version + 1);
    expect(await desk.rows('SELECT count(*) AS n FROM bronze.s')).toEqual([{ n: 2 }]);
    expect(
      await desk.rows("SELECT DISTINCT 1 AS found FROM metadata.ingestion_event WHERE meta LIKE '%wrong rate%'"),
    ).toEqual([{ found: 1 }]);
  });

  it('says when the selector means nothing', async () => {
    const desk = new Desk(SOURCE).write('a.csv', A);
    await desk.run('ingest');
    const { code, stderr } = await desk.run('reprocess', 'in/none.csv', '--reason', 'r', '--yes');
    expect([code, stderr]).toEqual([2, expect.stringContaining('in/none.csv')]);
  });
});

describe('progress of ingest', () => {
  it('is a line per file, JSON on request, and nothing with -q or --progress none', async () => {
    const desk = new Desk().write('a.csv', A);
    const text = await desk.run('ingest', ...ad);
    expect(text.stderr).toMatch(/^ingested \S+a\.csv {2}2 rows {2}\d+ ms\n$/);
    expect((await desk.run('ingest', ...ad)).stderr).toBe('');
    desk.write('b.csv', 'id,v\n3,30\n');
    const json = await desk.run('ingest', ...ad, '--log-format', 'json');
    const events = json.stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.filter(({ phase }) => phase === 'file')).toMatchObject([
      { level: 'progress', path: expect.stringContaining('b.csv'), status: 'INGESTED', rows: 1, error: null },
      { level: 'progress', path: expect.stringContaining('a.csv'), status: 'SKIPPED' },
    ]);
    for (const flag of ['-q', '--progress=none']) {
      desk.write(`${flag}.csv`, `id,v\n4,${flag.length}\n`);
      expect((await desk.run('ingest', ...ad, flag)).stderr).toBe('');
    }
  });
});

describe('Ctrl-C', () => {
  it('ends with 130, and the next run finishes without doubling a row', async () => {
    const desk = new Desk();
    const files = 300;
    for (let i = 0; i < files; i++) desk.write(`${i}.csv`, `id,v\n${i},${i}\n`);
    await desk.run('init');
    const child = startCli(['ingest', ...ad], { cwd: desk.cwd });
    const end = ended(child);
    const lease = join(desk.cwd, 'lake', '_leases');
    // The run is at work from the moment it holds its lease.
    while (child.exitCode === null && !readdirSync(join(lease, '..')).includes('_leases')) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    child.kill('SIGINT');
    const { code, stderr } = await end;
    expect(code).toBe(130);
    expect(stderr).toContain('run the same command again');
    expect((await desk.run('ingest', ...ad, '--take-over')).code).toBe(0);
    expect(await desk.rows('SELECT count(*) AS n, count(DISTINCT id) AS ids FROM bronze.t')).toEqual([
      { n: files, ids: files },
    ]);
  });
});
