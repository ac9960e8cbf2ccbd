const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#';
const DIGITS: ReadonlyMap<string, number> = new Map(Array.from(ALPHABET, (char, digit) => [char, digit]));
const WORD = 2 ** 32;

/** Bytes as Z85 text (ZeroMQ RFC 32): five characters for four bytes, the last word filled up with zeros. */
export function encodeZ85(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 4) {
    let word = 0;
    for (let j = i; j < i + 4; j++) word = word * 256 + (bytes[j] ?? 0);
    for (let power = 85 ** 4; power >= 1; power /= 85) text += ALPHABET.charAt(Math.floor(word / power) % 85);
  }
  return text;
}

/** The bytes of Z85 text, a multiple of four; undefined when it is none. */
export function decodeZ85(text: string): Uint8Array | undefined {
  if (text.length % 5 !== 0) return undefined;
  const bytes = new Uint8Array((text.length / 5) * 4);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < text.length; i += 5) {
    let word = 0;
    for (let j = i; j < i + 5; j++) {
      const digit = DIGITS.get(text.charAt(j));
      if (digit === undefined) return undefined;
      word = word * 85 + digit;
    }
    if (word >= WORD) return undefined;
    view.setUint32((i / 5) * 4, word);
  }
  return bytes;
}
