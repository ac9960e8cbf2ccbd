import { expect, it } from 'vitest';
import { columns, openSession, sql, tableIn } from '../../support/delta.js';
import { editCommit, TEN, written } from '../../support/delta-writes.js';
import { tempFolder } from '../../support/temp-folder.js';

/** As delta-rs makes it: the property and the ids are there, the protocol does not know column mapping, files have logical names. */
async function makeForeign() {
  const session = await openSession();
  const folder = tempFolder();
  const schema = columns({ id: 'BIGINT', name: 'VARCHAR', part: 'BIGINT' });
  await tableIn(folder, session).create({ schema, configuration: { 'delta.columnMapping.mode': 'name' } });
  editCommit(folder, 0, (text) =>
    text.replace(/"minReaderVersion":2,"minWriterVersion":5/, '"minReaderVersion":1,"minWriterVersion":2'),
  );
  return written(tableIn(folder, session), session);
}

it('the mapping mode counts only where the protocol knows column mapping', async () => {
  const { table, rows, lastCommit } = await makeForeign();
  await table.append(sql(TEN));
  expect((await table.snapshot()).mapping).toBe('none');
  expect(await rows('SELECT id, name FROM t WHERE id < 2 ORDER BY id')).toEqual(['[0,"a0"]', '[1,"a1"]']);
  const [, add] = await lastCommit();
  expect(
    JSON.parse('add' in (add ?? {}) ? (add as { add: { stats: string } }).add.stats : '{}').minValues,
  ).toMatchObject({ id: 0 });
});

it('a change of the table does not switch the mapping on', async () => {
  const { table, rows, lastCommit } = await makeForeign();
  await table.append(sql(TEN));
  await table.setProperties({ 'delta.enableDeletionVectors': 'true' });
  const [, protocol] = await lastCommit();
  expect(JSON.stringify(protocol)).toContain('deletionVectors');
  expect(JSON.stringify(protocol)).not.toContain('columnMapping');
  await table.append(sql("SELECT 11 AS id, 'b' AS name, 1 AS part, 5 AS more"), { mergeSchema: true });
  expect(await rows('SELECT id, more FROM t WHERE id IN (1, 11) ORDER BY id')).toEqual(['[1,null]', '[11,5]']);
});
