import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { sql, tableIn } from '../../support/delta.js';
import {
  CHANGE_FEED,
  DELETION_VECTORS,
  editCommit,
  makeWritten,
  orphansOf,
  TEN,
  type Written,
  written,
} from '../../support/delta-writes.js';

const cardinalities = async ({ table }: Written) =>
  (await table.snapshot()).files.map((file) => file.deletionVector?.cardinality ?? 0);
const parquet = ({ folder }: Written) => readdirSync(folder).filter((name) => name.endsWith('.parquet')).length;
const bins = ({ folder }: Written) => readdirSync(folder).filter((name) => name.endsWith('.bin')).length;

describe('deletion vectors', () => {
  it('grow by new ones, over several files in one commit, in one file of vectors', async () => {
    const made = await makeWritten({ configuration: DELETION_VECTORS, rows: TEN });
    await made.table.append(sql('SELECT range + 10 AS id FROM range(10)'));
    await made.table.delete({ where: 'id IN (1, 11)' });
    expect(await cardinalities(made)).toEqual([1, 1]);
    expect(bins(made)).toBe(1);
    await made.table.update({ where: 'id IN (2, 12, 13)', set: { name: "'u'" } });
    expect((await cardinalities(made)).sort()).toEqual([0, 2, 3]);
    expect(bins(made)).toBe(2);
    await made.table.mergeInto({
      source: sql('SELECT 3 AS id'),
      on: 'target.id = source.id',
      whenMatched: [{ delete: true }],
    });
    expect(await made.rows('SELECT id FROM t ORDER BY id')).toEqual(
      [0, 2, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16, 17, 18, 19].map((id) => `[${id}]`),
    );
    const adds = (await made.lastCommit()).flatMap((a) => ('add' in a ? [a.add] : []));
    const removes = (await made.lastCommit()).flatMap((a) => ('remove' in a ? [a.remove] : []));
    expect(adds.map(({ path }) => path)).toEqual(removes.map(({ path }) => path));
    expect(removes[0]?.deletionVector?.cardinality).toBe(2);
    expect(await made.lastInfo()).toMatchObject({
      operationMetrics: {
        numTargetDeletionVectorsAdded: '1',
        numTargetDeletionVectorsUpdated: '1',
        numTargetDeletionVectorsRemoved: '1',
      },
    });
    expect(await made.orphans()).toEqual([]);
  });

  it('end where most rows are gone: the file is written again without one', async () => {
    const made = await makeWritten({ configuration: DELETION_VECTORS, rows: TEN });
    await made.table.delete({ where: 'id < 5' });
    expect(await cardinalities(made)).toEqual([5]);
    await made.table.update({ where: 'id = 5', set: { name: "'u'" } });
    expect(await cardinalities(made)).toEqual([0]);
    expect(await made.rows('SELECT id, name FROM t ORDER BY id')).toEqual([
      '[5,"u"]',
      '[6,"a6"]',
      '[7,"a7"]',
      '[8,"a8"]',
      '[9,"a9"]',
    ]);
    await made.table.delete({ where: 'id >= 5' });
    expect((await made.table.snapshot()).files).toEqual([]);
    expect(await made.orphans()).toEqual([]);
  });

  it('are not written without the property, and kept to all the same', async () => {
    const made = await makeWritten({ configuration: DELETION_VECTORS, rows: TEN });
    await made.table.delete({ where: 'id < 3' });
    await made.table.setProperties({ 'delta.enableDeletionVectors': 'false' });
    expect(await made.table.delete({ where: 'id < 4' })).toMatchObject({ deleted: 1 });
    expect(await cardinalities(made)).toEqual([0]);
    expect(await made.rows('SELECT count(*) FROM t')).toEqual(['[6]']);
    expect(await made.table.delete()).toMatchObject({ deleted: 6 });
  });

  it.each([[DELETION_VECTORS], [{}]])(
    'are not given to a file whose rows are not counted, %j',
    async (configuration) => {
      const made = await makeWritten({ configuration: { ...CHANGE_FEED, ...configuration }, rows: TEN });
      editCommit(made.folder, 1, (text) => text.replace(/,"stats":"(?:[^"\\]|\\.)*"/, ''));
      const table = tableIn(made.folder, made.session);
      expect((await table.snapshot()).files[0]?.stats).toBeUndefined();
      expect(await table.delete({ where: 'id = 1' })).toMatchObject({ deleted: 1 });
      expect(await table.delete({ where: 'id = 2' })).toMatchObject({ deleted: 1 });
      expect(await written(table, made.session).rows('SELECT count(*) FROM t')).toEqual(['[8]']);
      expect(await orphansOf(table)).toEqual([]);
    },
  );

  it('a file whose rows all go in one update is removed, and its bytes stay', async () => {
    const made = await makeWritten({ configuration: DELETION_VECTORS, rows: TEN });
    await made.table.update({ set: { name: "'all'" } });
    expect(parquet(made)).toBe(2);
    expect(bins(made)).toBe(0);
    expect(await made.rows("SELECT count(*) FROM t WHERE name = 'all'")).toEqual(['[10]']);
  });

  it('hold rows far apart in a large file', async () => {
    const made = await makeWritten({
      configuration: DELETION_VECTORS,
      columns: { id: 'BIGINT' },
      rows: 'SELECT range AS id FROM range(300000)',
    });
    await made.table.delete({ where: 'id IN (0, 65535, 65536, 131071, 299999)' });
    await made.table.delete({ where: 'id % 1000 = 7' });
    expect(await cardinalities(made)).toEqual([305]);
    expect(await made.rows('SELECT count(*), sum(id)::BIGINT FROM t')).toEqual([
      `[${300000 - 305},${44999850000 - (65535 + 65536 + 131071 + 299999) - (300 * 7 + (1000 * 299 * 300) / 2)}]`,
    ]);
  });
});
