/** Random damage to the files of a table. */

export type Files = ReadonlyMap<string, Uint8Array>;

/** Whole numbers from 0 up to `n`, which is not one of them; the same for the same seed (xorshift). */
export type Random = (n: number) => number;

export function randomSource(seed: number): Random {
  let state = (Math.imul(seed, 2_654_435_761) ^ 0x9e3779b9) >>> 0 || 1;
  return (n) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % n;
  };
}

export function pick<T>(random: Random, items: readonly T[]): T {
  return items[random(items.length)]!;
}

const VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1,
  0.5,
  2 ** 31,
  2 ** 53,
  1e308,
  '',
  ' ',
  'a',
  '\u0000',
  '\ud800',
  '../../x',
  '/etc/passwd',
  '%2e%2e/x',
  'file:///x',
  '__proto__',
  'x'.repeat(3000),
  [],
  [[]],
  {},
  { a: 1 },
  '{}',
  '{"numRecords":-1}',
];

type Json = Record<string, unknown> | unknown[];

/** Changes one value, anywhere in a JSON document, in place. */
function changeValue(random: Random, root: Json): void {
  let node: Json = root;
  for (;;) {
    const keys = Object.keys(node);
    if (keys.length === 0) return;
    const key = pick(random, keys);
    const value = (node as Record<string, unknown>)[key];
    if (typeof value === 'object' && value !== null && random(6) !== 0) {
      node = value as Json;
      continue;
    }
    const target = node as Record<string, unknown>;
    const kind = random(8);
    if (kind === 0) delete target[key];
    else if (kind === 1) target[`${key}x`] = value;
    else if (kind === 2) Object.defineProperty(target, '__proto__', { value, enumerable: true, configurable: true });
    else if (kind === 3 && typeof value === 'string') target[key] = changeText(random, value);
    else target[key] = pick(random, VALUES);
    return;
  }
}

function changeText(random: Random, text: string): string {
  const at = random(text.length + 1);
  return (
    text.slice(0, at) + pick(random, ['', '%', '%41', '"', '\\', ' ', '\n', '0', 'é']) + text.slice(at + random(2))
  );
}

const encoder = new TextEncoder();

function lines(bytes: Uint8Array): string[] {
  return Buffer.from(bytes).toString('utf8').split('\n');
}

function flip(random: Random, bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) return bytes;
  const copy = Uint8Array.from(bytes);
  const at = random(copy.length);
  copy[at] = copy[at]! ^ (1 << random(8));
  return copy;
}

/** Damage to the bytes of any file. */
export function damageBytes(random: Random, bytes: Uint8Array): Uint8Array {
  const a = random(bytes.length + 1);
  const b = Math.min(bytes.length, a + random(40));
  switch (random(7)) {
    case 0:
      return bytes.subarray(0, a);
    case 1:
      return Buffer.concat([bytes.subarray(0, a), bytes.subarray(b)]);
    case 2:
      return Buffer.concat([bytes.subarray(0, b), bytes.subarray(a)]);
    case 3: {
      const copy = Uint8Array.from(bytes);
      copy.fill(pick(random, [0, 255, 0x20, 0x30]), a, b);
      return copy;
    }
    case 4:
      return bytes.subarray(a);
    default:
      return flip(random, bytes);
  }
}

/** Damage to a file of JSON lines. */
function damageLines(random: Random, bytes: Uint8Array): Uint8Array {
  const all = lines(bytes);
  const i = random(Math.max(1, all.length - 1));
  const kind = random(10);
  if (kind === 0) all.splice(i, 1);
  else if (kind === 1) all.splice(i, 0, all[i] ?? '');
  else if (kind === 2) all.push(all.splice(i, 1)[0] ?? '');
  else if (kind === 3) return damageBytes(random, bytes);
  else if (kind === 4) all[i] = changeText(random, all[i] ?? '');
  else {
    try {
      const value = JSON.parse(all[i] ?? '');
      if (typeof value === 'object' && value !== null) {
        changeValue(random, value);
        all[i] = JSON.stringify(value);
      }
    } catch {
      return damageBytes(random, bytes);
    }
  }
  return encoder.encode(all.join('\n'));
}

/** One to three damages to the files of a log, of which some are JSON. */
export function damageFiles(random: Random, files: Files): Map<string, Uint8Array> {
  const damaged = new Map(files);
  for (let n = random(3); n >= 0; n--) {
    const paths = [...damaged.keys()];
    if (paths.length === 0) break;
    const path = pick(random, paths);
    const bytes = damaged.get(path)!;
    const other = pick(random, paths);
    const kind = random(24);
    if (kind === 0) damaged.delete(path);
    else if (kind === 1) damaged.set(path, damaged.get(other)!).set(other, bytes);
    else if (kind === 2) damaged.set(path, damaged.get(other)!);
    else damaged.set(path, path.endsWith('.parquet') ? damageBytes(random, bytes) : damageLines(random, bytes));
  }
  return damaged;
}

/** Changes that mean nothing: whatever comes of them, the table is the same. */
export function disguiseFiles(random: Random, files: Files): Map<string, Uint8Array> {
  const disguised = new Map(files);
  for (let n = random(3); n >= 0; n--) {
    const commits = [...disguised.keys()].filter((path) => path.endsWith('.json'));
    const path = pick(random, commits);
    const all = lines(disguised.get(path)!);
    const i = random(Math.max(1, all.length - 1));
    const kind = random(6);
    if (kind === 0) all.splice(i, 0, pick(random, ['', '  ', '\t']));
    else if (kind === 1) all.splice(i, 0, '{"somethingNew":{"a":[1,2,{"b":null}]}}');
    else if (kind === 2) all[i] = ` ${all[i]} `;
    else if (kind === 3)
      disguised.set('_delta_log/_last_checkpoint', damageBytes(random, encoder.encode('{"version":3}')));
    else if (kind === 4)
      disguised.set(`_delta_log/${pick(random, ['.1.tmp', '_x.json', '1.json', '_commits'])}`, encoder.encode('{'));
    else {
      try {
        const line = JSON.parse(all[i] ?? '');
        for (const action of Object.values(line)) Object.assign(action as object, { unknownField: { deep: [null] } });
        all[i] = JSON.stringify(line);
      } catch {
        // An empty line has no field.
      }
    }
    disguised.set(path, encoder.encode(all.join('\n')));
  }
  return disguised;
}
