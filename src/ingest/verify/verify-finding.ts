/** What can be wrong between the ledger, a target, the raw copies and the sources. */
export type VerifyKind =
  | 'missing_in_bronze'
  | 'not_in_ledger'
  | 'row_count'
  | 'rows_changed'
  | 'doubled'
  | 'superseded_still_there'
  | 'raw_missing'
  | 'raw_changed'
  | 'source_changed'
  | 'source_missing'
  | 'open_batch'
  | 'delta';

/** Something that is not as it should be; one of level `info` is only worth knowing. */
export interface VerifyFinding {
  readonly kind: VerifyKind;
  readonly level: 'error' | 'info';
  readonly target: string;
  readonly source: string | null;
  readonly path: string | null;
  /** SHA-256 of the bytes that the finding is about. */
  readonly sha: string | null;
  readonly expected: number | string | null;
  readonly found: number | string | null;
  /** One sentence for people. */
  readonly message: string;
  /** What to do about it; null when there is nothing to do. */
  readonly hint: string | null;
  /** Whether `--repair` brought the ledger in order. */
  readonly repaired: boolean;
}
