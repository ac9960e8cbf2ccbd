import { z } from 'zod';
import { usageError } from '../../base/lake-error.js';
import { fillSql, readSqlFile } from '../../base/sql-file.js';
import { EVENT_TABLE } from '../../ledger/index.js';
import { type CanonicalManifest, parseManifest } from '../../manifest/index.js';
import { type LedgerWriter, type RecordContext, recordManifests } from '../events/record-events.js';
import type { TargetReader } from '../verify/loaded-groups.js';

/** The version of the format. */
const VERSION = 1;

const fileSchema = z.object({
  version: z.literal(VERSION, `expected ${VERSION}: this file was made by a newer version, or is no state`),
  events: z.array(z.looseObject({}), 'expected the list of events that "state export" writes'),
});

export interface ImportResult {
  /** Events in the file. */
  readonly events: number;
  /** Those that the ledger did not have. */
  readonly recorded: number;
  readonly known: number;
  readonly dry_run: boolean;
}

async function* storedEvents({ session, catalog }: TargetReader) {
  const table = catalog.table(EVENT_TABLE);
  const snapshot = await table.findSnapshot();
  if (snapshot === undefined) return;
  const events = await table.scan({ slot: 'exported', snapshot, files: snapshot.files });
  for await (const rows of session.stream(fillSql(readSqlFile('ingest', 'state_events'), { events }))) {
    for (const row of rows) yield { id: String(row['event_id']), manifest: String(row['manifest']) };
  }
}

/** The state of a lake as the text of a JSON file, in pieces: every event of ingest as the manifest that told of it. */
export async function* exportState(deps: TargetReader): AsyncGenerator<string> {
  let before = `{"version":${VERSION},"events":[\n`;
  for await (const { manifest } of storedEvents(deps)) {
    yield `${before}${manifest.replaceAll('\n', ' ')}`;
    before = ',\n';
  }
  yield before.startsWith('{') ? `${before}]}\n` : '\n]}\n';
}

function parseEvent(value: Record<string, unknown>, index: number): CanonicalManifest {
  const place = `events[${index}]`;
  const [part] = parseManifest(value, JSON.stringify(value));
  if (part === undefined || !('manifest' in part)) {
    const field = part?.problem.field == null ? '' : `${part.problem.field}: `;
    throw usageError(`an event is no manifest: ${field}${part?.problem.message ?? 'nothing in it'}`, { place });
  }
  if (part.manifest.target_backend !== 'DELTA' || typeof value['ingest'] !== 'object' || value['ingest'] === null) {
    throw usageError('this is a manifest, and no event of ingest', {
      place,
      hint: '"lakeledger record" takes manifests; "state import" takes what "state export" wrote',
    });
  }
  return part.manifest;
}

/** Reads the text of a state file. Throws a usage error that says where it is none. */
export function parseState(text: string): readonly CanonicalManifest[] {
  const hint = 'give the file that "lakeledger state export" wrote';
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw usageError(`the state is no JSON: ${error instanceof Error ? error.message : error}`, { hint, cause: error });
  }
  const { success, data, error } = fileSchema.safeParse(json);
  if (success) return data.events.map(parseEvent);
  const [issue] = error.issues;
  throw usageError(`this is no state: ${issue?.path.join('.') || 'the file'}: ${issue?.message}`, { hint });
}

async function countNew(deps: TargetReader, manifests: readonly CanonicalManifest[]): Promise<number> {
  const ids = new Set(manifests.map(({ event_id }) => event_id));
  for await (const { id } of storedEvents(deps)) ids.delete(id);
  return ids.size;
}

/** Records the events of a state file; those that the ledger has already change nothing. */
export async function importState(
  deps: LedgerWriter,
  manifests: readonly CanonicalManifest[],
  options: RecordContext & { readonly dryRun?: boolean },
): Promise<ImportResult> {
  const { dryRun = false } = options;
  const empty = manifests.length === 0;
  const recorded = dryRun || empty ? await countNew(deps, manifests) : await recordManifests(deps, manifests, options);
  return { events: manifests.length, recorded, known: manifests.length - recorded, dry_run: dryRun };
}
