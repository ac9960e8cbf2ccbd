import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { runCli } from '../crash/cli.js';
import { tempFolder } from '../support/temp-folder.js';
import { isMissing, usePostgres } from './postgres-desk.js';

const server = usePostgres();

beforeAll(async () => {
  if (isMissing) return;
  await server().sql(`CREATE TABLE told (id int PRIMARY KEY, v text, seen timestamptz NOT NULL DEFAULT now());
    INSERT INTO told (id, v) VALUES (1, 'a'), (2, 'b')`);
});

it.skipIf(isMissing)('every command says what it means for a table, and none shows the password', async () => {
  const cwd = tempFolder();
  const config = (port: number) => `connections:
  shop: {type: postgres, port: ${port}, database: shop, user: reader, password: '\${file:password}', attempts: 1}
sources:
  told: {connection: shop, table: told, key: id, load: incremental, watermark: seen, start_date: 2026-03-02}
`;
  writeFileSync(join(cwd, 'password'), 'reader-secret\n');
  writeFileSync(join(cwd, 'lakeledger.yaml'), config(server().port));
  const outputs: string[] = [];
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await runCli(args, { cwd });
    outputs.push(stdout, stderr);
    return { code, stdout, stderr };
  };
  const json = async (...args: string[]) => JSON.parse((await run(...args, '-o', 'json')).stdout);
  expect(await run('validate', 'lakeledger.yaml')).toMatchObject({ code: 0 });
  expect(await json('plan')).toMatchObject({
    files: [{ path: 'shop/public.told', decision: 'load', rule: 'incremental_load' }],
  });
  expect(await json('ingest', '--dry-run', '--date', '2026-03-02')).toMatchObject({
    processed: 1,
    failed: 0,
    dry_run: true,
  });
  expect(await json('ingest', '--date', 'next')).toMatchObject({
    rows: 2,
    sources: [{ date: '2026-03-02', status: 'success' }],
  });
  expect(await json('plan', '--date', '2026-03-02')).toMatchObject({
    files: [{ decision: 'skip', rule: 'date_succeeded' }],
  });
  expect(await json('status')).toMatchObject([{ source: 'told', last_date: '2026-03-02', next_date: '2026-03-03' }]);
  const [state] = await json('state', 'get');
  expect(state).toMatchObject({
    source: 'told',
    rows: 2,
    watermark: { column: 'seen', value: expect.stringContaining('+00') },
  });
  const [listed] = await json('runs', 'list');
  expect(listed).toMatchObject({
    source: 'told',
    status: 'success',
    rows: 2,
    checksum: expect.stringMatching(/^[0-9a-f]{16}-2$/),
  });
  expect((await run('runs', 'show', listed.run_id)).stdout).toContain('shop/public.told');
  const story = (await run('explain', 'shop/public.told')).stdout;
  expect(story).toContain('the next run reads the table anew');
  expect(story).toContain('2 rows read, 2 new');
  expect((await run('events')).stdout).toContain('incremental_load');
  const again = await run('reprocess', 'shop/public.told', '--reason', 'x', '--yes');
  expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('ingest told --rerun') });
  expect(await json('retry', '--all')).toMatchObject({ processed: 0, failed: 0, files: [] });
  const set = await json('state', 'set', 'told', '--watermark', '2020-01-01T00:00:00Z', '--reason', 'from there');
  expect(set).toMatchObject({ written: true, after: { value: '2020-01-01T00:00:00Z' } });
  expect(await run('state', 'set', 'told', '--watermark', 'soon', '--reason', 'x')).toMatchObject({ code: 2 });
  expect(await run('state', 'reset', 'told', '--reason', 'all', '--yes')).toMatchObject({ code: 0 });
  expect(await json('ingest', '--date', '2026-03-03')).toMatchObject({ rows: 0, failed: 0 });
  expect(await run('verify', '--depth', 'full')).toMatchObject({ code: 0 });

  // TLS with an authority from a file, the right one and another.
  const encrypted = config(server().port).replace(
    'attempts: 1',
    `attempts: 1, ssl: verify-full, ca: '\${file:ca.pem}'`,
  );
  writeFileSync(join(cwd, 'lakeledger.yaml'), encrypted);
  writeFileSync(join(cwd, 'ca.pem'), server().certificates.ca);
  expect(await json('ingest', '--date', '2026-03-03', '--rerun')).toMatchObject({ rows: 0, failed: 0 });
  writeFileSync(join(cwd, 'ca.pem'), server().certificates.otherCa);
  const stranger = await run('ingest', '--date', '2026-03-03', '--rerun');
  expect(stranger).toMatchObject({ code: 3, stderr: expect.stringContaining('error[TLS]') });

  // Nobody listens there; one source alone ends with the exit code of its error.
  writeFileSync(join(cwd, 'lakeledger.yaml'), config(1));
  const refused = await run('ingest', '--date', '2026-03-04');
  expect(refused).toMatchObject({ code: 3, stderr: expect.stringContaining('error[CONNECTION]') });
  writeFileSync(join(cwd, 'password'), 'wrong-secret\n');
  writeFileSync(join(cwd, 'lakeledger.yaml'), config(server().port));
  expect(await run('ingest', '--date', '2026-03-04')).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('error[AUTH]'),
  });
  const dump = await run(
    'query',
    'SELECT manifest FROM metadata.ingestion_event UNION ALL SELECT error_message FROM metadata.ingestion_run',
  );
  expect(dump.code).toBe(0);
  expect(outputs.join('\n')).not.toMatch(/reader-secret|wrong-secret/);
});
