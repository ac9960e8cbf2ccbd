import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { type AddressInfo, connect as connectTo, createServer, type Socket } from 'node:net';
import { inspect } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/base/clock.js';
import { Session } from '../../src/duckdb/session.js';
import { extractTable, openPostgres, type PostgresConnection } from '../../src/sources/index.js';
import { failure } from '../support/stage.js';
import { tempFolder } from '../support/temp-folder.js';
import { connect, extractBy, extractWith, isMissing, table, usePostgres } from './postgres-desk.js';

const server = usePostgres();
const ONE = { from: { query: 'SELECT 1 AS n' } };

/** Whether a connection works; else the code of the error. */
async function outcome(connection: PostgresConnection): Promise<string> {
  try {
    const { count } = await extractWith(connection, ONE);
    return count === 1 ? 'works' : 'no rows';
  } catch (error) {
    expect(inspect(error, { depth: 10, showHidden: true })).not.toMatch(/-secret|BEGIN (EC )?PRIVATE/);
    return (error as { code: string }).code;
  }
}

/** A port on which `serve` is given each connection. */
async function listen(serve: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const listener = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    serve(socket);
  }).listen(0, 'localhost');
  await once(listener, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  });
  return (listener.address() as AddressInfo).port;
}

/** Passes a connection on to the server. */
function forward(socket: Socket): Socket {
  const onward = connectTo(server().port, 'localhost').on('error', () => undefined);
  onTestFinished(() => {
    onward.destroy();
  });
  socket.pipe(onward).pipe(socket);
  return onward;
}

/** Sessions of this program that the server is working for. */
async function working(): Promise<number> {
  const [row] = await server().sql(
    "SELECT count(*)::integer AS n FROM pg_stat_activity WHERE application_name = 'lakeledger' AND state <> 'idle'",
  );
  return Number(row?.['n']);
}

async function eventually(check: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (await check()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('it does not come to pass');
}

describe.skipIf(isMissing)('a login', () => {
  it('fails with AUTH, and says no secret', async () => {
    expect(await outcome(server().connection('reader'))).toBe('works');
    expect(await outcome(server().connection('reader', { password: 'wrong-secret' }))).toBe('AUTH');
    expect(await outcome(server().connection('nobody'))).toBe('AUTH');
    const { password: _, ...without } = server().connection('reader');
    expect(await outcome(without)).toBe('AUTH');
    const error = await failure(
      openPostgres(server().connection('reader', { password: 'wrong-secret' }), { clock: systemClock }),
    );
    expect(error).toMatchObject({ exitCode: 3, retryable: false, place: `postgres://localhost:${server().port}/shop` });
    expect(error.message).toBe('the server refuses the login: password authentication failed for user "reader"');
  });

  it('does not take a password from the environment', async () => {
    process.env['PGPASSWORD'] = 'reader-secret';
    onTestFinished(() => {
      delete process.env['PGPASSWORD'];
    });
    const { password: _, ...without } = server().connection('reader');
    expect(await outcome(without)).toBe('AUTH');
  });
});

describe.skipIf(isMissing)('TLS', () => {
  const tls = (ssl: PostgresConnection['ssl'], more: Partial<PostgresConnection> = {}, user = 'secured') =>
    outcome(server().connection(user, { ssl, ...more }));

  it('checks what it is asked to check', async () => {
    const { ca, otherCa } = server().certificates;
    // The certificate is for localhost.
    const byAddress = { host: '127.0.0.1' };
    expect(await tls({ mode: 'disable' })).toBe('TLS');
    expect(await tls({ mode: 'require' })).toBe('works');
    expect(await tls({ mode: 'require', ca: otherCa })).toBe('TLS');
    expect(await tls({ mode: 'require', ca }, byAddress)).toBe('works');
    expect(await tls({ mode: 'verify-ca', ca })).toBe('works');
    expect(await tls({ mode: 'verify-ca', ca }, byAddress)).toBe('works');
    expect(await tls({ mode: 'verify-ca', ca: otherCa })).toBe('TLS');
    expect(await tls({ mode: 'verify-ca' })).toBe('TLS');
    expect(await tls({ mode: 'verify-full', ca })).toBe('works');
    expect(await tls({ mode: 'verify-full', ca }, byAddress)).toBe('TLS');
    expect(await tls({ mode: 'verify-full', ca: otherCa })).toBe('TLS');
    expect(await tls({ mode: 'verify-full', ca: 'no certificate' })).toBe('TLS');
  });

  it('is in use when it is asked for', async () => {
    const { ca } = server().certificates;
    const connection = server().connection('secured', { ssl: { mode: 'verify-full', ca } });
    const query = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()';
    const extracted = await extractWith(connection, { from: { query } });
    expect(await extracted.rows('ssl')).toEqual([{ ssl: true }]);
  });

  it('has certificates of clients', async () => {
    const { ca, cert, key } = server().certificates;
    expect(await tls({ mode: 'verify-full', ca, cert, key }, {}, 'certified')).toBe('works');
    expect(await tls({ mode: 'verify-full', ca }, {}, 'certified')).toBe('AUTH');
  });

  it('cannot be had of a server that has none', async () => {
    const port = await listen((socket) => socket.once('data', () => socket.write('N')));
    expect(await tls({ mode: 'require' }, { port })).toBe('TLS');
  });
});

describe.skipIf(isMissing)('a server that cannot be reached', () => {
  const refused = (more: Partial<PostgresConnection>) =>
    failure(openPostgres(server().connection('reader', more), { clock: systemClock }));

  it('is tried again as often as wanted', async () => {
    let tries = 0;
    const port = await listen((socket) => {
      tries++;
      if (tries < 3) socket.destroy();
      else forward(socket);
    });
    const { count } = await extractWith(server().connection('reader', { port, attempts: 3 }), ONE);
    expect([count, tries]).toEqual([1, 3]);
    tries = -10;
    expect(await refused({ port, attempts: 2 })).toMatchObject({ code: 'CONNECTION', exitCode: 3, retryable: true });
    expect(tries).toBe(-8);
  });

  it('is told from one that refuses the login, which is not tried again', async () => {
    let tries = 0;
    const port = await listen((socket) => {
      tries++;
      forward(socket);
    });
    expect(await refused({ port, attempts: 3, password: 'wrong' })).toMatchObject({ code: 'AUTH' });
    expect(tries).toBe(1);
  });

  it('has a code, a place and a hint', async () => {
    const port = await listen(() => undefined);
    const silent = await refused({ port, connectTimeoutMs: 300 });
    expect(silent).toMatchObject({ code: 'CONNECTION', retryable: true, place: `postgres://localhost:${port}/shop` });
    expect(silent.message).toBe('there is no connection to the server: timeout expired');
    expect(await refused({ host: 'no-such-host.invalid', attempts: 5 })).toMatchObject({ code: 'CONNECTION' });
    const closed = await refused({ port: 1 });
    expect(closed).toMatchObject({ code: 'CONNECTION', retryable: true });
    expect(closed.message).toMatch(/ECONNREFUSED/);
    expect(closed.hint).toMatch(/host and port/);
  });
});

describe.skipIf(isMissing)('a connection that breaks', () => {
  const SLOW = {
    query: "SELECT i, repeat('x', 1000) AS x, pg_sleep(0.002) IS NULL AS waited FROM generate_series(1, 100000) AS i",
  };
  const terminate = () =>
    server().sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lakeledger'");

  it('before the first row is made again', async () => {
    const session = await connect(server().connection('reader', { attempts: 2 }));
    await terminate();
    expect((await extractBy(session, ONE)).count).toBe(1);
    await terminate();
    expect(await session.describe(ONE.from)).toMatchObject({ kind: 'query' });
  });

  it('between the rows is an error, and nothing is left', async () => {
    for (const how of ['terminate', 'kill', 'cut'] as const) {
      const sockets: Socket[] = [];
      const port = await listen((socket) => sockets.push(socket, forward(socket)));
      const session = await connect(server().connection('reader', { port, attempts: 3 }));
      const scratch = tempFolder();
      let cut = false;
      const pulling = session.pull(
        { from: SLOW, executionDate: '2026-11-28' },
        {
          scratch,
          name: 'one',
          onProgress: (rows) => {
            if (rows < 20 || cut) return;
            cut = true;
            if (how === 'terminate') void terminate();
            else if (how === 'cut') for (const socket of sockets) socket.destroy();
            else void server().stop('kill');
          },
        },
      );
      const error = await failure(pulling);
      expect(error, how).toMatchObject({ code: 'CONNECTION', exitCode: 3, retryable: true });
      expect(error.place).toBe(`postgres://localhost:${port}/shop#query`);
      expect(readdirSync(scratch)).toEqual([]);
      if (how === 'kill') await server().restart();
    }
  });

  it('can be used after an error', async () => {
    const session = await connect(server().connection());
    await failure(extractBy(session, { from: table('no such table') }));
    await failure(
      extractBy(session, { from: { query: 'SELECT 1 / (i - 5000) AS n FROM generate_series(1, 9999) AS i' } }),
    );
    expect((await extractBy(session, ONE)).count).toBe(1);
  });
});

describe.skipIf(isMissing)('limits', () => {
  it('are those of the connection, on the server', async () => {
    const names = [
      'statement_timeout',
      'lock_timeout',
      'idle_in_transaction_session_timeout',
      'application_name',
      'transaction_read_only',
      'transaction_isolation',
    ];
    const query = `SELECT ${names.map((name) => `current_setting('${name}') AS ${name}`).join(', ')}`;
    const extracted = await extractWith(server().connection(), { from: { query } });
    expect(await extracted.rows(names.join(', '))).toEqual([
      {
        statement_timeout: '1min',
        lock_timeout: '5s',
        idle_in_transaction_session_timeout: '1min',
        application_name: 'lakeledger',
        transaction_read_only: 'on',
        transaction_isolation: 'repeatable read',
      },
    ]);
  });

  it('stop a statement that takes too long', async () => {
    const connection = server().connection('reader', { statementTimeoutMs: 300 });
    const slow = { query: 'SELECT i, pg_sleep(0.01) IS NULL AS x FROM generate_series(1, 1000) AS i' };
    const error = await failure(extractWith(connection, { from: slow }));
    expect(error).toMatchObject({ code: 'TIMEOUT', exitCode: 3, retryable: true });
    expect(error.message).toBe('the server stopped the statement: canceling statement due to statement timeout');
    expect(error.hint).toMatch(/statement_timeout/);
  });

  it('stop the wait for a lock', async () => {
    await server().sql('CREATE TABLE locked (n integer)');
    const db = await server().client();
    await db.query('BEGIN; LOCK TABLE locked');
    const connection = server().connection('reader', { lockTimeoutMs: 200 });
    const error = await failure(extractWith(connection, { from: table('locked') }));
    await db.query('ROLLBACK');
    expect(error).toMatchObject({ code: 'TIMEOUT', retryable: true });
    expect(error.message).toMatch(/a lock was not to be had in time/);
  });

  it('of the disk are an error of the storage', async () => {
    const session = await connect(server().connection());
    const pulling = session.pull(
      { ...ONE, executionDate: '2026-11-28' },
      { scratch: `${tempFolder()}/none`, name: 'one' },
    );
    expect(await failure(pulling)).toMatchObject({ code: 'STORAGE', retryable: true });
    expect((await extractBy(session, ONE)).count).toBe(1);
  });
});

describe.skipIf(isMissing)('a signal', () => {
  const START = { executionDate: '2026-11-28' };

  async function abortDuring(query: string, mode: PostgresConnection['ssl']['mode']): Promise<void> {
    const stop = new AbortController();
    const ssl = { mode, ca: server().certificates.ca };
    const session = await connect(server().connection('reader', { ssl, attempts: 3 }), stop.signal);
    const scratch = tempFolder();
    const pulling = session.pull({ from: { query }, ...START }, { scratch, name: 'one' }).then(
      () => 'it ended',
      (error: unknown) => error,
    );
    await eventually(async () => (await working()) > 0);
    const started = Date.now();
    stop.abort(new Error('enough'));
    expect(await pulling).toMatchObject({ message: 'enough' });
    await eventually(async () => (await working()) === 0);
    expect(Date.now() - started).toBeLessThan(4000);
    expect(readdirSync(scratch)).toEqual([]);
  }

  it('ends what the server is doing, also when that sends nothing', async () => {
    await abortDuring('SELECT pg_sleep(60) IS NULL AS x', 'disable');
    await abortDuring('SELECT pg_sleep(60) IS NULL AS x', 'verify-full');
  });

  it('ends rows that are coming', async () => {
    await abortDuring(
      "SELECT i, repeat('x', 1000) AS x, pg_sleep(0.001) IS NULL AS y FROM generate_series(1, 100000) AS i",
      'disable',
    );
  });

  it('ends the wait for a server', async () => {
    const port = await listen(() => undefined);
    const connection = server().connection('reader', { port, attempts: 5 });
    const silent = openPostgres(connection, { clock: systemClock, signal: AbortSignal.timeout(200) });
    await expect(silent).rejects.toMatchObject({ name: 'TimeoutError' });
    const gone = AbortSignal.timeout(300);
    const closed = openPostgres(server().connection('reader', { port: 1, attempts: 20 }), {
      clock: systemClock,
      signal: gone,
    });
    await expect(closed).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it('that came before has nothing begin', async () => {
    const signal = AbortSignal.abort(new Error('too late'));
    await expect(openPostgres(server().connection(), { clock: systemClock, signal })).rejects.toThrow('too late');
  });
});

describe.skipIf(isMissing)('extractTable', () => {
  it('does all of it, tells how far it is and leaves one file', async () => {
    const duckdb = await Session.open();
    onTestFinished(() => duckdb.close());
    const scratch = tempFolder();
    const told: [number, number][] = [];
    const query = "SELECT i, repeat('x', 100) AS x FROM generate_series(1, 10000) AS i";
    const extraction = await extractTable(
      server().connection(),
      { from: { query }, executionDate: '2026-11-28' },
      {
        session: duckdb,
        scratch,
        name: 'some [1] name',
        clock: systemClock,
        onProgress: (rows, bytes) => told.push([rows, bytes]),
      },
    );
    expect(extraction).toMatchObject({ rows: 10_000, snapshot: { serverVersion: expect.stringMatching(/^\d+\./) } });
    expect(extraction.snapshot.at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(told.at(-1)?.[0]).toBe(10_000);
    expect(told.at(-1)?.[1]).toBeGreaterThan(1_000_000);
    expect(readdirSync(scratch)).toEqual(['some [1] name.parquet']);
    const [times] = await duckdb.rows(
      'SELECT min(_extracted_at) = $at::TIMESTAMPTZ AND max(_extracted_at) = $at::TIMESTAMPTZ AS are_equal FROM read_parquet($file)',
      { at: extraction.snapshot.at, file: extraction.file.replace('[', '[[]') },
    );
    expect(times).toEqual({ are_equal: true });
    expect(await working()).toBe(0);
    await extraction.drop();
    expect(readdirSync(scratch)).toEqual([]);
  });
});
