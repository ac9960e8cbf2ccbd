import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ResolvedSource, resolveSource, sourceSchema } from '../../src/ingest/config/source-config.js';
import { BrokenProxy } from '../support/broken-proxy.js';
import { openLake } from '../support/lake.js';
import { describeSftp, SftpServer } from '../support/sftp-server.js';
import { tempFolder } from '../support/temp-folder.js';

describeSftp('files of an SFTP server', () => {
  let server: SftpServer;
  let root: string;
  let cases = 0;
  beforeAll(async () => {
    server = await SftpServer.start();
  });
  afterAll(() => server?.stop());

  function deliver(name: string, content: string | Uint8Array): string {
    const file = join(root, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    return file;
  }

  async function source(written: Readonly<Record<string, unknown>> = {}, port = server.port): Promise<ResolvedSource> {
    const value = sourceSchema.parse({
      connection: 'partner',
      path: 'out/*.csv',
      into: 'bronze.t',
      skip_if_success: false,
      ...written,
    });
    const connection = {
      type: 'sftp',
      name: 'partner',
      root,
      server: server.connection({ port, attempts: 4 }),
    } as const;
    return resolveSource('s', value, { folder: tempFolder(), connection });
  }

  it('are loaded once, corrected, skipped, and read again only when they look different', async () => {
    root = join(server.root, `case-${++cases}`);
    const lake = await openLake();
    deliver('out/a.csv', 'code,n\n01,1\n');
    const b = deliver('out/b.csv', 'code,n\n02,2\n');
    deliver('out/c.csv.part', 'code,n\n09,9\n');
    const proxy = await BrokenProxy.start(server.port);
    const files = await source({}, proxy.port);
    const first = await lake.ingest({ sources: [files] });
    expect(first).toMatchObject({ processed: 2, failed: 0, rows: 2 });
    expect(first.sources[0]).toMatchObject({ type: 'sftp', status: 'success' });
    const given = () => proxy.given.reduce((sum, bytes) => sum + bytes, 0);
    // Once more: the names are listed, the bytes are not read.
    const before = given();
    expect(await lake.ingest({ sources: [files] })).toMatchObject({ processed: 0, skipped: 2, failed: 0 });
    const listing = given() - before;
    // A correction of one, a copy of the other under a new name.
    writeFileSync(b, 'code,n\n02,22\n03,3\n');
    utimesSync(b, new Date(), new Date(Date.now() + 5000));
    deliver('out/d.csv', 'code,n\n01,1\n');
    const second = await lake.ingest({ sources: [files] });
    expect(second.files.map(({ path, rule }) => [path, rule]).sort()).toEqual([
      ['out/a.csv', 'same_bytes_same_path'],
      ['out/b.csv', 'correction'],
      ['out/d.csv', 'same_bytes_new_path'],
    ]);
    expect((await lake.select('SELECT code, n, _source_path AS p FROM bronze.t ORDER BY ALL')).rows).toEqual([
      { code: '01', n: 1n, p: 'out/a.csv' },
      { code: '02', n: 22n, p: 'out/b.csv' },
      { code: '03', n: 3n, p: 'out/b.csv' },
    ]);
    // The copy is known too now.
    const third = given();
    expect(await lake.ingest({ sources: [files] })).toMatchObject({ processed: 0, skipped: 3 });
    expect(given() - third).toBeLessThan(2 * listing);
    await proxy.close();
    const state = await lake.state();
    expect(await state.verify({ depth: 'full' })).toMatchObject({ clean: true });
    const { rows } = await lake.select(`SELECT DISTINCT source_type FROM metadata.ingestion_run`);
    expect(rows).toEqual([{ source_type: 'sftp' }]);
  });

  it('come whole over a connection that breaks, and the run fails without the server', async () => {
    root = join(server.root, `case-${++cases}`);
    const lake = await openLake();
    const lines = Array.from({ length: 200_000 }, (_, i) => `${i},${'x'.repeat(20)}`);
    deliver('out/large.csv', `n,text\n${lines.join('\n')}\n`);
    const proxy = await BrokenProxy.start(server.port);
    const files = await source({ connection: 'partner' }, proxy.port);
    proxy.cutAfter(1_500_000, 1_000_000);
    expect(await lake.ingest({ sources: [files] })).toMatchObject({ processed: 1, failed: 0, rows: 200_000 });
    expect((await lake.select('SELECT count(DISTINCT n) AS n, sum(n) AS s FROM bronze.t')).rows).toEqual([
      { n: 200_000n, s: 19_999_900_000n },
    ]);
    await proxy.close();
    await expect(lake.ingest({ sources: [files] })).rejects.toMatchObject({ code: 'CONNECTION', exitCode: 3 });
    const { rows } = await lake.select(
      'SELECT status, count(*) AS n FROM metadata.ingestion_run GROUP BY ALL ORDER BY ALL',
    );
    expect(rows[0]).toMatchObject({ status: 'success' });
  });

  it('do not stand in each other’s way, and what is asked for again is fetched', async () => {
    root = join(server.root, `case-${++cases}`);
    const lake = await openLake();
    deliver('out/good.csv', 'n\n1\n');
    const away = deliver('out/away.csv', 'n\n2\n');
    const files = await source();
    await lake.ingest({ sources: [files] });
    const again = await lake.reprocess({
      selector: 'out/good.csv',
      reason: 'to see',
      mode: 'replace',
      sources: [files],
    });
    expect(again).toMatchObject({ processed: 1, rows: 1 });
    rmSync(away);
    expect(await lake.ingest({ sources: [files], fullRefresh: true })).toMatchObject({ processed: 1 });
    expect((await lake.select('SELECT sum(n) AS n FROM bronze.t')).rows).toEqual([{ n: 3n }]);
  });
});
