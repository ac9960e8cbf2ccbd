/** The 64-bit roaring format, read in the plainest way: no table of offsets is used, every value is checked to be above the last. */

class Bytes {
  readonly #view: DataView;
  #at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = at;
  }

  u16(): number {
    this.#at += 2;
    return this.#view.getUint16(this.#at - 2, true);
  }

  u32(): number {
    this.#at += 4;
    return this.#view.getUint32(this.#at - 4, true);
  }

  skip(count: number): void {
    this.#at += count;
  }

  get left(): number {
    return this.#view.byteLength - this.#at;
  }
}

function container(bytes: Bytes, kind: 'run' | 'bitmap' | 'array', count: number): number[] {
  const values: number[] = [];
  if (kind === 'run') {
    for (let n = bytes.u16(); n > 0; n--) {
      const start = bytes.u16();
      const length = bytes.u16();
      for (let i = 0; i <= length; i++) values.push(start + i);
    }
  } else if (kind === 'bitmap') {
    for (let i = 0; i < 65_536; i += 8) {
      const byte = bytes.u16();
      for (let bit = 0; bit < 16; bit++) if (byte & (1 << bit)) values.push(i + bit);
      i += 8;
    }
  } else for (let i = 0; i < count; i++) values.push(bytes.u16());
  return values;
}

function bitmap32(bytes: Bytes): number[] {
  const cookie = bytes.u32();
  const withRuns = (cookie & 0xffff) === 12_347;
  if (!withRuns && cookie !== 12_346) throw new Error('no cookie');
  const containers = withRuns ? (cookie >>> 16) + 1 : bytes.u32();
  if (containers > 65_536) throw new Error('too many containers');
  const flags: number[] = [];
  if (withRuns) for (let i = 0; i < Math.ceil(containers / 8); i += 1) flags.push(byteOf(bytes));
  const heads = Array.from({ length: containers }, () => [bytes.u16(), bytes.u16() + 1] as const);
  if (!withRuns || containers >= 4) bytes.skip(containers * 4);
  return heads.flatMap(([key, count], i) => {
    const run = ((flags[i >> 3] ?? 0) >> (i & 7)) & 1;
    const values = container(bytes, run ? 'run' : count > 4096 ? 'bitmap' : 'array', count);
    if (values.length !== count) throw new Error('another number of values');
    return values.map((value) => key * 65_536 + value);
  });
}

function byteOf(bytes: Bytes): number {
  const two = bytes.u16();
  bytes.skip(-1);
  return two & 0xff;
}

/** The rows of a serialised vector; undefined when it is none, `other format` for the frame of old writers. */
export function referenceRows(vector: Uint8Array): number[] | undefined | 'other format' {
  try {
    const bytes = new Bytes(vector, 0);
    const magic = bytes.u32();
    if (magic !== 1_681_511_377) return 'other format';
    const buckets = bytes.u32();
    if (bytes.u32() !== 0 || buckets > vector.length) return undefined;
    const rows: number[] = [];
    for (let i = 0; i < buckets; i++) {
      const key = bytes.u32();
      for (const low of bitmap32(bytes)) rows.push(key * 2 ** 32 + low);
    }
    if (bytes.left !== 0) return undefined;
    return rows.every((row, i) => i === 0 || row > rows[i - 1]!) ? rows : undefined;
  } catch {
    return undefined;
  }
}
