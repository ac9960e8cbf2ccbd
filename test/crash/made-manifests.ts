import { createHash } from 'node:crypto';

/** A repeatable sequence of numbers in [0, 1): mulberry32. */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface MadeOptions {
  readonly seed: number;
  readonly count: number;
  /** Distinct files; fewer than `count`, so that most are delivered more than once. */
  readonly keys: number;
  /** Distinct days, and so partitions. */
  readonly days: number;
  /** Told apart from the keys of other prefixes. */
  readonly prefix?: string;
}

const STATUSES = ['INGESTED', 'INGESTED', 'INGESTED', 'success', 'FAILED', 'RETRYING', 'SKIPPED', 'PENDING'] as const;

export function madeSha(prefix: string, key: number): string {
  return createHash('sha256').update(`${prefix}${key}`).digest('hex');
}

/** Manifests with updates, failures, retries, repeated deliveries and reprocess requests, spread over many partitions. */
export function madeManifests({ seed, count, keys, days, prefix = '' }: MadeOptions): Record<string, unknown>[] {
  const random = randomNumbers(seed);
  const below = (n: number) => Math.floor(random() * n);
  return Array.from({ length: count }, (_, i) => {
    const key = below(keys);
    const status = STATUSES[below(STATUSES.length)] ?? 'INGESTED';
    const time = Date.UTC(2026, 0, 1) + below(days) * 86_400_000 + below(86_400) * 1000;
    const failed = status === 'FAILED' || status === 'RETRYING';
    return {
      file_sha: madeSha(prefix, key),
      source: `owner/repository-${key % 5}`,
      path: `data/${key % 7}/part ${key}.csv`,
      pull_ts_utc: new Date(time).toISOString(),
      size_bytes: below(1_000_000),
      row_count_estimate: i % 11 === 0 ? null : below(10_000),
      target_backend: 'ADLS',
      dest_path: `bronze/${prefix}${key}`,
      status,
      notes: failed ? `attempt ${i} timed out` : null,
      reprocess: below(12) === 0,
      attempt: i,
    };
  });
}

export function ndjson(manifests: readonly unknown[]): string {
  return manifests.map((manifest) => `${JSON.stringify(manifest)}\n`).join('');
}
