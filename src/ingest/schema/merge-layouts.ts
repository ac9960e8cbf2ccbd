import { classifyDrift, type LayoutColumn } from './drift.js';
import type { SchemaVersion, VersionDrift } from './history.js';
import { type DatasetColumn, NO_TYPE } from './model.js';

/** A file that came with a layout. */
export interface SeenFile {
  /** Its place among the files of the batch. */
  readonly no: number;
  readonly path: string;
  readonly sha: string;
  /** `YYYY-MM-DD` */
  readonly businessDate: string | null;
}

/** A layout of a batch with its files. */
export interface SeenLayout {
  readonly fingerprint: string;
  readonly columns: readonly DatasetColumn[];
  /** The contract stopped it: it waits to be accepted. */
  readonly pending: boolean;
  readonly files: readonly SeenFile[];
}

interface Batch {
  readonly dataset: string;
  readonly runId: string;
  readonly layouts: readonly SeenLayout[];
  /** ISO 8601 UTC. */
  readonly now: string;
}

/** Columns as drift compares them. */
export function layoutColumns(columns: readonly DatasetColumn[]): LayoutColumn[] {
  return columns.map(({ published, type, fileType }) => ({
    name: published,
    ...(type === NO_TYPE ? {} : { type }),
    ...(fileType === undefined ? {} : { fileType }),
  }));
}

/** The version that the newest files came with; one that waits to be accepted only when there is no other. */
export function newestVersion(versions: readonly SchemaVersion[]): SchemaVersion | undefined {
  const key = (v: SchemaVersion) => [v.lastSeenAt, v.lastBusinessDate ?? '', v.lastFile].join('\n');
  const accepted = versions.filter(({ status }) => status === 'accepted');
  const candidates = accepted.length === 0 ? [...versions] : accepted;
  return candidates.sort((a, b) => (key(a) < key(b) ? -1 : 1)).at(-1);
}

function driftBetween(from: SchemaVersion | undefined, to: SchemaVersion, file: SeenFile): VersionDrift {
  const next = layoutColumns(to.columns);
  const previous = from === undefined ? next : layoutColumns(from.columns);
  const at = { from: from?.version ?? null, file: file.path, business_date: file.businessDate };
  return { ...at, ...classifyDrift(previous, next) };
}

function newVersion(batch: Batch, layout: SeenLayout, at: { version: number; file: SeenFile }): SchemaVersion {
  const { file, version } = at;
  return {
    dataset: batch.dataset,
    version,
    fingerprint: layout.fingerprint,
    columns: layout.columns,
    drifts: [],
    status: layout.pending ? 'pending' : 'accepted',
    firstFile: file.path,
    lastFile: file.path,
    firstSha: file.sha,
    firstSeenAt: batch.now,
    lastSeenAt: batch.now,
    firstBusinessDate: file.businessDate,
    lastBusinessDate: file.businessDate,
    acceptedAt: layout.pending ? null : batch.now,
    acceptedBy: null,
    reason: null,
    runId: batch.runId,
  };
}

/** A column that had no type when it was seen has one as soon as a value comes. */
function withTypes(columns: readonly DatasetColumn[], newer: readonly DatasetColumn[]): readonly DatasetColumn[] {
  return columns.map((column, i) => {
    const known = newer[i];
    return column.type === NO_TYPE && known !== undefined && known.type !== NO_TYPE ? known : column;
  });
}

/** The version with one more file: dates tell which is the first and the last, or else the order in which they come. */
function withFile(version: SchemaVersion, layout: SeenLayout, at: { file: SeenFile; now: string }): SchemaVersion {
  const { path, sha, businessDate: date } = at.file;
  const { firstBusinessDate: first, lastBusinessDate: last } = version;
  const earlier = date !== null && (first === null || date < first);
  const later = date === null || last === null || date >= last;
  const accepted = version.status === 'pending' && !layout.pending;
  return {
    ...version,
    columns: withTypes(version.columns, layout.columns),
    ...(earlier ? { firstFile: path, firstSha: sha, firstBusinessDate: date } : {}),
    ...(later ? { lastFile: path, lastBusinessDate: date ?? last } : {}),
    ...(accepted ? { status: 'accepted', acceptedAt: at.now } : {}),
    lastSeenAt: at.now,
  };
}

/** Whether a file continues its layout; one from before its last, or known from an earlier try of the batch, does not. */
function isNews(version: SchemaVersion | undefined, { path, businessDate }: SeenFile): boolean {
  if (version === undefined) return true;
  const { firstFile, lastFile, lastBusinessDate: last } = version;
  return path !== firstFile && path !== lastFile && (businessDate === null || last === null || businessDate >= last);
}

/** Adds that files of this layout came after files of another one, unless that was so before. */
function withDrift(version: SchemaVersion, drift: VersionDrift): SchemaVersion {
  const known = version.drifts.some(({ from }) => from === drift.from);
  return known ? version : { ...version, drifts: [...version.drifts, drift] };
}

/** The versions of a dataset after a batch, and those of them that are to be written. Pure. */
export function mergeLayouts(
  known: readonly SchemaVersion[],
  batch: Batch,
): { readonly all: readonly SchemaVersion[]; readonly changed: readonly SchemaVersion[] } {
  const versions = new Map(known.map((version) => [version.fingerprint, version]));
  let before = newestVersion(known)?.fingerprint;
  let next = Math.max(0, ...known.map(({ version }) => version)) + 1;
  const files = batch.layouts.flatMap((layout) => layout.files.map((file) => ({ file, layout })));
  for (const { file, layout } of files.sort((a, b) => a.file.no - b.file.no)) {
    const { fingerprint } = layout;
    const found = versions.get(fingerprint);
    const made = found ?? newVersion(batch, layout, { version: next++, file });
    const grown = withFile(made, layout, { file, now: batch.now });
    const previous = before === undefined ? undefined : versions.get(before);
    const changes = before !== fingerprint && isNews(found, file);
    const drifted = changes ? withDrift(grown, driftBetween(previous, grown, file)) : grown;
    versions.set(fingerprint, drifted);
    // A layout that is kept out is none that the next file follows.
    if (drifted.status === 'accepted') before = fingerprint;
  }
  const all = [...versions.values()].sort((a, b) => a.version - b.version);
  return { all, changed: all.filter((version) => !known.includes(version)) };
}
