import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { failure, openStage } from '../../support/stage.js';

const zstd = existsSync('/usr/bin/zstd');
if (!zstd) console.log('skipped: the command zstd is not installed');

describe.skipIf(!zstd)('zstd', () => {
  const pack = (bytes: Uint8Array, ...flags: string[]) =>
    execFileSync('zstd', ['-q', '-c', ...flags], { input: bytes, maxBuffer: 1e9 });
  const text = `a,b\n${Array.from({ length: 200_000 }, (_, i) => `${i},${(i * 7919) % 1013}é`).join('\n')}\n`;
  const bytes = Buffer.from(text);

  test.each([
    ['one frame', () => pack(bytes)],
    ['without checksum', () => pack(bytes, '--no-check')],
    ['two frames', () => Buffer.concat([pack(bytes.subarray(0, 77_777)), pack(bytes.subarray(77_777), '-19')])],
    ['a frame to be skipped', () => Buffer.concat([Buffer.from('502a4d180400000061626364', 'hex'), pack(bytes)])],
  ])('%s', async (_, packed) => {
    const stage = await openStage();
    expect(await stage.content('a.csv.zst', packed())).toMatchObject({ rows: 200_000, rejected: 0 });
    expect((await stage.values(0)).slice(-1)).toEqual([['199999', `${(199_999 * 7919) % 1013}é`]]);
  });

  test.each([
    ['cut off', (packed: Buffer) => packed.subarray(0, packed.length - 9), 'early'],
    ['cut off between frames', (packed: Buffer) => packed.subarray(0, packed.length - 4), 'early'],
    ['a byte changed', (packed: Buffer) => packed.fill(packed[50_000]! ^ 1, 50_000, 50_001), 'damaged'],
    ['another checksum', (packed: Buffer) => packed.fill(packed.at(-1)! ^ 1, packed.length - 1), 'checksum'],
    ['text after it', (packed: Buffer) => Buffer.concat([packed, Buffer.from('a,b\n')]), 'something else'],
  ])('%s is refused', async (_, damage, message) => {
    const stage = await openStage();
    const error = await failure(stage.content('a.csv.zst', damage(pack(bytes))));
    expect(error).toMatchObject({ code: 'SOURCE_FORMAT' });
    expect(error.message).toContain(message);
    expect(await stage.stage.groups()).toEqual([]);
  });
});
