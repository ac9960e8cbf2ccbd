import { copyFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { columns, openSession, query, sql, tableIn } from '../../support/delta.js';
import { tempFolder } from '../../support/temp-folder.js';

const TEXT = "SELECT 'fü😀''\n' AS s, ['él'] AS l, {'f': 'ça'} AS st, MAP {'ké': 'ö'} AS m";
const BYTES =
  "SELECT encode('fü😀''\n') AS s, [encode('él')] AS l, {'f': encode('ça')} AS st, MAP {encode('ké'): encode('ö')} AS m";
const TYPES = { s: 'VARCHAR', l: 'VARCHAR[]', st: 'STRUCT(f VARCHAR)', m: 'MAP(VARCHAR, VARCHAR)' };

it.each([
  ['alone', {}, '', {}],
  ['beside bytes', { b: 'BLOB' }, ", '\\xAA\\x27'::BLOB AS b", {}],
  ['by id, beside bytes', { b: 'BLOB' }, ", '\\xAA\\x27'::BLOB AS b", { 'delta.columnMapping.mode': 'id' }],
])('text that its writer did not mark as text is read as text, %s', async (_, more, extra, configuration) => {
  const session = await openSession();
  const [folder, shadow] = [tempFolder(), tempFolder()];
  const table = tableIn(folder, session);
  await table.create({ schema: columns({ ...TYPES, ...more }), configuration });
  await table.append(sql(TEXT + extra));
  const before = await query(session, table, 'SELECT * FROM t');
  // The same file with the same names and ids, its text unmarked.
  const { mapping, schema, metadata } = await table.snapshot();
  const bytes = JSON.parse(JSON.stringify({ schema, metadata }).replaceAll('"string"', '"binary"'));
  const other = tableIn(shadow, session);
  await other.create({ schema: bytes.schema, configuration: mapping === 'none' ? {} : configuration });
  await other.append(sql(BYTES + extra));
  const file = (path: string) => readdirSync(path).filter((name) => name.endsWith('.parquet'))[0] ?? '';
  copyFileSync(join(shadow, file(shadow)), join(folder, file(folder)));
  const fresh = await openSession();
  expect((await query(fresh, tableIn(folder, fresh), 'SELECT * FROM t')).rows).toEqual(before.rows);
  const kept = await query(fresh, tableIn(folder, fresh), "SELECT count(*) AS n FROM t WHERE s LIKE 'f%'");
  expect(Number(kept.rows[0]?.['n'])).toBe(1);
});
