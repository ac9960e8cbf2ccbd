import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readDeletionVector } from '../../../src/delta/log/deletion-vectors.js';
import { encodeDeletionVector } from '../../../src/delta/protocol/deletion-vector.js';
import { rowSet, rowsOf } from '../../../src/delta/protocol/row-set.js';
import { encodeZ85 } from '../../../src/delta/protocol/z85.js';
import { writeDeletionVectors } from '../../../src/delta/write/deletion-vectors.js';
import type { Session } from '../../../src/duckdb/session.js';
import { LocalStore } from '../../../src/storage/local-store.js';
import { openSession, query, tableIn } from '../../support/delta.js';
import { type MadeFile, type MadeTable, makeTable, mapped } from '../../support/made-table.js';
import { tempFolder } from '../../support/temp-folder.js';

function inline(rows: readonly number[]): object {
  const bytes = encodeDeletionVector(rowSet(rows));
  return {
    storageType: 'i',
    pathOrInlineDv: encodeZ85(bytes),
    sizeInBytes: bytes.length,
    cardinality: new Set(rows).size,
  };
}

const FIELDS = [
  { name: 'id', type: 'long' },
  { name: 'p', type: 'string' },
];

/** Three files of five rows, `id` = 10 * file + row, the middle one with the first and the last row deleted. */
function threeFiles(change: (file: MadeFile, i: number) => MadeFile = (file) => file): MadeTable {
  const files = [0, 1, 2].map(
    (i): MadeFile => ({
      path: `${i}.parquet`,
      rows: `SELECT ${i * 10} + i AS id FROM range(5) r(i)`,
      partitionValues: { p: `p${i}` },
      stats: {
        numRecords: 5,
        tightBounds: i !== 1,
        minValues: { id: i * 10 },
        maxValues: { id: i * 10 + 4 },
        nullCount: { id: i === 1 ? 3 : 0 },
      },
      ...(i === 1 ? { deletionVector: inline([0, 4]) } : {}),
    }),
  );
  return { fields: FIELDS, partitionColumns: ['p'], features: ['deletionVectors'], files: files.map(change) };
}

async function made(session: Session, table: MadeTable = threeFiles()) {
  const folder = await makeTable(session, table);
  return { folder, table: tableIn(folder, session) };
}

const LIVE = [0n, 1n, 2n, 3n, 4n, 11n, 12n, 13n, 20n, 21n, 22n, 23n, 24n];

describe('deleted rows', () => {
  it('are not there, in whatever way the table is asked', async () => {
    const session = await openSession();
    const { table } = await made(session);
    const ids = await query(session, table, 'SELECT id FROM t ORDER BY id');
    expect(ids.rows.map(({ id }) => id)).toEqual(LIVE);
    for (const [text, expected] of [
      ['SELECT count(*) AS n FROM t', 13n],
      ['SELECT count(id) AS n FROM t', 13n],
      ['SELECT min(id) AS n FROM t WHERE id >= 10', 11n],
      ["SELECT max(id) AS n FROM t WHERE p = 'p1'", 13n],
      ["SELECT count(*) AS n FROM t WHERE p = 'p1' AND id = 10", 0n],
      ['SELECT count(*) AS n FROM t WHERE id IS NULL', 0n],
      ['SELECT count(*) AS n FROM t AS a JOIN t AS b USING (id)', 13n],
      ['SELECT count(*) AS n FROM (SELECT * FROM t LIMIT 100)', 13n],
    ] as const) {
      for (const skipping of [true, false]) {
        expect([text, (await query(session, table, text, { skipping })).rows]).toEqual([text, [{ n: expected }]]);
      }
    }
  });

  it('count in the positions of the others', async () => {
    const session = await openSession();
    const { table } = await made(session);
    const snapshot = await table.snapshot();
    const files = [...snapshot.files].reverse();
    const relation = await table.scan({ slot: 'positions', snapshot, files, position: true });
    const rows = await session.rows(`SELECT * FROM (${relation}) ORDER BY id`);
    expect(rows.map((row) => [row['id'], row['p'], row['_file_index'], row['_file_row']])).toEqual(
      LIVE.map((id) => [id, `p${id / 10n}`, 2n - id / 10n, id % 10n]),
    );
  });

  it('with column mapping by id as well', async () => {
    const session = await openSession();
    const { table } = await made(session, {
      ...threeFiles((file, i) => ({
        ...file,
        rows: `SELECT ${i * 10} + i AS "c${i}" FROM range(5) r(i)`,
        options: `FIELD_IDS {c${i}: 1}`,
        partitionValues: { phys_p: `p${i}` },
      })),
      fields: [
        { name: 'id', type: 'long', metadata: mapped(1, 'phys_id') },
        { name: 'p', type: 'string', metadata: mapped(2, 'phys_p') },
      ],
      features: ['deletionVectors', 'columnMapping'],
      configuration: { 'delta.columnMapping.mode': 'id' },
    });
    expect((await query(session, table, 'SELECT id FROM t ORDER BY id')).rows.map(({ id }) => id)).toEqual(LIVE);
  });

  it('do not leave a trace in the list of tables', async () => {
    const session = await openSession();
    const { table } = await made(session);
    await query(session, table, 'SELECT * FROM t');
    expect((await query(session, table, 'SHOW TABLES')).rows).toEqual([{ name: 't' }]);
  });

  it('many of them, scattered and in a stretch, and a file with all of them', async () => {
    const session = await openSession();
    const count = 200_000;
    const deleted = Array.from({ length: count }, (_, i) => i).filter(
      (i) => i % 3 === 0 || (i > 50_000 && i < 120_000),
    );
    const { folder, table } = await made(session, {
      fields: [{ name: 'id', type: 'long' }],
      features: ['deletionVectors'],
      files: [
        { path: 'a.parquet', rows: `SELECT range AS id FROM range(${count})`, deletionVector: inline(deleted) },
        {
          path: 'b.parquet',
          rows: 'SELECT range AS id FROM range(1000)',
          deletionVector: inline(Array.from({ length: 1000 }, (_, i) => i)),
        },
      ],
    });
    expect(readdirSync(folder)).toContain('b.parquet');
    const gone = new Set(deleted);
    const sum = Array.from({ length: count }, (_, i) => i).reduce((total, i) => total + (gone.has(i) ? 0 : i), 0);
    const found = await query(session, table, 'SELECT count(*) AS n, sum(id)::BIGINT AS total FROM t');
    expect(found.rows).toEqual([{ n: BigInt(count - gone.size), total: BigInt(sum) }]);
    const one = await query(session, table, 'SELECT id FROM t WHERE id BETWEEN 49999 AND 120001 ORDER BY id');
    expect(one.rows.map(({ id }) => id)).toEqual([49_999n, 50_000n, 120_001n]);
  });
});

describe('files of deletion vectors', () => {
  it('one file of a commit holds several, each found at its offset', async () => {
    const store = new LocalStore(tempFolder());
    const sets = [[1], [2, 3, 70_000], Array.from({ length: 9000 }, (_, i) => i * 2)].map((rows) => rowSet(rows));
    const written = await writeDeletionVectors(store, sets, () => 'd2c639aa-8816-431a-aaf6-d3fe2512ff61');
    expect(readdirSync(store.root)).toEqual(['deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin']);
    expect(
      written.map(({ storageType, pathOrInlineDv, cardinality }) => [storageType, pathOrInlineDv, cardinality]),
    ).toEqual([1, 3, 9000].map((cardinality) => ['u', '^-aqEH.-t@S}K{vb[*k^', cardinality]));
    for (const [i, descriptor] of written.entries()) {
      const read = await readDeletionVector(store, descriptor);
      expect([...rowsOf(read)]).toEqual([...rowsOf(sets[i] ?? rowSet([]))]);
      const path = join(store.root, 'deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin');
      const absolute = { ...descriptor, storageType: 'p', pathOrInlineDv: `file://${path}` };
      expect((await readDeletionVector(new LocalStore(tempFolder()), absolute)).cardinality).toBe(read.cardinality);
    }
    expect(await writeDeletionVectors(store, [])).toEqual([]);
  });

  it('every damage is told with file and offset', async () => {
    const store = new LocalStore(tempFolder());
    const [descriptor] = await writeDeletionVectors(store, [rowSet([1, 5, 9])]);
    if (descriptor === undefined) throw new Error('nothing was written');
    const [name = ''] = readdirSync(store.root);
    const path = join(store.root, name);
    const good = readFileSync(path);
    const failure = (message: string) => ({
      code: 'DELTA_DELETION_VECTOR',
      message: expect.stringContaining(message),
      place: `${path}@1`,
    });
    for (let at = 0; at < good.length; at++) {
      const bytes = Buffer.from(good);
      bytes.writeUInt8((bytes[at] ?? 0) ^ 0x10, at);
      writeFileSync(path, bytes);
      await expect(readDeletionVector(store, descriptor)).rejects.toMatchObject(failure(''));
    }
    writeFileSync(path, good.subarray(0, -1));
    await expect(readDeletionVector(store, descriptor)).rejects.toMatchObject(failure('would end at byte'));
    writeFileSync(path, good);
    const more = { ...descriptor, cardinality: 4 };
    await expect(readDeletionVector(store, more)).rejects.toMatchObject(failure('holds 3 rows, the log says 4'));
    const huge = { ...descriptor, sizeInBytes: 2 ** 40 };
    await expect(readDeletionVector(store, huge)).rejects.toMatchObject(failure('would end at byte'));
    rmSync(path);
    await expect(readDeletionVector(store, descriptor)).rejects.toMatchObject(failure('missing'));
  });

  it('a table whose vector is gone is not read without it', async () => {
    const session = await openSession();
    const vector = {
      storageType: 'u',
      pathOrInlineDv: '^-aqEH.-t@S}K{vb[*k^',
      offset: 1,
      sizeInBytes: 40,
      cardinality: 2,
    };
    const changed = threeFiles((file, i) => (i === 1 ? { ...file, deletionVector: vector } : file));
    const { table } = await made(session, changed);
    await expect(query(session, table, 'SELECT count(*) FROM t')).rejects.toMatchObject({
      code: 'DELTA_DELETION_VECTOR',
      place: expect.stringContaining('deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin@1'),
    });
    // A file that is not needed is not opened, and so is its vector.
    expect((await query(session, table, 'SELECT count(*) AS n FROM t WHERE id >= 20')).rows).toEqual([{ n: 5n }]);
  });
});
