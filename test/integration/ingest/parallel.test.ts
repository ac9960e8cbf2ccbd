import { describe, expect, it } from 'vitest';
import { ingestExitCode } from '../../../src/cli/ingest-report.js';
import { Desk } from '../../support/ingest-desk.js';

describe('several sources in one run', () => {
  it('end each for itself, whatever becomes of the others', async () => {
    const desk = await Desk.open();
    const sources = await Promise.all(
      ['a', 'b', 'c', 'd', 'e'].map(async (name) => {
        desk.write(`${name}/1.csv`, `n\n${name.charCodeAt(0)}\n`);
        const path = name === 'c' ? 'in/nowhere.csv' : `in/${name}`;
        return (await desk.with({ path, into: `bronze.${name}` }, name)).source;
      }),
    );
    desk.write('d/2.csv', '\0\0\0');
    const result = await desk.ingest({ sources, jobs: 3 });
    expect(result.sources.map(({ source, status, error_code }) => ({ source, status, error_code }))).toEqual([
      { source: 'a', status: 'success', error_code: null },
      { source: 'b', status: 'success', error_code: null },
      { source: 'c', status: 'failed', error_code: 'USAGE' },
      { source: 'd', status: expect.any(String), error_code: null },
      { source: 'e', status: 'success', error_code: null },
    ]);
    expect(result.status).toBe('failed');
    expect(ingestExitCode(result)).toBe(2);
    for (const name of ['a', 'b', 'd', 'e']) {
      const { rows } = await desk.lake.select(`SELECT count(*) AS n FROM bronze.${name} WHERE n IS NOT NULL`);
      expect(rows).toEqual([{ n: expect.any(BigInt) }]);
    }
    expect((await desk.ingest({ sources, jobs: 3 })).processed).toBe(0);
  });

  it('take turns at one target', async () => {
    const desk = await Desk.open();
    const sources = await Promise.all(
      ['a', 'b', 'c', 'd'].map(async (name) => {
        desk.write(`${name}/1.csv`, `n\n${name.charCodeAt(0)}\n`);
        return (await desk.with({ path: `in/${name}`, into: 'bronze.t' }, name)).source;
      }),
    );
    const result = await desk.ingest({ sources, jobs: 4 });
    expect(result.sources.map(({ status }) => status)).toEqual(Array(4).fill('success'));
    expect((await desk.lake.select('SELECT sum(n) AS n FROM bronze.t')).rows).toEqual([{ n: 97n + 98n + 99n + 100n }]);
  });

  it('are worked on at the same time: a slow one keeps nobody waiting', async () => {
    const desk = await Desk.open();
    const sources = await Promise.all(
      ['slow', 'fast'].map(async (name) => {
        desk.write(`${name}/1.csv`, 'n\n1\n');
        return (await desk.with({ path: `in/${name}`, into: `bronze.${name}` }, name)).source;
      }),
    );
    const ended: string[] = [];
    let released: () => void = () => undefined;
    const fastIsDone = new Promise<void>((resolve) => {
      released = resolve;
    });
    await desk.ingest({
      sources,
      jobs: 2,
      onFile: ({ source }) => {
        ended.push(source);
        if (source === 'fast') released();
      },
      hooks: {
        // The slow one does not get on before the fast one has ended.
        transforms: { slow: () => fastIsDone.then(() => 'SELECT * FROM source') },
      },
    });
    expect(ended).toEqual(['fast', 'slow']);
  });

  it('throws the error of one that is alone', async () => {
    const desk = await Desk.open({ path: 'in/nowhere.csv' });
    await expect(desk.ingest()).rejects.toMatchObject({ code: 'USAGE', exitCode: 2 });
  });
});
