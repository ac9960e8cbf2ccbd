import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { countRows, findPython } from '../interop/delta-rs.js';
import { canonicalRows, openLake } from '../support/lake.js';
import { parseManifestText } from '../support/manifests.js';
import { referenceTable } from '../support/reference-ledger.js';
import { tempFolder } from '../support/temp-folder.js';
import { type CliResult, runCli } from './cli.js';
import { logFacts } from './lake-state.js';
import { madeManifests, ndjson } from './made-manifests.js';

const WRITERS = Number(process.env['CRASH_WRITERS'] ?? 4);
const COMMANDS = Number(process.env['CRASH_COMMANDS'] ?? 25);

it(`${WRITERS} processes × ${COMMANDS} commands at once lose and double nothing`, async () => {
  const folder = tempFolder();
  const root = join(folder, 'lake');
  const python = findPython();
  const all: object[] = [];

  /** A command's own manifests, some of keys that every writer has, and some that every writer delivers word for word. */
  function inputOf(writer: number, command: number): string {
    const seed = writer * 1000 + command;
    const manifests = [
      ...madeManifests({ seed, count: 8, keys: 40, days: 6, prefix: `own-${writer}-` }),
      ...madeManifests({ seed, count: 4, keys: 20, days: 6, prefix: 'shared-key-' }),
      ...madeManifests({ seed: command, count: 4, keys: 20, days: 6, prefix: 'shared-manifest-' }),
    ];
    all.push(...manifests);
    const file = join(folder, `${writer}-${command}.ndjson`);
    writeFileSync(file, ndjson(manifests));
    return file;
  }

  const inputs = Array.from({ length: WRITERS }, (_, writer) =>
    Array.from({ length: COMMANDS }, (_, command) => inputOf(writer, command)),
  );
  const started = Date.now();
  const results = await Promise.all(
    inputs.map(async (files) => {
      const done: CliResult[] = [];
      for (const file of files) done.push(await runCli(['record', file, '--lake', root, '-o', 'json']));
      return done;
    }),
  );
  const seconds = (Date.now() - started) / 1000;

  for (const result of results.flat()) expect(result, result.stderr).toMatchObject({ code: 0, signal: null });
  const events = all.flatMap((manifest) => parseManifestText(JSON.stringify(manifest)));
  const lake = await openLake({ root });
  expect(await canonicalRows(lake)).toEqual(referenceTable(events));
  const recorded = await lake.select('SELECT event_id FROM metadata.ingestion_event ORDER BY event_id');
  const expected = [...new Set(events.map((event) => event.event_id))].sort();
  expect(recorded.rows.map((row) => row['event_id'])).toEqual(expected);
  const counted = results.flat().reduce((sum, result) => sum + JSON.parse(result.stdout).events, 0);
  expect(counted).toBe(expected.length);

  const eventTable = join(root, 'metadata', 'ingestion_event');
  const canonicalTable = join(root, 'metadata', 'ingestion_manifest');
  const facts = [logFacts(eventTable), logFacts(canonicalTable)];
  for (const { broken } of facts) expect(broken).toEqual([]);
  // A writer that lost a race cleans up after itself.
  expect(facts.flatMap(({ orphans }) => orphans)).toEqual([]);
  if (python !== undefined) expect(countRows(python, eventTable)).toBe(expected.length);
  const commits = facts.reduce((sum, { commits }) => sum + commits, 0);
  console.log(
    `${WRITERS} × ${COMMANDS} commands in ${seconds.toFixed(1)} s: ${expected.length} events, ${commits} commits (${(commits / seconds).toFixed(1)}/s)`,
  );
});
