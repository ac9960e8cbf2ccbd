import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { JsonSplitter } from '../../../src/base/json-scanner.js';
import { readManifests, STATUSES } from '../../../src/manifest/index.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lakeledger-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const timestamp = fc
  .date({ min: new Date('0001-01-02T00:00:00Z'), max: new Date('9999-12-30T00:00:00Z'), noInvalidDate: true })
  .map((date) => date.toISOString());
const text = fc.option(fc.string({ unit: 'grapheme', maxLength: 12 }).filter((t) => !t.includes('\0')));
const manifest = fc
  .record(
    {
      file_sha: fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 20 }).filter((t) => t.trim() !== ''),
      status: fc.constantFrom(...STATUSES),
      pull_ts_utc: timestamp,
      source: text,
      path: text,
      size_bytes: fc.option(fc.nat()),
      row_count_estimate: fc.option(fc.nat()),
      reprocess: fc.boolean(),
      notes: text,
      extra: fc.jsonValue({ maxDepth: 3 }),
    },
    { requiredKeys: ['file_sha', 'status', 'pull_ts_utc'] },
  )
  .map((value) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>);

type Bytes = (values: readonly object[]) => Buffer;
const lines = (values: readonly object[]) => values.map((v) => JSON.stringify(v)).join('\n');
const swap = (bytes: Buffer) => Buffer.from(bytes).swap16();
const respelled = (v: object): object => {
  const fields = Object.entries(v).reverse();
  return Object.fromEntries(
    fields.map(([key, value]) => {
      if (key === 'status') return [key, ` ${String(value).toLowerCase()} `];
      if (key === 'size_bytes' || key === 'row_count_estimate') return [key, value === null ? null : `${value}`];
      if (key === 'reprocess') return [key, value === true ? 1 : 'false'];
      if (key === 'pull_ts_utc') return [key, String(value).replace('T', ' ').replace('Z', '+00:00')];
      return [key, value];
    }),
  );
};

const FORMS: Record<string, Bytes> = {
  'NDJSON with CRLF': (v) => Buffer.from(lines(v).replaceAll('\n', '\r\n')),
  'an array': (v) => Buffer.from(JSON.stringify(v)),
  'a pretty-printed array': (v) => Buffer.from(JSON.stringify(v, null, 2)),
  'pretty-printed objects': (v) => Buffer.from(v.map((x) => JSON.stringify(x, null, '\t')).join('\n')),
  concatenated: (v) => Buffer.from(v.map((x) => JSON.stringify(x)).join('')),
  'a byte order mark': (v) => Buffer.from(`\ufeff${lines(v)}`),
  'UTF-16 LE': (v) => Buffer.from(`\ufeff${lines(v)}`, 'utf16le'),
  'UTF-16 BE': (v) => swap(Buffer.from(`\ufeff${lines(v)}`, 'utf16le')),
  gzip: (v) => gzipSync(lines(v)),
  'gzip in two members': (v) => Buffer.concat([gzipSync(`${lines(v)}\n`), gzipSync('\n')]),
  'other spellings': (v) => Buffer.from(lines(v.map(respelled))),
};

async function ids(file: string, stdin?: Readable): Promise<string[]> {
  const found: string[] = [];
  for await (const chunk of readManifests([file], stdin === undefined ? {} : { stdin })) {
    for (const item of chunk) {
      if ('rejection' in item) throw new Error(JSON.stringify(item.rejection));
      found.push(item.manifest.event_id);
    }
  }
  return found;
}

for (const [name, bytes] of Object.entries(FORMS)) {
  it(`the same manifests as ${name} have the same event ids, from a file and from a pipe`, async () => {
    const file = join(folder, `${name.replaceAll(' ', '-')}.json`);
    await fc.assert(
      fc.asyncProperty(
        fc.array(manifest, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 40 }),
        async (values, size) => {
          writeFileSync(file, lines(values));
          const expected = await ids(file);
          expect(expected).toHaveLength(values.length);
          const form = bytes(values);
          writeFileSync(file, form);
          expect(await ids(file)).toEqual(expected);
          const pieces = Array.from({ length: Math.ceil(form.length / size) }, (_, i) =>
            form.subarray(i * size, (i + 1) * size),
          );
          expect(await ids('-', Readable.from(pieces))).toEqual(expected);
        },
      ),
      { numRuns: 40 },
    );
  });
}

it('a different content has a different event id', async () => {
  await fc.assert(
    fc.asyncProperty(manifest, fc.nat(), async (value, size) => {
      fc.pre(value['size_bytes'] !== size);
      const file = join(folder, 'two.ndjson');
      writeFileSync(file, lines([value, { ...value, size_bytes: size }]));
      expect(new Set(await ids(file)).size).toBe(2);
    }),
    { numRuns: 50 },
  );
});

it('the splitter finds the same items wherever the bytes of damaged JSON are cut', () => {
  const damaged = fc
    .tuple(
      fc.array(manifest, { maxLength: 4 }),
      fc.constantFrom('\n', ',', '\n\n', ''),
      fc.array(fc.tuple(fc.nat(), fc.constantFrom('{', '}', '[', ']', '"', '\n', ',', '\\', '')), { maxLength: 4 }),
    )
    .map(([values, separator, edits]) => {
      let json = values.map((v, i) => JSON.stringify(v, null, i % 2)).join(separator);
      for (const [at, char] of edits) {
        const i = json.length === 0 ? 0 : at % json.length;
        json = json.slice(0, i) + char + json.slice(i + 1);
      }
      return Buffer.from(json);
    });
  fc.assert(
    fc.property(damaged, fc.integer({ min: 1, max: 50 }), (bytes, size) => {
      const split = (step: number) => {
        const splitter = new JsonSplitter({ maxBytes: 200, keepBytes: 60 });
        const items = [];
        for (let i = 0; i < bytes.length; i += step)
          items.push(...splitter.push(Buffer.from(bytes.subarray(i, i + step))));
        return [...items, ...splitter.end()];
      };
      const whole = split(Math.max(1, bytes.length));
      expect(split(size)).toEqual(whole);
      expect(split(1)).toEqual(whole);
    }),
    { numRuns: 400 },
  );
});
