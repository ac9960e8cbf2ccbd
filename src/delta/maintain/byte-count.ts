const UNITS: Readonly<Record<string, number>> = { '': 0, b: 0, k: 1, m: 2, g: 3, t: 4 };

/** Bytes of a size such as `134217728`, `128mb` or `1 GiB` (Spark's byte strings: powers of 1024); undefined for anything else. */
export function byteCount(text: string | undefined): number | undefined {
  const [, digits, unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*(b|[kmgt](?:i?b)?)?\s*$/i.exec(text ?? '') ?? [];
  const power = UNITS[unit.charAt(0).toLowerCase()];
  if (digits === undefined || power === undefined) return undefined;
  return Math.round(Number(digits) * 1024 ** power);
}
