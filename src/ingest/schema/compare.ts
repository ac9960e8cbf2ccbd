import { schemaVersion } from './accept.js';
import { classifyDrift, type Drift, driftWords } from './drift.js';
import type { SchemaVersion } from './history.js';
import { layoutColumns, newestVersion } from './merge-layouts.js';

/** What is different between two versions of a dataset. */
export interface SchemaComparison extends Drift {
  readonly dataset: string;
  /** Null when the dataset has had one layout only. */
  readonly from: number | null;
  readonly to: number;
  /** The first file of version `to`. */
  readonly file: string;
  readonly business_date: string | null;
  /** A line for each kind of change. */
  readonly words: readonly string[];
}

/** The version that a person means who names none: the newest that waits to be accepted, else the one of the newest files. */
export function shownVersion(versions: readonly SchemaVersion[]): SchemaVersion {
  const found = versions.filter(({ status }) => status === 'pending').at(-1) ?? newestVersion(versions);
  if (found === undefined) throw new Error('a dataset without versions');
  return found;
}

/** Compares two versions; by default the one that `shownVersion` finds with the one whose files it came after. */
export function compareVersions(
  versions: readonly SchemaVersion[],
  wanted: { readonly from?: number; readonly to?: number },
): SchemaComparison {
  const to = wanted.to === undefined ? shownVersion(versions) : schemaVersion(versions, wanted.to);
  const before = wanted.from ?? to.drifts.at(-1)?.from ?? null;
  const from = before === null ? undefined : schemaVersion(versions, before);
  const drift = classifyDrift(layoutColumns((from ?? to).columns), layoutColumns(to.columns));
  const entry = to.drifts.find((d) => d.from === before);
  return {
    dataset: to.dataset,
    from: before,
    to: to.version,
    file: entry?.file ?? to.firstFile,
    business_date: entry === undefined ? to.firstBusinessDate : entry.business_date,
    ...drift,
    words: driftWords(drift),
  };
}
