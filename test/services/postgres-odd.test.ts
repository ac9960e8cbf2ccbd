import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { failure } from '../support/stage.js';
import { extractWith, isMissing, table, usePostgres, watermark } from './postgres-desk.js';

const server = usePostgres();

describe.skipIf(isMissing)('names of columns', () => {
  it('do not get in the way of those that the work is done with', async () => {
    const names = [
      't1',
      't0',
      'C0',
      'm0',
      'o1',
      '_hash',
      'f0',
      'n1',
      'source',
      'xmin_',
      'value',
      'part',
      'a.b',
      'a"b',
      "a'b",
      '{{x}}',
      '$1',
      '?',
      'é ü',
      'select',
    ];
    const columns = names.map((name) => `"${name.replaceAll('"', '""')}"`);
    await server().sql(`CREATE TABLE tricky (${columns.map((column) => `${column} text`).join(', ')})`);
    const values = names.map((name) => `value of ${name}`);
    await server().sql(`INSERT INTO tricky VALUES (${values.map((_, i) => `$${i + 1}`).join(', ')})`, values);
    const extracted = await extractWith(server().connection(), { from: table('tricky') });
    const [row] = await extracted.rows('* EXCLUDE (_row_hash, _extracted_at)');
    expect(row).toEqual(Object.fromEntries(names.map((name, i) => [name, values[i]])));
    await server().sql(
      'CREATE TABLE tricky_types (t1 integer, t0 date, c2 boolean, c1 numeric(4,2), t2 text, mark timestamptz)',
    );
    await server().sql(
      "INSERT INTO tricky_types VALUES (1, '2024-01-02', true, 1.5, 'x', '2024-01-03'), (2, 'infinity', false, 2.5, 'y', '2024-01-04')",
    );
    const typed = await extractWith(server().connection(), {
      from: table('tricky_types'),
      watermark: watermark('mark'),
    });
    expect(await typed.rows('* EXCLUDE (_row_hash, _extracted_at)', 'ORDER BY t1')).toEqual([
      { t1: 1, t0: '2024-01-02', c2: true, c1: '1.50', t2: 'x', mark: '2024-01-03T00:00:00Z' },
      { t1: 2, t0: 'infinity', c2: false, c1: '2.50', t2: 'y', mark: '2024-01-04T00:00:00Z' },
    ]);
    expect(typed.watermark).toBe('2024-01-04 00:00:00+00');
  });

  it('may be as many as PostgreSQL takes', async () => {
    const columns = Array.from(
      { length: 1600 },
      (_, i) => `c${i} ${['text', 'integer', 'date', 'numeric(5,2)'][i % 4]}`,
    );
    await server().sql(`CREATE TABLE widest (${columns.join(', ')})`);
    await server().sql(
      "INSERT INTO widest (c0, c1596, c1597, c1598, c1599) VALUES (E'a\\nb', E'\\\\', 7, '2024-01-01', 1.5)",
    );
    const short = columns.map((_, i) => ['i::text', 'i', "'2024-01-01'::date + i", '0.25'][i % 4]);
    await server().sql(`INSERT INTO widest SELECT ${short.join(', ')} FROM generate_series(1, 6000) AS i`);
    const extracted = await extractWith(server().connection(), { from: table('widest') });
    expect(extracted.columns).toHaveLength(1600);
    const found = await extracted.rows('c0, c4, c1596, c1597, c1598, c1599', 'WHERE c1 IS NULL');
    expect(found).toEqual([{ c0: 'a\nb', c4: null, c1596: '\\', c1597: 7, c1598: '2024-01-01', c1599: '1.50' }]);
    const [sum] = await extracted.rows('count(*) AS rows, sum(c4::BIGINT)::VARCHAR AS a, sum(c1597)::VARCHAR AS b');
    expect(sum).toEqual({ rows: 6001n, a: '18003000', b: '18003007' });
  });
});

describe.skipIf(isMissing)('databases', () => {
  it('of another encoding are read as what they mean', async () => {
    await server().sql("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'", [], 'postgres');
    const db = await server().client('latin');
    await db.query(
      "CREATE TABLE words (word text); INSERT INTO words VALUES ('Käse'); GRANT SELECT ON words TO reader",
    );
    const extracted = await extractWith(server().connection('reader', { database: 'latin' }), { from: table('words') });
    expect(await extracted.rows('word')).toEqual([{ word: 'Käse' }]);
  });

  it('of no encoding fail when their text is none', async () => {
    await server().sql("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'", [], 'postgres');
    const db = await server().client('ascii');
    await db.query(
      "CREATE TABLE words (word text); INSERT INTO words VALUES ('plain'), ('ü'); GRANT SELECT ON words TO reader",
    );
    const connection = server().connection('reader', { database: 'ascii' });
    const good = await extractWith(connection, { from: table('words') });
    expect(await good.rows('word', 'ORDER BY word')).toEqual([{ word: 'plain' }, { word: 'ü' }]);
    await db.query("INSERT INTO words VALUES (E'\\xff')");
    const error = await failure(extractWith(connection, { from: table('words') }));
    expect(error).toMatchObject({ code: 'POSTGRES', exitCode: 1, retryable: false });
    expect(error.hint).toMatch(/SQL_ASCII/);
  });
});

describe.skipIf(isMissing)('a replica', () => {
  it('can be read, and does not know what is open on the primary', async () => {
    await server().sql(
      "CREATE TABLE copied (id integer, mark timestamptz); INSERT INTO copied VALUES (1, '2024-01-01')",
    );
    await server().stop();
    const signal = join(server().data, 'standby.signal');
    writeFileSync(signal, '');
    await server().restart();
    const mark = watermark('mark', { lower: '2024-01-02 00:00:00+00', lateFrom: '3' });
    const extracted = await extractWith(server().connection(), { from: table('copied'), watermark: mark });
    expect(extracted).toMatchObject({ count: 1, lateRows: 1, canSeeLateRows: true, heldWatermark: null });
    expect(extracted.snapshot.open).toEqual({ count: 0, oldestStartedAt: null, pids: [], hidden: true });
    await server().stop();
    rmSync(signal);
    await server().restart();
  });
});
