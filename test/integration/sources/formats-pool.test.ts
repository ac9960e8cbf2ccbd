import { expect, test } from 'vitest';
import { openStage } from '../../support/stage.js';

const record = (file: number, row: number) => ({ file, row, [`only_${file % 3}`]: 'x'.repeat(row % 50) });

test('rows of many small JSON files are those of their files, in order, however they are written together', async () => {
  const stage = await openStage();
  const counts = Array.from({ length: 40 }, (_, file) => (file * 37) % 170);
  for (const [file, count] of counts.entries()) {
    const records = Array.from({ length: count }, (_, row) => record(file, row));
    const staged = await stage.content(`${file}.json`, JSON.stringify(records));
    expect(staged.rows).toBe(count);
    // What waits is written whenever somebody looks.
    if (file === 20) expect(await stage.values(19)).toHaveLength(counts[19] ?? 0);
  }
  expect(counts.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(2000);
  for (const [file, count] of counts.entries()) {
    const expected = Array.from({ length: count }, (_, row) => [String(file), String(row), 'x'.repeat(row % 50)]);
    expect(await stage.values(file)).toEqual(expected);
  }
});

test('rows that cannot be written are the failure of all, not of the file that came last', async () => {
  const stage = await openStage();
  await stage.content('first.json', '{"a": 1}');
  expect(await stage.values(0)).toEqual([['1']]);
  const [table] = await stage.session.rows('SELECT table_name FROM duckdb_tables()');
  await stage.session.run(`DROP TABLE "${table?.['table_name']}"`);
  expect(await stage.content('second.json', '{"a": 2}')).toMatchObject({ rows: 1 });
  await expect(stage.stage.groups()).rejects.toMatchObject({ code: 'SQL' });
  await stage.content('third.json', '{"a": 3}');
  await expect(stage.stage.groups()).rejects.toMatchObject({ code: 'SQL' });
});
