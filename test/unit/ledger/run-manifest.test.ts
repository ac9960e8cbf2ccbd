import { describe, expect, it } from 'vitest';
import { compareRuns, isWaiver, parseRunManifest, type RunManifest } from '../../../src/ledger/runs/run-manifest.js';
import { parseManifest } from '../../../src/manifest/index.js';
import { runManifest } from '../../support/run-manifests.js';

const parse = (value: unknown) => parseRunManifest(JSON.stringify(value), 'here.json');

describe('a run manifest', () => {
  it('is read as it was written', () => {
    const manifest = runManifest({
      status: 'failed',
      errors: [{ code: 'STORAGE', message: 'no space', place: 'bronze.orders' }],
      outputs: { orders: { target: 'bronze.orders', version: 3, rows: 12, bytes: 900, fingerprint: 'f1', extra: [1] } },
      skip_check: { state: 'not_succeeded', run_id: null },
      notes: 'half of it',
    });
    expect(parse(manifest)).toEqual(manifest);
  });

  it('of another tool needs only what says which run it was of and how it ended', () => {
    const foreign = {
      source: 'patients',
      run_id: '0d4d',
      ingest_date: '2025-12-09',
      status: 'success',
      started_at: '2025-12-09T12:34:56+01:00',
      errors: ['slow', { message: 'very slow' }],
      outputs: { visits: { row_count: 3 } },
      kms: 'arn',
    };
    expect(parse(foreign)).toEqual({
      source: 'patients',
      source_type: 'file',
      environment: null,
      run_id: '0d4d',
      ingest_date: '2025-12-09',
      status: 'success',
      started_at: '2025-12-09T12:34:56+01:00',
      ended_at: null,
      errors: [
        { code: 'ERROR', message: 'slow', place: null },
        { code: 'ERROR', message: 'very slow', place: null },
      ],
      outputs: { visits: { row_count: 3 } },
      seq: 0,
      actor: 'unknown',
      tool_version: null,
      skip_check: null,
      waived: null,
      rerun: false,
    });
  });

  it.each([
    ['{', /no JSON/],
    ['', /no JSON/],
    ['[]', /no run manifest/],
    ['null', /no run manifest/],
    [JSON.stringify({ ...runManifest(), status: 'SUCCESS' }), /^status/],
    [JSON.stringify({ ...runManifest(), status: undefined }), /^status/],
    [JSON.stringify({ ...runManifest(), ingest_date: '2026-02-30' }), /^ingest_date: is no date/],
    [JSON.stringify({ ...runManifest(), run_id: '' }), /^run_id/],
    [JSON.stringify({ ...runManifest(), started_at: 'yesterday' }), /^started_at/],
    [JSON.stringify({ ...runManifest(), seq: 1.5 }), /^seq/],
    [JSON.stringify({ ...runManifest(), outputs: ['a'] }), /^outputs/],
    [JSON.stringify({ ...runManifest(), waived: 'yes' }), /^waived/],
  ])('that is wrong is a problem with its place: %s', (text, problem) => {
    expect(parseRunManifest(text, 'here.json')).toEqual({
      place: 'here.json',
      problem: expect.stringMatching(problem),
    });
  });

  it('is a waiver only when a person said so and nothing ran', () => {
    const waived = { reason: 'closed', actor: 'ana' };
    expect(isWaiver(runManifest({ status: 'skipped', waived }))).toBe(true);
    expect(isWaiver(runManifest({ status: 'skipped' }))).toBe(false);
    expect(isWaiver(runManifest({ status: 'failed', waived }))).toBe(false);
  });

  it('is later than another by what it saw of the ledger, not by its clock', () => {
    const runs: RunManifest[] = [
      runManifest({ seq: 9, ended_at: '2026-03-01T00:00:00Z', run_id: 'a' }),
      runManifest({ seq: 8, ended_at: '2026-03-09T00:00:00Z', run_id: 'b' }),
      runManifest({ seq: 8, ended_at: '2026-03-09T00:00:00+02:00', run_id: 'c' }),
      runManifest({ seq: 8, ended_at: null, started_at: '2026-03-09T00:00:00.5Z', run_id: 'd' }),
      runManifest({ seq: 8, ended_at: '2026-03-09T00:00:00Z', run_id: 'ab' }),
    ];
    for (const order of [runs, [...runs].reverse()]) {
      expect([...order].sort(compareRuns).map(({ run_id }) => run_id)).toEqual(['c', 'ab', 'b', 'd', 'a']);
    }
  });

  it('is one that `record` takes: a row per output, or one for the run', () => {
    const canonical = (manifest: RunManifest) => {
      const text = JSON.stringify(manifest);
      return parseManifest(JSON.parse(text), text).map((part) => {
        if (!('manifest' in part)) throw part.problem;
        const { meta, ...row } = part.manifest;
        return { ...row, meta: JSON.parse(meta ?? '{}') };
      });
    };
    const sha = 'ab'.repeat(32);
    const rows = canonical(
      runManifest({
        run_id: 'r1',
        outputs: {
          orders: { target: 'bronze.orders', version: 3, rows: 12, bytes: 900, fingerprint: 'f1' },
          'in/a.csv': { target: 'bronze.a', version: 1, rows: 2, bytes: 20, file_sha: sha },
        },
      }),
    );
    expect(rows).toMatchObject([
      { dialect: 'run', status: 'INGESTED', source_repo: 'orders', file_path: 'orders', ingest_date: '2026-03-02' },
      { file_sha: sha, file_path: 'in/a.csv', size_bytes: 20, row_count_estimate: 2 },
    ]);
    // The same table on another day is another thing, whatever its rows are.
    const again = canonical(runManifest({ ingest_date: '2026-03-03', outputs: { orders: { fingerprint: 'f1' } } }));
    expect(again[0]?.file_sha).not.toBe(rows[0]?.file_sha);
    expect(rows[0]?.meta).toMatchObject({ run_id: 'r1', source_type: 'postgres', output: { fingerprint: 'f1' } });
    const failed = runManifest({
      status: 'failed',
      errors: [{ code: 'CONNECT', message: 'refused', place: 'db' }],
    });
    expect(canonical(failed)).toMatchObject([{ status: 'FAILED', error_message: 'refused', file_path: null }]);
    const waived = runManifest({ status: 'skipped', waived: { reason: 'closed', actor: 'ana' }, notes: 'closed' });
    expect(canonical(waived)).toMatchObject([
      { status: 'SKIPPED', meta: { waived: { reason: 'closed' }, notes: 'closed', business_date: '2026-03-02' } },
    ]);
  });
});
