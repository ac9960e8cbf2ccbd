import { describe, expect, it } from 'vitest';
import type { DeltaTable } from '../../../src/delta/index.js';
import type { Session } from '../../../src/duckdb/session.js';
import { LocalStore } from '../../../src/storage/local-store.js';
import { openSession, sql, tableIn } from '../../support/delta.js';
import { BY_NAME, CHANGE_FEED, DELETION_VECTORS, makeWritten, TEN, type Written } from '../../support/delta-writes.js';

/** A store that lets a rival go first, once, when a commit is about to be put. */
class RivalStore extends LocalStore {
  rival: ((table: DeltaTable) => Promise<unknown>) | undefined;
  session: Session | undefined;

  override async putIfAbsent(path: string, data: Uint8Array): Promise<boolean> {
    const { rival, session } = this;
    if (rival !== undefined && session !== undefined && path.startsWith('_delta_log')) {
      this.rival = undefined;
      await rival(tableIn(this.root, session));
    }
    return super.putIfAbsent(path, data);
  }
}

interface Raced extends Written {
  readonly store: RivalStore;
}

async function makeRaced(
  configuration: Readonly<Record<string, string>>,
  partitionColumns: readonly string[] = [],
): Promise<Raced> {
  const stores: RivalStore[] = [];
  const store = (folder: string) => {
    stores.push(new RivalStore(folder));
    return stores[0] as RivalStore;
  };
  const made = await makeWritten({ configuration, partitionColumns, rows: TEN, store });
  const [first] = stores;
  if (first === undefined) throw new Error('no store');
  first.session = await openSession();
  return { ...made, store: first };
}

/** Runs `mine` while `rival` commits between its stage and its commit. */
async function race(made: Raced, mine: () => Promise<unknown>, rival: (table: DeltaTable) => Promise<unknown>) {
  made.store.rival = rival;
  const result = await mine();
  expect(made.store.rival).toBeUndefined();
  expect(await made.orphans()).toEqual([]);
  return result;
}

const MODES = [
  ['copy-on-write', {}],
  ['deletion vectors, feed, mapping', { ...DELETION_VECTORS, ...CHANGE_FEED, ...BY_NAME }],
] as const;

describe.each(MODES)('%s', (_, configuration) => {
  it('two deletes of one file: the second is staged again, both hold', async () => {
    const made = await makeRaced(configuration);
    const result = await race(
      made,
      () => made.table.delete({ where: 'id IN (1, 2)' }),
      (table) => table.delete({ where: 'id IN (2, 3)' }),
    );
    expect(result).toMatchObject({ deleted: 1, version: 3 });
    expect(await made.rows('SELECT id FROM t ORDER BY id')).toEqual([0, 4, 5, 6, 7, 8, 9].map((id) => `[${id}]`));
  });

  it('two updates of one row: none is lost', async () => {
    const made = await makeRaced(configuration);
    const bump = (table: DeltaTable) => table.update({ where: 'id = 1', set: { part: 'part + 1' } });
    await race(made, () => bump(made.table), bump);
    expect(await made.rows('SELECT part FROM t WHERE id = 1')).toEqual(['[2]']);
  });

  it('a delete of everything does not lose to what it did not see', async () => {
    const made = await makeRaced(configuration);
    const result = await race(
      made,
      () => made.table.delete(),
      (table) => table.append(sql('SELECT 77 AS id')),
    );
    expect(result).toMatchObject({ deleted: 11 });
    expect((await made.table.snapshot()).files).toEqual([]);
  });

  it('a delete and an append that it would have met', async () => {
    const made = await makeRaced(configuration);
    const rows = sql("SELECT 5 AS id, 'late' AS name, 1 AS part");
    expect(
      await race(
        made,
        () => made.table.delete({ where: 'id = 5' }),
        (table) => table.append(rows),
      ),
    ).toMatchObject({ deleted: 2 });
    expect(await made.rows('SELECT count(*) FROM t WHERE id = 5')).toEqual(['[0]']);
  });

  it('a delete and an append elsewhere: it follows without staging again', async () => {
    const made = await makeRaced(configuration, ['part']);
    const far = (table: DeltaTable) => table.append(sql('SELECT 50 AS id, 9 AS part'));
    expect(await race(made, () => made.table.delete({ where: 'part = 1 AND id = 5' }), far)).toMatchObject({
      deleted: 1,
      version: 3,
    });
    expect((await made.lastInfo()).readVersion).toBe(1);
    expect(await made.rows('SELECT count(*) FROM t')).toEqual(['[10]']);
  });

  it('an update and an optimize of its files', async () => {
    const made = await makeRaced(configuration);
    await made.table.append(sql('SELECT 20 AS id'));
    const optimize = (table: DeltaTable) => table.optimize();
    expect(
      await race(made, () => made.table.update({ where: 'id = 3', set: { name: "'u'" } }), optimize),
    ).toMatchObject({ updated: 1 });
    expect(await made.rows("SELECT count(*), count(*) FILTER (name = 'u') FROM t")).toEqual(['[11,1]']);
  });

  it('a merge and another that inserts the same key', async () => {
    const made = await makeRaced(configuration);
    const upsert = (name: string) => (table: DeltaTable) =>
      table.mergeInto({
        source: sql(`SELECT 100 AS id, '${name}' AS name`),
        on: 'target.id = source.id',
        whenMatched: [{ update: { name: 'target.name || source.name' } }],
        whenNotMatched: [{ insert: '*' }],
      });
    expect(await race(made, () => upsert('a')(made.table), upsert('b'))).toMatchObject({ updated: 1, inserted: 0 });
    expect(await made.rows('SELECT name FROM t WHERE id = 100')).toEqual(['["ba"]']);
  });

  it('an overwrite and an append: what it removes is everything', async () => {
    const made = await makeRaced(configuration);
    await race(
      made,
      () => made.table.overwrite(sql('SELECT 1 AS id')),
      (table) => table.append(sql('SELECT 77 AS id')),
    );
    expect(await made.rows('SELECT id FROM t')).toEqual(['[1]']);
  });

  it('a replaceWhere and an append into what it replaces', async () => {
    const made = await makeRaced(configuration, ['part']);
    const replace = () => made.table.overwrite(sql('SELECT 1 AS id, 1 AS part'), { replaceWhere: 'part = 1' });
    await race(made, replace, (table) => table.append(sql('SELECT 77 AS id, 1 AS part')));
    expect(await made.rows('SELECT id FROM t WHERE part = 1')).toEqual(['[1]']);
  });
});

describe('a change of the table meanwhile', () => {
  it('an append sees the constraint that came before it', async () => {
    const made = await makeRaced({});
    made.store.rival = (table) => table.addConstraint('c', 'id < 50');
    await expect(made.table.append(sql('SELECT 77 AS id'))).rejects.toMatchObject({ code: 'DELTA_CONSTRAINT' });
    expect(await made.orphans()).toEqual([]);
  });

  it('a constraint looks at the rows that came before it', async () => {
    const made = await makeRaced({});
    made.store.rival = (table) => table.append(sql('SELECT 77 AS id'));
    await expect(made.table.addConstraint('c', 'id < 50')).rejects.toMatchObject({ code: 'DELTA_CONSTRAINT' });
    expect((await made.table.snapshot()).metadata.configuration).toEqual({});
  });

  it('two columns at once are both there', async () => {
    const made = await makeRaced(BY_NAME);
    const add = (name: string) => (table: DeltaTable) =>
      table.append(sql(`SELECT 1 AS id, 2 AS ${name}`), { mergeSchema: true });
    await race(made, () => add('x')(made.table), add('y'));
    const { schema, metadata } = await made.table.snapshot();
    expect(schema.fields.map(({ name }) => name)).toEqual(['id', 'name', 'part', 'y', 'x']);
    expect(new Set(schema.fields.map((field) => field.metadata['delta.columnMapping.id'])).size).toBe(5);
    expect(metadata.configuration['delta.columnMapping.maxColumnId']).toBe('5');
  });

  it('a table that becomes appendOnly is not deleted from', async () => {
    const made = await makeRaced({});
    made.store.rival = (table) => table.setProperties({ 'delta.appendOnly': 'true' });
    await expect(made.table.delete({ where: 'id = 1' })).rejects.toMatchObject({ code: 'DELTA_APPEND_ONLY' });
    expect(await made.orphans()).toEqual([]);
  });

  it('deletion vectors and a feed that are switched on meanwhile are used', async () => {
    const made = await makeRaced({});
    await race(
      made,
      () => made.table.delete({ where: 'id = 1' }),
      (table) => table.setProperties({ ...DELETION_VECTORS, ...CHANGE_FEED }),
    );
    expect((await made.table.snapshot()).files[0]?.deletionVector?.cardinality).toBe(1);
    expect((await made.lastCommit()).some((action) => 'cdc' in action)).toBe(true);
  });
});

describe('isolation', () => {
  it.each([
    ['Serializable', 2, 0],
    ['WriteSerializable', 1, 1],
  ] as const)(
    '%s: a delete that is overtaken by a blind append of its rows deletes %i',
    async (level, deleted, left) => {
      const made = await makeRaced({ 'delta.isolationLevel': level });
      const rows = sql("SELECT 5 AS id, 'late' AS name, 1 AS part");
      expect(
        await race(
          made,
          () => made.table.delete({ where: 'id = 5' }),
          (table) => table.append(rows),
        ),
      ).toMatchObject({ deleted });
      expect(await made.rows('SELECT count(*) FROM t WHERE id = 5')).toEqual([`[${left}]`]);
      expect((await made.lastInfo()).isolationLevel).toBe(level);
    },
  );
});
