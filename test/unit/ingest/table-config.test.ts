import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config.js';
import { resolveConnection } from '../../../src/ingest/config/connection-schema.js';
import {
  type ConnectionConfig,
  connectionsSchema,
  resolveSource,
  sourceSchema,
} from '../../../src/ingest/config/source-config.js';
import { targetOf } from '../../../src/ingest/config/table-schema.js';

const connection = (value: object) => connectionsSchema.parse({ c: value })['c'] as ConnectionConfig;
const postgres = (value: object) => resolveConnection('c', connection({ type: 'postgres', ...value }));
const SHOP = postgres({ database: 'shop', user: 'reader' });

describe('connections', () => {
  it('to a database have defaults, and TLS is checked unless it is this machine', () => {
    expect(postgres({ host: 'db.example.com', database: 'shop', user: 'reader', password: 'x' })).toEqual({
      type: 'postgres',
      name: 'c',
      server: {
        host: 'db.example.com',
        port: 5432,
        database: 'shop',
        user: 'reader',
        password: 'x',
        ssl: { mode: 'verify-full' },
        connectTimeoutMs: 10_000,
        statementTimeoutMs: 3_600_000,
        lockTimeoutMs: 30_000,
        idleTimeoutMs: 600_000,
        attempts: 3,
      },
    });
    expect(SHOP).toMatchObject({ server: { host: 'localhost', ssl: { mode: 'disable' } } });
    expect(postgres({ host: '127.0.0.1', ssl: 'require', database: 'd', user: 'u' })).toMatchObject({
      server: { ssl: { mode: 'require' } },
    });
  });

  it('take a URL, and what stands beside it wins', () => {
    const url = 'postgres://ana:p%40ss@db.example.com:6543/my%20shop?sslmode=require';
    expect(postgres({ url })).toMatchObject({
      server: {
        host: 'db.example.com',
        port: 6543,
        database: 'my shop',
        user: 'ana',
        password: 'p@ss',
        ssl: { mode: 'require' },
      },
    });
    expect(postgres({ url, user: 'ben', port: '5433', ssl: 'verify-ca' })).toMatchObject({
      server: { port: 5433, user: 'ben', ssl: { mode: 'verify-ca' } },
    });
  });

  it.each([
    'secret-in-no-url',
    'mysql://u:secret@h/d',
    'postgres://u:secret@h/d?sslmode=prefer',
    'postgres://u:secret@h',
  ])('never show a URL that is wrong: %s', (url) => {
    let message = '';
    try {
      postgres({ url });
    } catch (error) {
      message = String(error);
      expect(error).toMatchObject({ code: 'CONFIG', exitCode: 2, place: expect.stringContaining('connections.c.') });
    }
    expect(message).not.toBe('');
    expect(message).not.toContain('secret');
  });

  it('to a server of files need its host key and something to log in with', () => {
    const value = { type: 'sftp', host: 'h', user: 'u', password: 'p', host_key: 'h ssh-ed25519 A\n\nh ssh-rsa B\n' };
    expect(resolveConnection('c', connection(value))).toEqual({
      type: 'sftp',
      name: 'c',
      root: '.',
      server: {
        host: 'h',
        port: 22,
        user: 'u',
        password: 'p',
        hostKeys: ['h ssh-ed25519 A', 'h ssh-rsa B'],
        connectTimeoutMs: 10_000,
        attempts: 3,
      },
    });
    expect(() => connection({ ...value, host_key: undefined })).toThrow();
    expect(() => connection({ ...value, password: undefined })).toThrow('needs password or private_key');
    expect(() => connection({ ...value, port: 70_000 })).toThrow();
    expect(() => resolveConnection('c', connection({ ...value, port: '70000' }))).toThrow('1 to 65535');
  });
});

describe('tables as sources', () => {
  const table = (value: object) =>
    resolveSource('orders', sourceSchema.parse({ connection: 'c', ...value }), { folder: '/', connection: SHOP });

  it('have a target, a name in the ledger and a watermark', async () => {
    expect(await table({ table: 'orders' })).toMatchObject({
      type: 'postgres',
      target: 'bronze.c_orders',
      skipIfSuccess: true,
      daily: true,
      patterns: [],
      table: { from: { schema: 'public', table: 'orders' }, entity: 'public.orders', tombstones: false },
    });
    const whole = { column: 'seen_at', type: 'timestamp', nulls: 'raise', overlap: '15m' };
    expect(await table({ table: 'sales.Orders', load: 'incremental', watermark: whole })).toMatchObject({
      target: 'bronze.c_Orders',
      table: { entity: 'sales.Orders', watermark: { ...whole, overlap: 900_000 } },
    });
    const short = await table({ query: 'SELECT 1 AS id', load: 'incremental', watermark: 'id' });
    expect(short).toMatchObject({
      target: 'bronze.c_orders',
      table: { entity: 'orders', watermark: { column: 'id', type: 'timestamp', nulls: 'include', overlap: 0 } },
    });
    expect(targetOf('x', { connection: 'c', query: 'q', name: 'done orders' } as never)).toBe('bronze.c_done_orders');
  });

  it.each<[object, string, string]>([
    [{ table: 'a', query: 'b' }, 'query', 'a table or a query'],
    [{ table: 'a', path: 'b' }, 'path', 'files or a table'],
    [{ path: 'a', load: 'full', into: 'a.b' }, 'load', 'for a table'],
    [{ path: 'a' }, 'into', 'is missing'],
    [{}, 'path', 'is missing'],
    [{ table: 'a', load: 'incremental' }, 'load', 'needs a watermark'],
    [{ table: 'a', watermark: 'b' }, 'watermark', 'load: incremental'],
    [{ table: 'a', deletes: 'tombstone' }, 'deletes', 'needs a key'],
    [
      { table: 'a', load: 'incremental', watermark: 'b', deletes: 'tombstone', key: 'c' },
      'deletes',
      'only a full load',
    ],
  ])('refuse %j', (value, field, message) => {
    const result = sourceSchema.safeParse({ connection: 'c', ...value });
    expect(result.error?.issues.map((issue) => [issue.path.join('.'), issue.message])).toContainEqual([
      field,
      expect.stringContaining(message),
    ]);
  });

  it('refuse a connection of the other kind, an overlap of another type, and no connection', async () => {
    await expect(table({ path: 'a', into: 'b.c' })).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringContaining('no path'),
    });
    const watermark = { column: 'id', type: 'integer', overlap: '15m' };
    await expect(table({ table: 'a', load: 'incremental', watermark })).rejects.toMatchObject({
      place: 'sources.orders.watermark.overlap',
      hint: 'overlap: 1000',
    });
    expect(sourceSchema.safeParse({ table: 'a' }).error?.issues).toMatchObject([{ path: ['table'] }]);
    const value = sourceSchema.parse({ connection: 'c', table: 'a' });
    const sftp = { type: 'sftp', name: 'c', root: '/', server: { hostKeys: [] } } as never;
    await expect(resolveSource('s', value, { folder: '/', connection: sftp })).rejects.toMatchObject({
      code: 'CONFIG',
    });
  });

  it('name line and column of a connection that is not there', () => {
    const text =
      'connections:\n  shop: {type: postgres, database: d, user: u}\nsources:\n  s:\n    connection: shpo\n    table: t\n';
    expect(parseConfig(text)).toEqual({
      problems: [
        {
          line: 5,
          column: 17,
          field: 'sources.s.connection',
          message: expect.stringContaining('did you mean "shop"?'),
        },
      ],
    });
  });
});
