const MASK = 0xffff_ffff_ffff_ffffn;
const P1 = 0x9e3779b185ebca87n;
const P2 = 0xc2b2ae3d27d4eb4fn;
const P3 = 0x165667b19e3779f9n;
const P4 = 0x85ebca77c2b2ae63n;
const P5 = 0x27d4eb2f165667c5n;
const STRIPE = 32;

const rotate = (value: bigint, by: bigint) => ((value << by) | (value >> (64n - by))) & MASK;
const round = (sum: bigint, input: bigint) => (rotate((sum + input * P2) & MASK, 31n) * P1) & MASK;

/** The upper half of the product of two unsigned 32-bit numbers. */
function upper(a: number, b: number): number {
  const [a0, a1, b0, b1] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  return a1 * b1 + (middle >>> 16) + ((a0 * b1 + (middle & 0xffff)) >>> 16);
}

/** XXH64 with seed 0, as Zstandard sums its content (RFC 8878 §3.1.1). The four lanes are kept in halves of 32 bits: whole numbers of 64 bits are ten times slower. */
export class XxHash64 {
  /** Low and high half of each lane. */
  readonly #lanes = new Uint32Array(8);
  readonly #rest = Buffer.alloc(STRIPE);
  #held = 0;
  #length = 0;

  constructor() {
    const starts = [P1 + P2, P2, 0n, -P1];
    for (const [i, start] of starts.entries()) {
      this.#lanes[2 * i] = Number(start & 0xffff_ffffn);
      this.#lanes[2 * i + 1] = Number((start >> 32n) & 0xffff_ffffn);
    }
  }

  update(bytes: Buffer): void {
    this.#length += bytes.length;
    let at = 0;
    if (this.#held > 0) {
      at = bytes.copy(this.#rest, this.#held, 0, STRIPE - this.#held);
      this.#held += at;
      if (this.#held < STRIPE) return;
      this.#stripes(this.#rest, 0, STRIPE);
      this.#held = 0;
    }
    const end = at + Math.floor((bytes.length - at) / STRIPE) * STRIPE;
    this.#stripes(bytes, at, end);
    this.#held = bytes.copy(this.#rest, 0, end);
  }

  digest(): bigint {
    let hash = P5;
    if (this.#length >= STRIPE) {
      const lanes = [0, 1, 2, 3].map(
        (i) => (BigInt(this.#lanes[2 * i + 1] ?? 0) << 32n) | BigInt(this.#lanes[2 * i] ?? 0),
      );
      hash = lanes.reduce((sum, lane, i) => sum + rotate(lane, [1n, 7n, 12n, 18n][i] ?? 0n), 0n) & MASK;
      for (const lane of lanes) hash = ((hash ^ round(0n, lane)) * P1 + P4) & MASK;
    }
    hash = (hash + BigInt(this.#length)) & MASK;
    let at = 0;
    for (; at + 8 <= this.#held; at += 8) {
      hash = (rotate(hash ^ round(0n, this.#rest.readBigUInt64LE(at)), 27n) * P1 + P4) & MASK;
    }
    if (at + 4 <= this.#held) {
      hash = (rotate(hash ^ ((BigInt(this.#rest.readUInt32LE(at)) * P1) & MASK), 23n) * P2 + P3) & MASK;
      at += 4;
    }
    for (; at < this.#held; at++) hash = (rotate(hash ^ ((BigInt(this.#rest[at] ?? 0) * P5) & MASK), 11n) * P1) & MASK;
    hash = ((hash ^ (hash >> 33n)) * P2) & MASK;
    hash = ((hash ^ (hash >> 29n)) * P3) & MASK;
    return hash ^ (hash >> 32n);
  }

  /** lane = rotate(lane + input * P2, 31) * P1, in halves. */
  #stripes(bytes: Buffer, from: number, to: number): void {
    const lanes = this.#lanes;
    const [p1Low, p1High, p2Low, p2High] = [0x85ebca87, 0x9e3779b1, 0x27d4eb4f, 0xc2b2ae3d];
    for (let at = from; at < to; at += 8) {
      const lane = ((at - from) & 24) >> 2;
      const low = bytes.readUInt32LE(at);
      const high = bytes.readUInt32LE(at + 4);
      const sumLow = (lanes[lane] as number) + (Math.imul(low, p2Low) >>> 0);
      const product = upper(low, p2Low) + Math.imul(low, p2High) + Math.imul(high, p2Low);
      const sumHigh = ((lanes[lane + 1] as number) + product + (sumLow > 0xffff_ffff ? 1 : 0)) | 0;
      const turnedLow = ((sumLow << 31) | (sumHigh >>> 1)) >>> 0;
      const turnedHigh = ((sumHigh << 31) | ((sumLow | 0) >>> 1)) >>> 0;
      lanes[lane] = Math.imul(turnedLow, p1Low);
      lanes[lane + 1] = upper(turnedLow, p1Low) + Math.imul(turnedLow, p1High) + Math.imul(turnedHigh, p1Low);
    }
  }
}
