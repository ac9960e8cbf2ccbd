// Extracts one table of a server in a process of its own and prints what it took; the first argument says which, as JSON.
import { readFileSync, statSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const { built, connection, request, scratch } = JSON.parse(process.argv[2]);
const load = (path) => import(pathToFileURL(`${built}/${path}`).href);
const { openPostgres } = await load('sources/postgres/postgres-session.mjs');
const { Session } = await load('duckdb/session.mjs');

const clock = { now: () => Date.now(), random: () => Math.random() };
const started = performance.now();
const server = await openPostgres(connection, { clock });
const pulled = await server.pull(request, { scratch, name: 'one' });
await server.close();
const between = performance.now();
const bytes = statSync(`${scratch}/one.tsv`).size;
const duckdb = await Session.open();
const { rows, fingerprint } = await pulled.toParquet(duckdb);
const ended = performance.now();
duckdb.close();
const peak = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
const ms = { pull: between - started, write: ended - between };
console.log(JSON.stringify({ rows, fingerprint, bytes, ms, peakMb: Math.round(Number(peak) / 1024) }));
