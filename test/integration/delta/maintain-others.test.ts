import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DeltaTable } from '../../../src/delta/index.js';
import type { Session } from '../../../src/duckdb/session.js';
import { openSession, tableIn } from '../../support/delta.js';
import { tempFolder } from '../../support/temp-folder.js';

const CONFORMANCE = new URL('../../../../shared/conformance', import.meta.url).pathname;

const cases = [
  'dat-v0.0.3/all_primitive_types',
  'dat-v0.0.3/column_mapping',
  'dat-v0.0.3/deletion_vectors',
  'dat-v0.0.3/nested_types',
  'dat-v0.0.3/partitioned_with_null',
  'delta-rs/cdf-table-with-cdc-and-dvs',
  'delta-rs/delta-0.8.0-special-partition',
  'delta-rs/delta-1.2.1-only-struct-stats',
  'delta-rs/table_with_edge_timestamps',
  'delta-rs/table_with_partitioning_mapping',
  'kernel-java/basic-dv-with-checkpoint',
  'kernel-java/column-mapping-id',
  'kernel-java/pagination-multi-part-checkpoints',
  'kernel-java/pagination-v2-checkpoint-parquet',
  'kernel-java/primitives-column-mapping-name',
].filter((name) => existsSync(join(CONFORMANCE, name, 'delta')));

/** How many rows there are and what they are, whatever their order. */
async function content(session: Session, table: DeltaTable): Promise<unknown> {
  const snapshot = await table.snapshot();
  const relation = await table.scan({ slot: 'content', snapshot, files: snapshot.files });
  const text = `SELECT count(*) AS rows, sum(hash(t)::HUGEINT) AS hash FROM (${relation}) AS t`;
  return (await session.rows(text))[0];
}

describe.skipIf(cases.length === 0)('maintenance of tables that others wrote', () => {
  it.each(cases)('%s keeps its rows, sorted as well, and can go back', async (name) => {
    const session = await openSession();
    const folder = join(tempFolder(), 'delta');
    cpSync(join(CONFORMANCE, name, 'delta'), folder, { recursive: true });
    const table = tableIn(folder, session);
    const { version, schema, partitionColumns } = await table.snapshot();
    const before = await content(session, table);
    expect((await table.verify({ deep: true })).findings).toEqual([]);
    await table.optimize();
    expect(await content(session, table)).toEqual(before);
    const column = schema.fields.find(
      (field) => field.type.kind === 'primitive' && !partitionColumns.includes(field.name),
    );
    if (column !== undefined) await table.optimize({ sortBy: [column.name] });
    expect(await content(session, table)).toEqual(before);
    expect((await table.snapshot()).files.every((file) => file.deletionVector == null)).toBe(true);
    await table.vacuum();
    expect((await tableIn(folder, session).verify({ deep: true })).findings).toEqual([]);
    await table.restore({ version });
    expect(await content(session, tableIn(folder, session))).toEqual(before);
  });
});
