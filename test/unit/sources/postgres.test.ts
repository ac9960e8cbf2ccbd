import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planColumn } from '../../../src/sources/postgres/column-types.js';
import { writeRows } from '../../../src/sources/postgres/copy-rows.js';
import { postgresError } from '../../../src/sources/postgres/errors.js';
import { trimStatement } from '../../../src/sources/postgres/query-text.js';
import { placeOf } from '../../../src/sources/postgres/wire.js';
import { failure } from '../../support/stage.js';
import { tempFolder } from '../../support/temp-folder.js';

describe('a statement without what follows it', () => {
  it.each([
    ['SELECT 1', 'SELECT 1'],
    ['SELECT 1 ; ; \n', 'SELECT 1'],
    ['SELECT 1 -- one;', 'SELECT 1'],
    ['SELECT 1; -- one', 'SELECT 1'],
    ['SELECT 1 /* a /* b; */ c; */ ;', 'SELECT 1'],
    ['-- first\nSELECT 1', '-- first\nSELECT 1'],
    ["SELECT ';' AS a;", "SELECT ';' AS a"],
    ["SELECT ';--'", "SELECT ';--'"],
    ["SELECT 'it''s; ' ;", "SELECT 'it''s; '"],
    ["SELECT E'\\';' ;", "SELECT E'\\';'"],
    ["SELECT '\\' ; -- '", "SELECT '\\'"],
    ["SELECT typE'x;' ;", "SELECT typE'x;'"],
    ['SELECT "a;""b" ;', 'SELECT "a;""b"'],
    ['SELECT $$;$$ ;', 'SELECT $$;$$'],
    ['SELECT $a$ ; $$ ; $b$ $a$;', 'SELECT $a$ ; $$ ; $b$ $a$'],
    ['SELECT a$b$ ; -- c$b$', 'SELECT a$b$'],
    ['SELECT $1;', 'SELECT $1'],
    ['SELECT 4 - -1; ', 'SELECT 4 - -1'],
    ['SELECT 4 / 2;', 'SELECT 4 / 2'],
    ['', ''],
    [' ; -- nothing', ''],
  ])('%s', (text, trimmed) => {
    expect(trimStatement(text)).toBe(trimmed);
  });

  it('ends with the text when something is left open', () => {
    for (const open of ["SELECT 'a;", 'SELECT "a;', 'SELECT $x$ ;', 'SELECT 1 /* ;']) {
      expect(open.startsWith(trimStatement(open))).toBe(true);
    }
  });
});

describe('the type of a numeric', () => {
  const numeric = (precision: number, scale: number) =>
    planColumn({
      name: 'n',
      oid: 1700,
      typmod: ((precision << 16) | (scale & 0x7ff)) + 4,
      postgresType: 'numeric',
      typtype: 'b',
      category: 'N',
      nullable: true,
    });

  it.each([
    [10, 2, 'decimal', 'DECIMAL(10,2)'],
    [38, 38, 'decimal', 'DECIMAL(38,38)'],
    [38, 0, 'decimal', 'DECIMAL(38,0)'],
    [39, 0, 'numeric', 'VARCHAR'],
    [1000, 500, 'numeric', 'VARCHAR'],
    [3, -2, 'decimal', 'DECIMAL(5,0)'],
    [36, -3, 'numeric', 'VARCHAR'],
    [2, 5, 'decimal', 'DECIMAL(5,5)'],
    [2, 40, 'numeric', 'VARCHAR'],
  ])('numeric(%i,%i) is a %s: %s', (precision, scale, kind, type) => {
    expect(numeric(precision, scale)).toMatchObject({ kind, type });
  });
});

describe('an error of the server', () => {
  const of = (error: object) => postgresError(Object.assign(new Error(), error), 'postgres://h:1/d');

  it.each([
    [{ code: '28P01', message: 'password authentication failed for user "x"' }, 'AUTH', 3, false],
    [{ code: '28000', message: 'role "x" does not exist' }, 'AUTH', 3, false],
    [{ code: '28000', message: 'no pg_hba.conf entry for host "h", user "x", no encryption' }, 'TLS', 3, false],
    [{ code: 'SELF_SIGNED_CERT_IN_CHAIN', message: 'self-signed certificate in certificate chain' }, 'TLS', 3, false],
    [{ code: 'ERR_TLS_CERT_ALTNAME_INVALID', message: 'x' }, 'TLS', 3, false],
    [{ code: 'CERT_HAS_EXPIRED', message: 'certificate has expired' }, 'TLS', 3, false],
    [{ message: 'The server does not support SSL connections' }, 'TLS', 3, false],
    [{ code: 'ECONNREFUSED', message: 'connect ECONNREFUSED' }, 'CONNECTION', 3, true],
    [{ code: 'ECONNRESET', message: 'read ECONNRESET' }, 'CONNECTION', 3, true],
    [{ code: 'ENOTFOUND', message: 'getaddrinfo ENOTFOUND h' }, 'CONNECTION', 3, false],
    [{ code: 'EAI_AGAIN', message: 'getaddrinfo EAI_AGAIN h' }, 'CONNECTION', 3, true],
    [{ message: 'Connection terminated unexpectedly' }, 'CONNECTION', 3, true],
    [{ code: '57P03', message: 'the database system is starting up' }, 'CONNECTION', 3, true],
    [{ code: '57P01', message: 'terminating connection due to administrator command' }, 'CONNECTION', 3, true],
    [{ code: '53300', message: 'sorry, too many clients already' }, 'CONNECTION', 3, true],
    [{ code: '25P03', message: 'terminating connection due to idle-in-transaction timeout' }, 'CONNECTION', 3, true],
    [{ code: '08006', message: 'connection failure' }, 'CONNECTION', 3, true],
    [{ code: '57014', message: 'canceling statement due to statement timeout' }, 'TIMEOUT', 3, true],
    [{ code: '55P03', message: 'canceling statement due to lock timeout' }, 'TIMEOUT', 3, true],
    [{ code: '57014', message: 'canceling statement due to user request' }, 'POSTGRES', 3, true],
    [{ code: '40001', message: 'canceling statement due to conflict with recovery' }, 'POSTGRES', 3, true],
    [{ code: '42501', message: 'permission denied for table t' }, 'PERMISSION', 3, false],
    [{ code: '42P01', message: 'relation "t" does not exist' }, 'CONFIG', 2, false],
    [{ code: '42703', message: 'column "c" does not exist' }, 'CONFIG', 2, false],
    [{ code: '25006', message: 'cannot execute DELETE in a read-only transaction' }, 'CONFIG', 2, false],
    [{ code: '22012', message: 'division by zero' }, 'POSTGRES', 1, false],
    [{ code: '22021', message: 'invalid byte sequence for encoding "UTF8": 0xff' }, 'POSTGRES', 1, false],
    [{ code: 'XX000', message: 'something inside' }, 'POSTGRES', 3, false],
  ])('%j', (error, code, exitCode, retryable) => {
    const known = of(error);
    expect(known).toMatchObject({ code, exitCode, retryable, place: 'postgres://h:1/d' });
    expect(known.message).toContain(error.message);
  });

  it('is one sentence, with the hint of the server', () => {
    const known = of({
      code: '42703',
      message: 'column "nmae" does not exist.\nLINE 1',
      hint: 'Perhaps you meant "name".',
    });
    expect(known.message).toBe('the server cannot read that: column "nmae" does not exist');
    expect(known.hint).toBe('Perhaps you meant "name".');
  });

  it('of several addresses is that of the first', () => {
    const each = [Object.assign(new Error('connect ECONNREFUSED ::1:1'), { code: 'ECONNREFUSED' })];
    expect(postgresError(new AggregateError(each), 'p').message).toMatch(/ECONNREFUSED ::1:1$/);
  });
});

describe('a place', () => {
  it('has no secret', () => {
    const connection = { host: '::1', port: 5432, database: 'shop', user: 'me', password: 'secret' };
    const full = {
      ...connection,
      ssl: { mode: 'disable' },
      connectTimeoutMs: 1,
      statementTimeoutMs: 1,
      lockTimeoutMs: 1,
      idleTimeoutMs: 1,
      attempts: 1,
    } as const;
    expect(placeOf(full)).toBe('postgres://[::1]:5432/shop');
    expect(placeOf(full, { schema: 'sales', table: 'orders' })).toBe('postgres://[::1]:5432/shop#sales.orders');
    expect(placeOf({ ...full, host: 'db' }, { query: "SELECT 'secret'" })).toBe('postgres://db:5432/shop#query');
  });
});

describe('the rows of a COPY', () => {
  it('are counted whatever the pieces that they come in', async () => {
    const folder = tempFolder();
    const row = fc
      .tuple(fc.constantFrom('0', '1'), fc.string({ maxLength: 30 }))
      .map(([mark, text]) => `${mark}\t${text.replaceAll('\n', ' ')}\n`);
    const property = fc.asyncProperty(fc.array(row, { maxLength: 30 }), fc.array(fc.nat(40)), async (rows, sizes) => {
      const bytes = Buffer.from(rows.join(''));
      const pieces: Buffer[] = [];
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const size = 1 + (sizes[i % Math.max(1, sizes.length)] ?? 7);
        pieces.push(bytes.subarray(at, at + size));
        at += size;
      }
      const file = join(folder, 'rows');
      const copied = await writeRows(Readable.from(pieces), file, () => undefined);
      expect(copied).toEqual({
        bytes: bytes.length,
        rows: rows.length,
        longest: Math.max(0, ...rows.map((text) => Buffer.byteLength(text))),
        marked: rows.filter((text) => text.startsWith('1')).length,
      });
      expect(readFileSync(file).equals(bytes)).toBe(true);
    });
    await fc.assert(property, { numRuns: 200 });
  });

  it('are not complete when the last one has no end', async () => {
    const rows = Readable.from([Buffer.from('0\ta\n0\tb')]);
    await expect(writeRows(rows, join(tempFolder(), 'rows'), () => undefined)).rejects.toThrow('not complete');
  });

  it('that cannot be written are an error of the storage, those that do not come their own', async () => {
    const rows = () => Readable.from([Buffer.from('0\ta\n')]);
    expect(await failure(writeRows(rows(), join(tempFolder(), 'no', 'rows'), () => undefined))).toMatchObject({
      code: 'STORAGE',
      retryable: true,
    });
    const broken = new Readable({
      read() {
        this.destroy(new Error('cut'));
      },
    });
    await expect(writeRows(broken, join(tempFolder(), 'rows'), () => undefined)).rejects.toThrow('cut');
  });
});
