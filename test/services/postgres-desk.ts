import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { systemClock } from '../../src/base/clock.js';
import { Session } from '../../src/duckdb/session.js';
import type { SqlRow } from '../../src/duckdb/values.js';
import {
  type Extraction,
  type ExtractRequest,
  openPostgres,
  type PostgresConnection,
  type PostgresSession,
} from '../../src/sources/index.js';
import type { WatermarkRequest } from '../../src/sources/postgres/model.js';
import { PostgresServer, postgresMissing } from '../support/postgres-server.js';
import { tempFolder } from '../support/temp-folder.js';

export const isMissing = postgresMissing() !== undefined;

/** A server for the tests of a file. */
export function usePostgres(): () => PostgresServer {
  let server: PostgresServer | undefined;
  beforeAll(async () => {
    if (!isMissing) server = await PostgresServer.start();
  });
  afterAll(() => server?.remove());
  return () => {
    if (server === undefined) throw new Error('no server');
    return server;
  };
}

/** A session that is closed when the test is over. */
export async function connect(connection: PostgresConnection, signal?: AbortSignal): Promise<PostgresSession> {
  const session = await openPostgres(connection, { clock: systemClock, ...(signal === undefined ? {} : { signal }) });
  onTestFinished(() => session.close());
  return session;
}

/** What was extracted, and a DuckDB to look at it. */
export interface Extracted extends Omit<Extraction, 'rows'> {
  readonly count: number;
  /** The rows of the file; `what` are columns, `rest` what follows FROM. */
  rows(what?: string, rest?: string): Promise<readonly SqlRow[]>;
  /** Names of the files in the scratch folder. */
  leftovers(): string[];
}

type Request = Omit<ExtractRequest, 'executionDate'> & { readonly executionDate?: string };

/** Extracts by a connection of its own. */
export async function extractWith(connection: PostgresConnection, request: Request): Promise<Extracted> {
  const session = await connect(connection);
  return extractBy(session, request);
}

export async function extractBy(session: PostgresSession, request: Request): Promise<Extracted> {
  const duckdb = await Session.open();
  onTestFinished(() => duckdb.close());
  const scratch = tempFolder();
  const full = { executionDate: '2026-11-28', ...request };
  const extraction = await session.extract(full, { session: duckdb, scratch, name: 'one' });
  return {
    ...extraction,
    count: extraction.rows,
    rows: (what = '*', rest = '') => duckdb.rows(`SELECT ${what} FROM read_parquet('${extraction.file}') ${rest}`),
    leftovers: () => readdirSync(scratch),
  };
}

/** A watermark with defaults. */
export function watermark(column: string, more: Partial<WatermarkRequest> = {}): WatermarkRequest {
  return { column, type: 'timestamp', lower: null, overlap: null, nulls: 'include', lateFrom: null, ...more };
}

export const table = (name: string, schema = 'public') => ({ schema, table: name });
