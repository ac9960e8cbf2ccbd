import { Decompress } from 'fzstd';
import { XxHash64 } from './xxhash64.js';

/** The packed bytes are not what Zstandard (RFC 8878) allows, or not all there. */
export class ZstdError extends Error {}

const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;
/** What `zstd` itself takes without being told to. */
const MAX_WINDOW = 128 * 1024 * 1024;
const RLE = 1;

interface Frame {
  readonly unpacker: Decompress;
  readonly hash: XxHash64 | undefined;
}

interface FrameHeader {
  readonly length: number;
  readonly window: number;
  readonly hasSum: boolean;
  readonly dictionary: number;
}

/** The header of the frame at the start of `bytes`; undefined when it is not all there. */
function frameHeader(bytes: Buffer): FrameHeader | undefined {
  if (bytes.length < 5) return undefined;
  const descriptor = bytes[4] as number;
  const isSingle = (descriptor & 0x20) !== 0;
  const idBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  const idAt = isSingle ? 5 : 6;
  const length = idAt + idBytes + sizeBytes;
  if (bytes.length < length) return undefined;
  const exponent = bytes[5] as number;
  const size = sizeBytes === 0 ? 0 : Number(readLittle(bytes, idAt + idBytes, sizeBytes)) + (sizeBytes === 2 ? 256 : 0);
  const base = 2 ** (10 + (exponent >> 3));
  const window = isSingle ? size : base + (base / 8) * (exponent & 7);
  return { length, window, hasSum: (descriptor & 4) !== 0, dictionary: Number(readLittle(bytes, idAt, idBytes)) };
}

function readLittle(bytes: Buffer, at: number, count: number): bigint {
  let value = 0n;
  for (let i = count - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[at + i] ?? 0);
  return value;
}

/**
 * Unpacks Zstandard, pushed in pieces of any size: frames one after the other, skippable ones left out. `fzstd` does the work and is given frame by
 * frame, because it does not compare the checksum that most frames end with.
 */
export class ZstdUnpacker {
  #bytes: Buffer = Buffer.alloc(0);
  #frame: Frame | undefined;
  #skip = 0;
  #isLast = false;
  #frames = 0;
  #out: Buffer[] = [];

  /** What these bytes complete. */
  push(chunk: Buffer): Buffer[] {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    while (this.#step()) {
      // Each step consumes something.
    }
    const out = this.#out;
    this.#out = [];
    return out;
  }

  end(): void {
    if (this.#frame !== undefined || this.#skip > 0 || this.#bytes.length > 0 || this.#frames === 0) {
      throw new ZstdError('it ends early');
    }
  }

  /** Consumes the next part; false when more bytes are needed. */
  #step(): boolean {
    if (this.#skip > 0) {
      const count = Math.min(this.#skip, this.#bytes.length);
      this.#skip -= count;
      this.#take(count);
      return count > 0;
    }
    if (this.#frame === undefined) return this.#start();
    return this.#isLast ? this.#finish(this.#frame) : this.#block(this.#frame);
  }

  #take(count: number): Buffer {
    const part = this.#bytes.subarray(0, count);
    this.#bytes = this.#bytes.subarray(count);
    return part;
  }

  #start(): boolean {
    if (this.#bytes.length < 4) return false;
    const magic = this.#bytes.readUInt32LE(0);
    // Bit operations give signed numbers.
    if ((magic & 0xffff_fff0) === (SKIPPABLE | 0)) {
      if (this.#bytes.length < 8) return false;
      this.#skip = this.#bytes.readUInt32LE(4);
      this.#frames++;
      this.#take(8);
      return true;
    }
    if (magic !== MAGIC) throw new ZstdError('something else follows');
    const header = frameHeader(this.#bytes);
    if (header === undefined) return false;
    if (header.dictionary !== 0) throw new ZstdError('it needs a dictionary');
    if (header.window > MAX_WINDOW) throw new ZstdError('its window is larger than 128 MiB');
    const hash = header.hasSum ? new XxHash64() : undefined;
    const unpacker = new Decompress((data) => {
      // A copy: the unpacker writes into its memory again.
      const bytes = Buffer.from(data);
      hash?.update(bytes);
      if (bytes.length > 0) this.#out.push(bytes);
    });
    this.#frame = { unpacker, hash };
    this.#frames++;
    this.#give(unpacker, header.length, false);
    return true;
  }

  #block({ unpacker }: Frame): boolean {
    if (this.#bytes.length < 3) return false;
    const header = this.#bytes.readUIntLE(0, 3);
    const length = 3 + (((header >> 1) & 3) === RLE ? 1 : header >> 3);
    if (this.#bytes.length < length) return false;
    this.#isLast = (header & 1) === 1;
    this.#give(unpacker, length, false);
    return true;
  }

  #finish({ unpacker, hash }: Frame): boolean {
    const length = hash === undefined ? 0 : 4;
    if (this.#bytes.length < length) return false;
    const sum = hash === undefined ? undefined : this.#bytes.readUInt32LE(0);
    this.#give(unpacker, length, true);
    if (hash !== undefined && Number(hash.digest() & 0xffff_ffffn) !== sum)
      throw new ZstdError('its checksum is wrong');
    this.#frame = undefined;
    this.#isLast = false;
    return true;
  }

  #give(unpacker: Decompress, count: number, isLast: boolean): void {
    try {
      unpacker.push(this.#take(count), isLast);
    } catch (error) {
      throw new ZstdError(error instanceof Error ? error.message : String(error));
    }
  }
}
