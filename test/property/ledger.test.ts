import fc from 'fast-check';
import { expect, it } from 'vitest';
import { canonicalRows, canonicalState, openLake, recordObjects } from '../support/lake.js';
import { parseManifestText } from '../support/manifests.js';
import { referenceTable } from '../support/reference-ledger.js';

const manifest = fc.record(
  {
    file_sha: fc.constantFrom('a', 'b', 'c'),
    source: fc.constantFrom('o/r', null),
    path: fc.constantFrom('x.csv', 'y.csv', null),
    pull_ts_utc: fc.constantFrom(
      '2026-01-01T00:00:00Z',
      '2026-01-01T00:00:00.000001Z',
      '2026-01-02T00:00:00Z',
      '2025-12-31T23:59:59Z',
    ),
    status: fc.constantFrom(
      'PENDING',
      'PROCESSING',
      'INGESTED',
      'SKIPPED',
      'RETRYING',
      'FAILED',
      'REPROCESSED',
      'QUARANTINED',
    ),
    size_bytes: fc.option(fc.integer({ min: 0, max: 3 })),
    row_count_estimate: fc.option(fc.integer({ min: 0, max: 3 })),
    dest_path: fc.constantFrom('p', 'q', null),
    target_backend: fc.constantFrom('ADLS', null),
    error_message: fc.constantFrom('boom', null),
    notes: fc.constantFrom('note', null),
    reprocess: fc.boolean(),
    extra: fc.constantFrom(1, 'x'),
  },
  { requiredKeys: ['file_sha', 'pull_ts_utc', 'status'] },
);

it('every order, batching and split over parallel runs gives the reference table', { timeout: 280_000 }, async () => {
  const property = fc.asyncProperty(
    fc.array(manifest, { minLength: 1, maxLength: 14 }),
    fc.infiniteStream(fc.nat(1000)),
    async (manifests, random) => {
      const pick = (n: number) => random.next().value % n;
      const shuffled = manifests
        .map((m) => ({ m, at: pick(1000) }))
        .sort((a, b) => a.at - b.at)
        .map(({ m }) => m);
      const doubled = [...shuffled, ...shuffled.filter(() => pick(3) === 0)];
      const expected = referenceTable(manifests.flatMap((m) => parseManifestText(JSON.stringify(m))));

      const whole = await openLake();
      await recordObjects(whole, manifests);
      expect(await canonicalRows(whole)).toEqual(expected);

      const pieces = await openLake();
      const runs = Array.from({ length: 3 }, () => [] as object[]);
      for (const m of doubled) runs[pick(3)]!.push(m);
      const lakes = await Promise.all(runs.map((_, i) => (i === 0 ? pieces : openLake({ root: pieces.catalog.root }))));
      await Promise.all(runs.map((run, i) => recordObjects(lakes[i]!, run, { batchSize: 1 + pick(3) })));
      expect(await canonicalState(pieces)).toEqual(await canonicalState(whole));
      const events = await pieces.select(
        'SELECT count(*) AS n, count(DISTINCT event_id) AS d FROM metadata.ingestion_event',
      );
      const distinct = BigInt(
        new Set(manifests.flatMap((m) => parseManifestText(JSON.stringify(m))).map((e) => e.event_id)).size,
      );
      expect(events.rows).toEqual([{ n: distinct, d: distinct }]);
    },
  );
  await fc.assert(property, { numRuns: Number(process.env['LEDGER_RUNS'] ?? 25) });
});
