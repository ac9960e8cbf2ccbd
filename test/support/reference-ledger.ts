import type { CanonicalManifest, Status } from '../../src/manifest/index.js';

/** A canonical row without what depends on the clock and on bookkeeping. */
export interface ReferenceRow {
  readonly manifest_id: string;
  readonly status: Status;
  readonly error_message: string | null;
  readonly reprocess: boolean;
  readonly source_repo: string | null;
  readonly file_path: string | null;
  readonly ingest_date: string;
  readonly pull_ts_utc: string;
  readonly size_bytes: number | null;
  readonly row_count_estimate: number | null;
  readonly target_backend: string | null;
  readonly dest_path: string | null;
  readonly meta: string | null;
}

const METADATA = [
  'source_repo',
  'file_path',
  'ingest_date',
  'pull_ts_utc',
  'size_bytes',
  'row_count_estimate',
  'target_backend',
  'dest_path',
  'meta',
] as const;

function compareText(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function compareEvents(a: CanonicalManifest, b: CanonicalManifest): number {
  return (
    compareText(a.pull_ts_utc, b.pull_ts_utc) ||
    compareText(a.file_path ?? '', b.file_path ?? '') ||
    compareText(a.event_id, b.event_id)
  );
}

const isSuccess = (event: CanonicalManifest) => event.status === 'INGESTED' || event.status === 'REPROCESSED';
const isFailure = (event: CanonicalManifest) => ['FAILED', 'RETRYING', 'QUARANTINED'].includes(event.status);

/** Decision 2 of the requirements, written down as plainly as it can be. */
function referenceRow(key: string, received: readonly CanonicalManifest[]): ReferenceRow {
  const unique = [...new Map(received.map((event) => [event.event_id, event])).values()];
  const events = unique.sort(compareEvents);
  const latest = events.at(-1)!;
  const successes = events.filter(isSuccess);
  const followedBySuccess = (request: CanonicalManifest) =>
    successes.some((success) => compareEvents(request, success) < 0);
  const requests = events.filter((event) => event.reprocess);
  const metadata =
    successes.length > 0
      ? successes[0]!
      : Object.fromEntries(
          METADATA.map((field) => [field, events.map((e) => e[field]).find((v) => v !== null) ?? null]),
        );
  const succeeded =
    successes.some((e) => e.status === 'REPROCESSED') || requests.some(followedBySuccess) ? 'REPROCESSED' : 'INGESTED';
  return {
    manifest_id: key,
    status: successes.length > 0 ? succeeded : latest.status,
    error_message: isFailure(latest) ? latest.error_message : null,
    reprocess: requests.some((request) => !followedBySuccess(request)),
    ...(Object.fromEntries(METADATA.map((field) => [field, (metadata as never)[field]])) as never as Pick<
      ReferenceRow,
      (typeof METADATA)[number]
    >),
  };
}

/** The canonical table of a set of events, keyed by content, sorted by key. */
export function referenceTable(events: readonly CanonicalManifest[]): ReferenceRow[] {
  const groups = new Map<string, CanonicalManifest[]>();
  for (const event of events) groups.set(event.file_sha, [...(groups.get(event.file_sha) ?? []), event]);
  return [...groups]
    .map(([key, group]) => referenceRow(key, group))
    .sort((a, b) => compareText(a.manifest_id, b.manifest_id));
}
