import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EXIT, LakeError } from '../../../src/base/lake-error.js';
import { FieldProblem } from '../../../src/manifest/fields.js';
import { parseManifest } from '../../../src/manifest/parse-manifest.js';
import { findJsonFault } from '../../../src/manifest/registers/json-fault.js';
import { parseRegister, RegisterProblem, renderRegister } from '../../../src/manifest/registers/register-content.js';
import { findRegisterName, parseRegisterName, registerName } from '../../../src/manifest/registers/register-name.js';
import { countingRecord, newRecord } from '../../../src/manifest/registers/register-record.js';

const A = 'a'.repeat(64);
const B = 'b'.repeat(64);
const metadata = {
  process: 'extractor',
  etl_version: '1.0.0',
  root_dir: 'etl/manifests',
  total_records: 1,
  ts_created: '2025-12-09T12:00:00Z',
  ts_updated: '2025-12-09T12:00:01Z',
};
const record = {
  source_id: 'systems',
  dataset: 'star_systems',
  checksum: A,
  file_path: 'data/raw/systems.json.gz',
  file_size: 1234,
  etag: '"5e8f"',
  ts_downloaded: '2025-12-09T11:59:58Z',
  version: '1.0.0',
};
const register = (change: object = {}, records: object = { [A]: record }) => ({
  metadata: { ...metadata, ...change },
  records,
});

function parse(text: string) {
  return parseRegister(Buffer.from(text));
}

function problem(value: unknown): [line: number, field: string | null, reason: string] {
  const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2);
  try {
    parse(text);
  } catch (error) {
    if (error instanceof RegisterProblem) return [error.line, error.field, error.message];
    throw error;
  }
  throw new Error('accepted');
}

describe('names of registers', () => {
  it.each([
    ['systems_download.manifest.json', 'systems', 'download'],
    ['star_systems_download.manifest.json', 'star_systems', 'download'],
    ['prices-eu_post-validation.manifest.json', 'prices-eu', 'post-validation'],
    ['Bodies2_Ingestion.manifest.json', 'Bodies2', 'Ingestion'],
  ])('%s', (name, domain, process) => {
    expect(parseRegisterName(name)).toEqual({ name, domain, process });
    expect(registerName(domain, process)).toBe(name);
  });

  it.each([
    'systems.manifest.json',
    'systems_download.json',
    '_download.manifest.json',
    '.systems_download.manifest.json',
    'systems_.manifest.json',
    'systems__download.manifest.json',
    'systems_2.manifest.json',
    'a/systems_download.manifest.json',
    'systems_download.manifest.json.corrupt-0123456789abcdef',
    'systems download.manifest.json',
    'système_download.manifest.json',
    '',
  ])('%s is none', (name) => {
    expect(findRegisterName(name)).toBeUndefined();
    expect(() => parseRegisterName(name)).toThrow(
      expect.objectContaining({
        code: 'USAGE',
        exitCode: EXIT.usage,
        hint: expect.stringContaining('<domain>_<process>'),
      }),
    );
  });

  it('are made of a domain and one word', () => {
    expect(() => registerName('systems', 'down_load')).toThrow('"down_load" is not one plain word');
    expect(() => registerName('sys/tems', 'download')).toThrow(LakeError);
  });
});

describe('parseRegister', () => {
  it('takes the register of seed 001, and what it renders', () => {
    const { metadata: found, records, rest } = parse(JSON.stringify(register()));
    expect(found).toEqual(metadata);
    expect([...records]).toEqual([[A, { ...record, ts_downloaded: '2025-12-09T11:59:58.000000Z' }]]);
    expect(rest).toEqual({});
    const bytes = renderRegister({ metadata: found, records, rest });
    expect(renderRegister(parseRegister(bytes)).equals(bytes)).toBe(true);
  });

  it('keeps fields of other tools, numbers of any length among them', () => {
    const text = JSON.stringify({
      ...register({ team: 'x' }, { [A]: { ...record, rows: 5, deep: { list: [1] } } }),
      more: 7,
    });
    const again = renderRegister(parse(text.replace('"rows":5', '"rows":12345678901234567890'))).toString();
    expect(JSON.parse(again)).toMatchObject({
      metadata: { team: 'x' },
      records: { [A]: { rows: '12345678901234567890', deep: { list: [1] } } },
      more: 7,
    });
  });

  it('writes hashes in lower case and counts the records', () => {
    const upper = { ...record, checksum: A.toUpperCase() };
    const bytes = renderRegister(parse(JSON.stringify(register({ total_records: 99 }, { [A.toUpperCase()]: upper }))));
    expect(JSON.parse(bytes.toString())).toMatchObject({
      metadata: { total_records: 1 },
      records: { [A]: { checksum: A } },
    });
  });

  it('gives the ledger the same events after it was written again', () => {
    const events = (text: string) =>
      parseManifest(JSON.parse(text), text).flatMap((part) => ('manifest' in part ? [part.manifest.event_id] : []));
    const legacy = JSON.stringify(
      register(
        {},
        { [A]: { ...record, etag: '', n: 1e3 }, [B]: { ...record, checksum: B, file_size: '12', version: null } },
      ),
    ).replace('"n":1000', '"n":0.12345678901234567890123');
    const before = events(legacy);
    expect(before).toHaveLength(2);
    expect(events(renderRegister(parse(legacy)).toString()).sort()).toEqual(before.sort());
  });

  it('reads UTF-16 and a byte order mark', () => {
    const text = JSON.stringify(register());
    expect(parseRegister(Buffer.from(`\ufeff${text}`, 'utf16le')).records.size).toBe(1);
    expect(parseRegister(Buffer.from(`\ufeff${text}`)).records.size).toBe(1);
  });

  it('gives records that are frozen through and through', () => {
    const [found] = parse(JSON.stringify(register({}, { [A]: { ...record, deep: { list: [{}] } } }))).records.values();
    const deep = found?.['deep'] as { list: object[] };
    expect([found, deep, deep.list, deep.list[0]].map((value) => Object.isFrozen(value))).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(() => Object.assign(found ?? {}, { checksum: B })).toThrow(TypeError);
  });

  it.each<[string, unknown, number, string | null, string]>([
    ['nothing', '', 1, null, 'the file is empty'],
    ['blanks', ' \n', 1, null, 'the file is empty'],
    ['a list', '\n[]', 2, null, 'a register is a JSON object'],
    ['no records', { metadata }, 1, 'records', 'is missing'],
    ['no metadata', { records: {} }, 1, 'metadata', 'is missing'],
    ['records in a list', { metadata, records: [] }, 10, 'records', 'expected an object'],
    ['metadata that are null', { metadata: null, records: {} }, 2, 'metadata', 'expected an object'],
    ['a process of two words', register({ process: 'a b' }), 3, 'metadata.process', 'expected a plain word'],
    ['no version', register({ etl_version: undefined }), 2, 'metadata.etl_version', 'is missing'],
    ['no such day', register({ ts_updated: '2025-13-09T12:00:00Z' }), 8, 'metadata.ts_updated', 'expected an ISO 8601'],
    ['a count below zero', register({ total_records: -1 }), 6, 'metadata.total_records', 'expected a whole number'],
    ['a record that is text', register({}, { [A]: 'x' }), 11, `records.${A}`, 'expected an object'],
    ['an empty file', register({}, { [A]: { ...record, file_size: 0 } }), 16, `records.${A}.file_size`, 'from 1 to'],
    ['no source', register({}, { [A]: { ...record, source_id: ' ' } }), 12, `records.${A}.source_id`, 'not blank'],
    [
      'a field that is missing',
      register({}, { [A]: { ...record, dataset: undefined } }),
      11,
      `records.${A}.dataset`,
      'is missing',
    ],
    [
      'half a hash',
      register({}, { abc: { ...record, checksum: 'abc' } }),
      14,
      'records.abc.checksum',
      '64 hexadecimal',
    ],
    ['another hash', register({}, { [A]: { ...record, checksum: B } }), 14, `records.${A}.checksum`, 'filed under'],
  ])('refuses %s with its line and field', (_, value, line, field, reason) => {
    expect(problem(value)).toEqual([line, field, expect.stringContaining(reason)]);
  });

  it.each([
    ['"metadata": {}', `{\n"metadata": ${JSON.stringify(metadata)},\n"metadata": {},\n"records": {}}`, 3, 'metadata'],
    [
      'a record',
      `{"metadata": ${JSON.stringify(metadata)},\n"records": {"${A}": ${JSON.stringify(record)},\n\n"${A}": {}}}`,
      4,
      `records.${A}`,
    ],
    [
      'a record in another case',
      `{"metadata": ${JSON.stringify(metadata)},"records": {"${A}": ${JSON.stringify(record)},\n"${A.toUpperCase()}": ${JSON.stringify(record)}}}`,
      2,
      `records.${A.toUpperCase()}`,
    ],
    [
      'a field',
      `{"metadata": ${JSON.stringify(metadata)},"records": {"${A}": ${JSON.stringify(record).replace('{', '{\n"etag": "1",\n')}}}`,
      3,
      `records.${A}.etag`,
    ],
  ])('refuses %s that is there twice', (_, text, line, field) => {
    expect(problem(text)).toEqual([line, field, 'the key is there twice']);
  });

  it('names the line and the field where broken JSON breaks', () => {
    const text = JSON.stringify(register(), null, 2);
    const lines = text.split('\n');
    const size = lines.findIndex((line) => line.includes('file_size'));
    expect(problem(text.slice(0, text.indexOf('1234')))).toEqual([
      size + 1,
      `records.${A}.file_size`,
      expect.any(String),
    ]);
    expect(problem(text.replace('1234,', '1234'))[0]).toBe(size + 2);
    expect(problem(text.replace('"1.0.0"', 'x'))).toEqual([
      4,
      'metadata.etl_version',
      expect.stringContaining('not valid JSON'),
    ]);
    expect(problem(`${text}}`)[0]).toBe(lines.length);
    expect(problem('<html>')).toEqual([1, null, expect.stringContaining('not valid JSON')]);
  });

  it('refuses what is not UTF-8', () => {
    const bytes = Buffer.from(JSON.stringify(register({ etl_version: '1.0.\u00e9' })), 'latin1');
    expect(() => parseRegister(bytes)).toThrow('not valid UTF-8');
  });
});

describe('findJsonFault', () => {
  it('finds a fault where JSON.parse does, and nowhere else', () => {
    const damaged = fc.tuple(
      fc.json({ maxDepth: 3 }),
      fc.nat(),
      fc.nat(2),
      fc.constantFrom(...'{}[],:"\\ \n\u00010-+.eEtx', ''),
    );
    fc.assert(
      fc.property(damaged, ([json, at, cut, put]) => {
        const place = at % (json.length + 1);
        const text = json.slice(0, place) + put + json.slice(place + cut);
        let isJson = true;
        try {
          JSON.parse(text);
        } catch {
          isJson = false;
        }
        expect(findJsonFault(text) === undefined).toBe(isJson);
      }),
      { numRuns: 2000 },
    );
  });

  it('takes no longer for a long string that is not closed', () => {
    const text = `{"a": "${'\\n'.repeat(200_000)}`;
    const started = Date.now();
    expect(findJsonFault(text)).toEqual({ at: 6, path: ['a'] });
    expect(Date.now() - started).toBeLessThan(5000);
  });
});

describe('records', () => {
  it('are what is read again', () => {
    const made = newRecord({
      ...record,
      ts_downloaded: new Date('2025-12-09T11:59:58Z'),
      none: undefined,
      when: new Date(0),
    });
    expect(made).toEqual({ ...record, ts_downloaded: '2025-12-09T11:59:58.000000Z', when: '1970-01-01T00:00:00.000Z' });
    expect([...parse(JSON.stringify(register({}, { [A]: made }))).records.values()]).toEqual([made]);
  });

  it.each<[string, object, string | null]>([
    ['no hash', { checksum: undefined }, 'checksum'],
    ['an empty file', { file_size: 0 }, 'file_size'],
    ['no time', { ts_downloaded: new Date(Number.NaN) }, 'ts_downloaded'],
    ['a NUL', { file_path: 'a\0b' }, 'file_path'],
    ['half of a pair', { etag: '\ud800' }, 'etag'],
    ['a value that JSON has not', { n: 1n }, null],
  ])('refuse %s', (_, change, field) => {
    expect(() => newRecord({ ...record, ...change })).toThrow(FieldProblem);
    expect(() => newRecord({ ...record, ...change })).toThrow(expect.objectContaining({ field }));
  });

  it('of one content: the newer counts, whatever the order', () => {
    const fields = fc.record({
      ts_downloaded: fc.constantFrom('2025-12-09T11:59:58Z', '2025-12-09T11:59:58.5Z', '2025-12-09T12:59:58.5+01:00'),
      file_path: fc.constantFrom('a', 'b'),
    });
    const records = fc.array(fields, { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(records, fc.infiniteStream(fc.nat()), (all, random) => {
        const made = all.map((change) => newRecord({ ...record, ...change }));
        const shuffled = made
          .map((value) => ({ value, at: random.next().value }))
          .sort((a, b) => a.at - b.at)
          .map(({ value }) => value);
        const counting = made.reduce(countingRecord);
        expect(shuffled.reduce(countingRecord)).toEqual(counting);
        expect(made.every((other) => other.ts_downloaded <= counting.ts_downloaded)).toBe(true);
      }),
    );
  });
});

it('the fixture of the dialect is no register to write into: two of its records are wrong', () => {
  const text = readFileSync(
    new URL('../../../fixtures/manifests/downloads_extractor.manifest.json', import.meta.url),
    'utf8',
  );
  expect(problem(text)).toEqual([expect.any(Number), `records.${A}.file_size`, expect.any(String)]);
});
