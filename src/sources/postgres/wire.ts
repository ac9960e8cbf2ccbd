import type { ConnectionOptions } from 'node:tls';
import type { Client, ClientConfig, FieldDef } from 'pg';
import type { CopyToStreamQuery } from 'pg-copy-streams';
import { postgresError } from './errors.js';
import type { ExtractFrom, PostgresConnection } from './model.js';

/** A row as the server writes its values. */
export type WireRow = Readonly<Record<string, string | null>>;

/** How the sessions of this program are called in `pg_stat_activity`. */
const APPLICATION = 'lakeledger';
const KEEP_ALIVE_MS = 30_000;
/** Longest wait for the server to take a cancel request. */
const CANCEL_MS = 2000;

/** Where an error is: the server, the database and what was read of it. */
export function placeOf({ host, port, database }: PostgresConnection, from?: ExtractFrom): string {
  const server = `postgres://${host.includes(':') ? `[${host}]` : host}:${port}/${database}`;
  if (from === undefined) return server;
  return `${server}#${'query' in from ? 'query' : `${from.schema}.${from.table}`}`;
}

function tlsOptions({ ssl: { mode, ca, cert, key } }: PostgresConnection): ConnectionOptions | false {
  if (mode === 'disable') return false;
  return {
    // As libpq does: who names an authority wants it to count.
    rejectUnauthorized: mode !== 'require' || ca !== undefined,
    ...(mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

function clientConfig(connection: PostgresConnection): ClientConfig {
  const { host, port, database, user, password } = connection;
  return {
    host,
    port,
    database,
    user,
    // A function, so that no environment variable and no file of the user takes its place.
    password: () => password as string,
    // Nothing of PGOPTIONS; what this program sets is set within its transactions, which poolers let through.
    options: `-c application_name=${APPLICATION}`,
    application_name: APPLICATION,
    ssl: tlsOptions(connection),
    connectionTimeoutMillis: connection.connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    types: { getTypeParser: () => (value: string) => value } as unknown as NonNullable<ClientConfig['types']>,
  };
}

/** The part of pg's connection that asks a server to cancel; its types leave it out. */
interface CancelConnection {
  readonly stream: { destroy(): void };
  on(event: 'connect' | 'sslconnect' | 'error' | 'end', listener: () => void): void;
  connect(port: number | string, host?: string): void;
  requestSsl(): void;
  cancel(processID: unknown, secretKey: unknown): void;
}

/** One connection to a server. Connecting rejects with a `LakeError`, statements with the errors of pg: whoever runs them knows what of. */
export class PostgresWire {
  readonly #connection: PostgresConnection;
  readonly #client: Client;
  #lost = false;

  private constructor(connection: PostgresConnection, client: Client) {
    this.#connection = connection;
    this.#client = client;
    client.on('error', () => {
      this.#lost = true;
    });
    client.on('end', () => {
      this.#lost = true;
    });
  }

  /** Connects; one try. */
  static async connect(connection: PostgresConnection, signal?: AbortSignal): Promise<PostgresWire> {
    signal?.throwIfAborted();
    const { Client } = await import('pg');
    const client = new Client(clientConfig(connection));
    const wire = new PostgresWire(connection, client);
    const stop = () => wire.destroy();
    signal?.addEventListener('abort', stop);
    try {
      await client.connect();
      return wire;
    } catch (error) {
      wire.destroy();
      signal?.throwIfAborted();
      throw postgresError(error, placeOf(connection));
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  /** Whether the connection is gone. */
  get isLost(): boolean {
    return this.#lost;
  }

  /** Runs a statement; several at once when there are no values, and the rows are those of the last. */
  async rows(sql: string, values?: readonly unknown[]): Promise<readonly WireRow[]> {
    const result: unknown = await this.#client.query(
      values === undefined ? { text: sql } : { text: sql, values: [...values] },
    );
    const last = (Array.isArray(result) ? result.at(-1) : result) as { readonly rows: WireRow[] };
    return last.rows;
  }

  /** Runs exactly one statement; the server refuses more. The columns of its result. */
  async fields(sql: string): Promise<readonly FieldDef[]> {
    const one = { text: sql, queryMode: 'extended' };
    return (await this.#client.query(one)).fields;
  }

  /** The bytes that a COPY sends. Its `rowCount` is that of the server once a later statement is through. */
  async copy(sql: string): Promise<CopyToStreamQuery> {
    const { to } = await import('pg-copy-streams');
    return this.#client.query(to(sql));
  }

  /** Ends what the server is doing and the connection. A backend that sends nothing does not notice that nobody listens. */
  async cancel(): Promise<void> {
    try {
      if (!this.#lost) await this.#requestCancel();
    } finally {
      this.destroy();
    }
  }

  async #requestCancel(): Promise<void> {
    const { Connection } = await import('pg');
    const { host, port } = this.#connection;
    const ssl = tlsOptions(this.#connection);
    const other = new Connection({ ssl }) as unknown as CancelConnection;
    const { processID, secretKey } = this.#client as unknown as Record<string, unknown>;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, CANCEL_MS);
      const over = () => {
        clearTimeout(timer);
        resolve();
      };
      other.on('error', over);
      other.on('end', over);
      other.on('connect', () => (ssl === false ? other.cancel(processID, secretKey) : other.requestSsl()));
      other.on('sslconnect', () => other.cancel(processID, secretKey));
      if (host.startsWith('/')) other.connect(`${host}/.s.PGSQL.${port}`);
      else other.connect(port, host);
    });
    other.stream.destroy();
  }

  /** Drops the connection without a word. */
  destroy(): void {
    this.#lost = true;
    this.#client.connection.stream.destroy();
  }

  async close(): Promise<void> {
    if (this.#lost) return;
    await this.#client.end().catch(() => undefined);
  }
}
