import type { ObjectStore } from '../../storage/object-store.js';
import { listRawCopies } from '../load/raw-copy.js';
import type { FileEvent } from '../model.js';

/** What a raw copy and its manifest say of a load. */
interface KeptFacts {
  readonly path: string;
  readonly size: number;
  readonly ingest: Readonly<Record<string, unknown>>;
}

function contentKey(path: string, sha: string): string {
  return `${sha}\n${path}`;
}

async function readKept(store: ObjectStore, source: string): Promise<ReadonlyMap<string, KeptFacts>> {
  const kept = new Map<string, KeptFacts>();
  for (const { manifests, sha, path, size } of await listRawCopies(store, source)) {
    for (const { path: delivered, ingest } of manifests) {
      kept.set(contentKey(delivered, sha), { path, size, ingest: ingest ?? {} });
    }
  }
  return kept;
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : null;
}

function withFacts(event: FileEvent, { path, size, ingest }: KeptFacts): FileEvent {
  const { location, format } = ingest;
  return {
    ...event,
    gitSha: event.gitSha ?? text(ingest['git_sha']),
    size: event.size ?? size,
    businessDate: event.businessDate ?? text(ingest['business_date']),
    schemaVersion: event.schemaVersion ?? count(ingest['schema_version']),
    detail: {
      ...(text(location) === null ? {} : { location }),
      ...(text(format) === null ? {} : { format }),
      ...event.detail,
      raw_path: path,
    },
  };
}

/** Adds to rebuilt events what the raw copies of their bytes still tell: where the file was, its business date, its copy. */
export async function addKeptFacts<T extends { readonly event: FileEvent }>(
  store: ObjectStore,
  events: readonly T[],
): Promise<T[]> {
  const bySource = new Map<string, ReadonlyMap<string, KeptFacts>>();
  for (const source of new Set(events.map(({ event }) => event.source))) {
    bySource.set(source, await readKept(store, source));
  }
  return events.map((one) => {
    const { event } = one;
    const facts = bySource.get(event.source)?.get(contentKey(event.path, event.sha));
    return facts === undefined || event.detail['raw_path'] !== undefined
      ? one
      : { ...one, event: withFacts(event, facts) };
  });
}
