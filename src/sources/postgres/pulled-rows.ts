import { rm } from 'node:fs/promises';
import type { Session } from '../../duckdb/session.js';
import type { SourceColumn } from './column-types.js';
import type { Extraction, OpenTransactions } from './model.js';
import type { OpenedSnapshot, ServerNow } from './snapshot.js';
import { type PulledFile, readWatermark, writeParquet } from './write-parquet.js';

/** What is known of rows when they have come. */
export interface PulledFacts extends PulledFile {
  readonly parquet: string;
  readonly snapshot: OpenedSnapshot;
  readonly watermark: SourceColumn | undefined;
  /** Rows without a watermark that were left out. */
  readonly leftOut: number;
  readonly canSeeLateRows: boolean;
  readonly notes: readonly string[];
}

/** The start of a transaction as the values of a column may have it. */
function startOf(open: OpenTransactions, kind: SourceColumn['kind'], now: ServerNow): string | undefined {
  const { oldestStartedAt: start, hidden } = open;
  if (hidden || start === null) return undefined;
  if (kind === 'timestamptz') return start;
  if (kind !== 'timestamp' && kind !== 'date') return undefined;
  const [, seconds = '', fraction = ''] = /^(.{19})(.*)\+00$/.exec(start) ?? [];
  const earlier = new Date(Date.parse(`${seconds.replace(' ', 'T')}Z`) - now.zoneSeconds * 1000).toISOString();
  return kind === 'date' ? earlier.slice(0, 10) : `${earlier.slice(0, 19).replace('T', ' ')}${fraction}`;
}

/** A watermark that does not go beyond the start of an open transaction. */
function held(watermark: string | null, facts: PulledFacts): string | null {
  const { open } = facts.snapshot.facts;
  if (watermark === null || (open.count === 0 && !open.hidden)) return watermark;
  const start = startOf(open, facts.watermark?.kind ?? 'text', facts.snapshot.now);
  if (start === undefined) return null;
  return start < watermark ? start : watermark;
}

/** Rows that have come, as a file of text; the server is not needed any more. */
export class PulledRows {
  readonly #facts: PulledFacts;

  constructor(facts: PulledFacts) {
    this.#facts = facts;
  }

  /** How many rows they are. */
  get rows(): number {
    return this.#facts.copied.rows;
  }

  /**
   * Makes the Parquet file and removes the text; DuckDB alone works on it. On failure nothing is left. `session` must be the caller's for as long as that
   * takes.
   */
  async toParquet(session: Session): Promise<Extraction> {
    const { parquet, snapshot, watermark: column, copied, canSeeLateRows, notes } = this.#facts;
    try {
      const { bytes, fingerprint, columns } = await writeParquet(session, this.#facts, parquet);
      const written = columns.find(({ name }) => name === column?.name);
      const found =
        column === undefined || written === undefined
          ? { watermark: null, nulls: 0 }
          : await readWatermark(session, parquet, { column, written, now: snapshot.now });
      await rm(this.#facts.file, { force: true });
      return {
        file: parquet,
        bytes,
        rows: copied.rows,
        columns,
        fingerprint,
        watermark: found.watermark,
        heldWatermark: held(found.watermark, this.#facts),
        nullWatermarks: found.nulls + this.#facts.leftOut,
        lateRows: copied.marked,
        snapshot: snapshot.facts,
        canSeeLateRows,
        notes,
        drop: () => this.drop(),
      };
    } catch (error) {
      await this.drop();
      throw error;
    }
  }

  /** Removes its files. */
  async drop(): Promise<void> {
    for (const file of [this.#facts.file, this.#facts.parquet]) await rm(file, { force: true });
  }
}
