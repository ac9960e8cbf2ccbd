import { describe, expect, it } from 'vitest';
import { beforeVersion, checkpointPath, commitPath, parseLogPath } from '../../../src/delta/protocol/log-names.js';

const V7 = '00000000000000000007';

describe('parseLogPath', () => {
  it.each([
    [`_delta_log/${V7}.json`, { kind: 'commit', version: 7 }],
    [`_delta_log/${V7}.checkpoint.parquet`, { kind: 'checkpoint', version: 7 }],
    [`_delta_log/${V7}.checkpoint.0000000002.0000000003.parquet`, { kind: 'part', version: 7, part: 2, parts: 3 }],
    [`_delta_log/${V7}.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json`, { kind: 'v2checkpoint', version: 7 }],
    [`_delta_log/${V7}.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.parquet`, { kind: 'v2checkpoint', version: 7 }],
    [`_delta_log/${V7}.crc`, { kind: 'checksum', version: 7 }],
    [`_delta_log/${V7}.00000000000000000009.compacted.json`, { kind: 'compaction', version: 7, end: 9 }],
  ])('knows %s', (path, expected) => {
    expect(parseLogPath(path)).toEqual({ ...expected, path });
  });

  it.each([
    `${V7}.json.tmp`,
    `.${V7}.json`,
    `.${V7}.json.crc`,
    `${V7}.crc.tmp`,
    `${V7}.9.compacted.json`,
    `${V7}.checkpoint.parquet.tmp`,
    `${V7}.checkpoint.1.2.parquet`,
    `_commits/${V7}.80a083e8-7026-4e79-81be-64bd76c43a11.json`,
    '_last_checkpoint',
    '7.json',
    `1${V7}.json`,
    `${V7}.JSON`,
    '',
  ])('leaves "%s" alone', (name) => {
    expect(parseLogPath(`_delta_log/${name}`)).toBeUndefined();
  });
});

describe('a version beyond 2^53', () => {
  it.each(['09007199254740993', '99999999999999999'])('…%s is refused instead of being rounded', (digits) => {
    expect(() => parseLogPath(`_delta_log/000${digits}.json`)).toThrow(expect.objectContaining({ code: 'DELTA_LOG' }));
  });
});

describe('names that are written', () => {
  it('are padded to twenty digits and read back', () => {
    expect(commitPath(0)).toBe('_delta_log/00000000000000000000.json');
    expect(parseLogPath(commitPath(Number.MAX_SAFE_INTEGER))).toMatchObject({ version: Number.MAX_SAFE_INTEGER });
    expect(parseLogPath(checkpointPath(10))).toMatchObject({ kind: 'checkpoint', version: 10 });
  });

  it('beforeVersion sorts between the files of two versions', () => {
    for (const own of [commitPath(10), checkpointPath(10)]) expect(own > beforeVersion(10)).toBe(true);
    for (const older of [commitPath(9), checkpointPath(9)]) expect(older < beforeVersion(10)).toBe(true);
  });
});
