import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EXIT } from '../../../src/base/lake-error.js';
import type { DownloadEvent, RegisterOptions, RegisterSource } from '../../../src/manifest/index.js';
import { RegisterFactory } from '../../../src/manifest/index.js';
import { LocalStore } from '../../../src/storage/local-store.js';
import { tempFolder } from '../../support/temp-folder.js';

const NAME = 'systems_download.manifest.json';
const JOURNAL = `.${NAME}.journal`;
const START = Date.parse('2026-01-01T00:00:00Z');
const source: RegisterSource = { source_id: 'systems', dataset: 'star_systems' };
const sha = (text: string) => createHash('sha256').update(text).digest('hex');

const event = (content: string, more: Partial<DownloadEvent> = {}): DownloadEvent => ({
  sha256: sha(content),
  file_path: `data/raw/${content}.json.gz`,
  file_size_bytes: content.length,
  etag: `"${content}"`,
  ts_download_completed: new Date(START),
  ...more,
});

/** A clock that goes on by a second each time it is asked. */
function ticking() {
  let now = START;
  return { now: () => (now += 1000), random: Math.random };
}

const factory = new RegisterFactory();
const open = (folder: string, more: Partial<RegisterOptions> = {}) =>
  factory.open('downloads', {
    store: new LocalStore(folder),
    name: NAME,
    etlVersion: '1.0.0',
    clock: ticking(),
    ...more,
  });

/** A manager of the same folder that shares nothing with the first, as that of another process. */
async function openOther(folder: string, more: Partial<RegisterOptions> = {}) {
  const link = join(tempFolder(), 'link');
  symlinkSync(folder, link);
  return open(link, more);
}

const readRegister = (folder: string) => JSON.parse(readFileSync(join(folder, NAME), 'utf8'));
const checksums = (records: readonly { checksum: string }[]) => records.map(({ checksum }) => checksum).sort();

describe('a new register', () => {
  it('has the skeleton of seed 001, in a folder that is made for it', async () => {
    const folder = join(tempFolder(), 'etl', 'manifests');
    const manager = await open(folder, { process: 'extractor' });
    expect(readFileSync(join(folder, NAME), 'utf8')).toBe(`{
    "metadata": {
        "process": "extractor",
        "etl_version": "1.0.0",
        "root_dir": "${folder}",
        "total_records": 0,
        "ts_created": "2026-01-01T00:00:01.000000Z",
        "ts_updated": "2026-01-01T00:00:01.000000Z"
    },
    "records": {}
}
`);
    expect(readdirSync(folder)).toEqual([NAME]);
    expect(manager.records()).toEqual([]);
    expect(manager).toMatchObject({
      name: NAME,
      domain: 'systems',
      metadata: { process: 'extractor', total_records: 0 },
    });
    expect(Object.isFrozen(manager.metadata)).toBe(true);
  });

  it('has the process of its name unless another is given, and refuses what is no plain word', async () => {
    const folder = tempFolder();
    expect((await open(folder)).metadata.process).toBe('download');
    const bad = open(folder, { name: 'bodies_download.manifest.json', process: 'two words' });
    await expect(bad).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('metadata.process') });
    await expect(open(folder, { name: 'x_y.manifest.json', etlVersion: ' ' })).rejects.toThrow('metadata.etl_version');
    await expect(open(folder, { process: 'loader' })).rejects.toThrow('is of the process "download", not "loader"');
    expect(readdirSync(folder)).toEqual([NAME]);
  });

  it.each(['systems.manifest.json', '../systems_download.manifest.json'])(
    'is not made under the name %s',
    async (name) => {
      const folder = tempFolder();
      await expect(open(folder, { name })).rejects.toMatchObject({
        code: 'USAGE',
        exitCode: EXIT.usage,
        hint: expect.stringContaining('<domain>_<process>.manifest.json'),
      });
      expect(readdirSync(folder)).toEqual([]);
    },
  );
});

describe('addFromEvent', () => {
  it('puts the record into the file, as seed 001 has it', async () => {
    const folder = tempFolder();
    const manager = await open(folder);
    const record = await manager.addFromEvent(
      source,
      event('a', { ts_download_completed: '2026-01-01T01:00:00+01:00' }),
    );
    const expected = {
      source_id: 'systems',
      dataset: 'star_systems',
      checksum: sha('a'),
      file_path: 'data/raw/a.json.gz',
      file_size: 1,
      etag: '"a"',
      ts_downloaded: '2026-01-01T00:00:00.000000Z',
      version: '1.0.0',
    };
    expect(record).toEqual(expected);
    expect(readRegister(folder)).toMatchObject({
      metadata: {
        total_records: 1,
        ts_created: '2026-01-01T00:00:01.000000Z',
        ts_updated: '2026-01-01T00:00:02.000000Z',
      },
      records: { [sha('a')]: expected },
    });
    expect(manager.metadata.total_records).toBe(1);
    expect(Object.isFrozen(record) && Object.isFrozen(manager.records()[0])).toBe(true);
  });

  it('takes the ETag of the event, else the last one of the source, else none', async () => {
    const manager = await open(tempFolder());
    const state = { last_etag: '"last"' };
    const etag = async (from: RegisterSource, e: DownloadEvent) => (await manager.addFromEvent(from, e)).etag;
    expect(await etag({ ...source, state }, event('a'))).toBe('"a"');
    expect(await etag({ ...source, state }, event('b', { etag: null }))).toBe('"last"');
    expect(await etag({ ...source, state: null }, event('c', { etag: undefined }))).toBeNull();
    expect(await etag({ ...source, state: {} }, event('d', { etag: null }))).toBeNull();
  });

  it('keeps further fields, which cannot stand for those of every record', async () => {
    const folder = tempFolder();
    const manager = await open(folder);
    await manager.addFromEvent(source, event('a', { more: { rows: 5, checksum: sha('b'), tags: ['x'] } }));
    expect(readRegister(folder).records[sha('a')]).toMatchObject({ checksum: sha('a'), rows: 5, tags: ['x'] });
  });

  it.each<[string, Partial<DownloadEvent>, string]>([
    ['half a hash', { sha256: 'abc' }, 'checksum expected a SHA-256'],
    ['an empty file', { file_size_bytes: 0 }, 'file_size expected a whole number'],
    ['no path', { file_path: '' }, 'file_path expected text that is not blank'],
    ['no time', { ts_download_completed: 'yesterday' }, 'ts_downloaded expected an ISO 8601 timestamp'],
  ])('refuses %s and writes nothing', async (_, change, message) => {
    const folder = tempFolder();
    const manager = await open(folder);
    const before = readFileSync(join(folder, NAME));
    await expect(manager.addFromEvent(source, event('a', change))).rejects.toMatchObject({
      code: 'REGISTER_RECORD',
      exitCode: EXIT.data,
      place: join(folder, NAME),
      message: expect.stringContaining(message),
    });
    expect(readFileSync(join(folder, NAME)).equals(before)).toBe(true);
    expect(readdirSync(folder)).toEqual([NAME]);
  });

  it('writes adds that are made at once together', async () => {
    const folder = tempFolder();
    const manager = await open(folder);
    const contents = Array.from({ length: 100 }, (_, i) => `content ${i}`);
    const bad = manager.addFromEvent(source, event('bad', { sha256: 'no' }));
    await Promise.all([
      expect(bad).rejects.toThrow('checksum'),
      ...contents.map((c) => manager.addFromEvent(source, event(c))),
    ]);
    expect(Object.keys(readRegister(folder).records).sort()).toEqual(contents.map(sha).sort());
    expect(readdirSync(join(folder, JOURNAL))).toHaveLength(1);
  });

  it('keeps one record of a content: the newer, whichever comes first', async () => {
    const [old, young] = [event('a'), event('a', { ts_download_completed: new Date(START + 1), etag: '"2"' })];
    for (const events of [
      [old, young],
      [young, old],
    ]) {
      const manager = await open(tempFolder());
      for (const one of events) await manager.addFromEvent(source, one);
      expect(manager.records()).toMatchObject([{ checksum: sha('a'), etag: '"2"' }]);
    }
  });
});

describe('questions', () => {
  it('getRecordBySource gives the newest record of the source, ties by checksum', async () => {
    const manager = await open(tempFolder());
    const at = (seconds: number) => ({ ts_download_completed: new Date(START + seconds * 1000) });
    await manager.addFromEvent(source, event('b', at(2)));
    await manager.addFromEvent(source, event('a', at(1)));
    await manager.addFromEvent({ ...source, source_id: 'other' }, event('c', at(9)));
    expect(manager.getRecordBySource('systems')?.checksum).toBe(sha('b'));
    await manager.addFromEvent(source, event('d', at(2)));
    const [, last] = [sha('b'), sha('d')].sort();
    expect(manager.getRecordBySource('systems')?.checksum).toBe(last);
    expect(manager.getRecordBySource('nothing')).toBeUndefined();
    expect(manager.records().map((record) => record.checksum)[0]).toBe(sha('a'));
  });

  it('hasChecksum in any case of letters', async () => {
    const manager = await open(tempFolder());
    await manager.addFromEvent(source, event('a', { sha256: sha('a').toUpperCase() }));
    for (const hash of [sha('a'), sha('a').toUpperCase(), ` ${sha('a')} `])
      expect(manager.hasChecksum(hash)).toBe(true);
    expect(manager.hasChecksum(sha('b'))).toBe(false);
    expect(manager.hasChecksum('')).toBe(false);
  });

  it('hasEtag asks for the newest record of the source, compared weakly', async () => {
    const manager = await open(tempFolder());
    await manager.addFromEvent(source, event('a', { etag: 'W/"1"' }));
    for (const same of ['W/"1"', '"1"', '1', ' "1" ']) expect(manager.hasEtag('systems', same)).toBe(true);
    for (const other of ['"2"', '', null, undefined]) expect(manager.hasEtag('systems', other)).toBe(false);
    expect(manager.hasEtag('other', '"1"')).toBe(false);
    await manager.addFromEvent(source, event('b', { etag: '"2"', ts_download_completed: new Date(START + 1) }));
    expect(manager.hasEtag('systems', '"1"')).toBe(false);
    await manager.addFromEvent(source, event('c', { etag: null, ts_download_completed: new Date(START + 2) }));
    expect(manager.hasEtag('systems', '"2"')).toBe(false);
    expect(manager.hasEtag('systems', null)).toBe(false);
  });
});

describe('update', () => {
  const later = new Date(START + 5000).toISOString();
  const fields = { checksum: sha('a'), etag: null, file_path: 'moved', file_size: 1 };

  it('asks for the fields of the type', async () => {
    const manager = await open(tempFolder());
    const { etag, ...some } = fields;
    await expect(manager.update(sha('a'), some)).rejects.toMatchObject({
      code: 'REGISTER_RECORD',
      message: expect.stringContaining('etag is missing'),
    });
    await expect(manager.update(sha('a'), {})).rejects.toThrow('checksum, etag, file_path, file_size');
    await expect(manager.update(sha('b'), fields)).rejects.toThrow('checksum is not ');
    // What no record is there to give.
    await expect(manager.update(sha('a'), fields)).rejects.toThrow('source_id is missing');
  });

  it('adds, replaces by a later one, leaves alone, and says which', async () => {
    const folder = tempFolder();
    const manager = await open(folder);
    const whole = { ...fields, source_id: 's', dataset: 'd', ts_downloaded: new Date(START).toISOString() };
    expect(await manager.update(sha('a').toUpperCase(), whole)).toMatchObject({
      outcome: 'added',
      record: { file_path: 'moved', version: '1.0.0' },
    });
    const before = readFileSync(join(folder, NAME));
    expect(await manager.update(sha('a'), fields)).toMatchObject({ outcome: 'unchanged', record: { source_id: 's' } });
    await expect(manager.update(sha('a'), { ...fields, etag: '"x"' })).rejects.toThrow('records are not changed');
    expect(readFileSync(join(folder, NAME)).equals(before)).toBe(true);
    expect(await manager.update(sha('a'), { ...fields, etag: '"x"', ts_downloaded: later })).toMatchObject({
      outcome: 'replaced',
      record: { etag: '"x"', source_id: 's' },
    });
    expect(await manager.update(sha('a'), { ...whole, etag: '"y"' })).toMatchObject({
      outcome: 'older',
      record: { etag: '"x"' },
    });
    expect(readRegister(folder).records[sha('a')]).toMatchObject({ etag: '"x"', file_path: 'moved' });
  });
});

describe('one manager', () => {
  it('is there for each folder and name', async () => {
    const folder = tempFolder();
    const [a, b] = await Promise.all([open(folder), open(join(folder, 'x', '..'))]);
    expect(a).toBe(b);
    expect(await open(folder, { name: 'bodies_download.manifest.json' })).not.toBe(a);
    expect(await open(tempFolder())).not.toBe(a);
    await expect(open(folder, { etlVersion: '2.0.0' })).rejects.toThrow('etlVersion "1.0.0", not "2.0.0"');
    const processed = factory.open('processed', { store: new LocalStore(folder), name: NAME, etlVersion: '1.0.0' });
    await expect(processed).rejects.toMatchObject({ code: 'USAGE' });
    await a.close();
    const again = await open(folder, { etlVersion: '2.0.0' });
    expect(again).not.toBe(a);
    // The register keeps the version that made it; a record has that of the code that wrote it.
    expect(again.metadata.etl_version).toBe('1.0.0');
    expect((await again.addFromEvent(source, event('a'))).version).toBe('2.0.0');
  });

  it('is of a type that is known', async () => {
    const own = new RegisterFactory();
    expect(own.types).toEqual(['downloads', 'processed']);
    const at = { store: new LocalStore(tempFolder()), name: 'prices_validation.manifest.json', etlVersion: '1' };
    await expect(own.open('download', at)).rejects.toMatchObject({ code: 'USAGE', hint: 'did you mean "downloads"?' });
    await expect(own.open('validated', at)).rejects.toMatchObject({ hint: 'one of downloads, processed' });
    own.registerType('validated', { required: ['checksum', 'rows'] });
    expect(() => own.registerType('validated', { required: [] })).toThrow('is there already');
    const manager = await own.open('validated', at);
    await expect(manager.addFromEvent(source, event('a'))).rejects.toThrow('rows is missing');
    await manager.addFromEvent(source, event('a', { more: { rows: 0 } }));
    await expect(manager.update(sha('a'), { checksum: sha('a') })).rejects.toThrow('required are rows');
    expect(manager.records()).toMatchObject([{ rows: 0 }]);
    await expect(factory.open('validated', at)).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('says which types differ when two of one name do', async () => {
    const at = { store: new LocalStore(tempFolder()), name: 'prices_validation.manifest.json', etlVersion: '1' };
    const [one, two] = [new RegisterFactory(), new RegisterFactory()];
    one.registerType('own', { required: ['checksum'] });
    two.registerType('own', { required: ['checksum', 'rows'] });
    await one.open('own', at);
    await expect(two.open('own', at)).rejects.toThrow('required "checksum", not "checksum, rows"');
  });
});

describe('two processes', () => {
  it('see what the other wrote when they refresh or write', async () => {
    const folder = tempFolder();
    const [a, b] = [await open(folder), await openOther(folder)];
    expect(a).not.toBe(b);
    await a.addFromEvent(source, event('a'));
    expect(b.hasChecksum(sha('a'))).toBe(false);
    await b.refresh();
    expect(b.hasChecksum(sha('a'))).toBe(true);
    await b.addFromEvent(source, event('b'));
    await a.addFromEvent(source, event('c'));
    expect(checksums(a.records())).toEqual(['a', 'b', 'c'].map(sha).sort());
    expect(Object.keys(readRegister(folder).records)).toHaveLength(3);
  });

  it('keep a record that a third program put into the file', async () => {
    const folder = tempFolder();
    const manager = await open(folder);
    await manager.addFromEvent(source, event('a'));
    const found = readRegister(folder);
    found.records[sha('b')] = { ...found.records[sha('a')], checksum: sha('b'), row_count: 7 };
    found.team = 'x';
    writeFileSync(join(folder, NAME), JSON.stringify(found));
    await manager.addFromEvent(source, event('c'));
    expect(readRegister(folder)).toMatchObject({
      team: 'x',
      metadata: { total_records: 3 },
      records: { [sha('b')]: { row_count: 7 } },
    });
    // What the program forgets is there again.
    delete found.records[sha('a')];
    writeFileSync(join(folder, NAME), JSON.stringify(found));
    await manager.save();
    expect(Object.keys(readRegister(folder).records).sort()).toEqual(['a', 'b', 'c'].map(sha).sort());
  });

  it('make the journal one object now and then', async () => {
    const folder = tempFolder();
    const [a, b] = [await open(folder, { journalLimit: 3 }), await openOther(folder, { journalLimit: 4 })];
    const contents = Array.from({ length: 20 }, (_, i) => `c${i}`);
    for (const [i, content] of contents.entries()) {
      await (i % 2 === 0 ? a : b).addFromEvent(source, event(content));
      expect(readdirSync(join(folder, JOURNAL)).length).toBeLessThan(4);
    }
    // The journal alone has everything.
    rmSync(join(folder, NAME));
    const again = await openOther(folder);
    expect(checksums(again.records())).toEqual(contents.map(sha).sort());
    expect(readRegister(folder)).toMatchObject({
      metadata: { total_records: 20, ts_created: a.metadata.ts_created, etl_version: '1.0.0' },
    });
  });

  it('one that was stopped in the midst of writing the file takes nothing away when it goes on', async () => {
    const folder = tempFolder();
    const other = await open(folder, { journalLimit: 2 });
    const late = new LateStore(folder);
    const stopped = await factory.open('downloads', { store: late, name: NAME, etlVersion: '1.0.0', journalLimit: 2 });
    late.hold();
    const adding = stopped.addFromEvent(source, event('late'));
    await late.held;
    const contents = Array.from({ length: 6 }, (_, i) => `c${i}`);
    for (const content of contents) await other.addFromEvent(source, event(content));
    // It puts its old copy, and dies before it can look.
    late.dieAfterPut();
    await expect(adding).rejects.toThrow('killed');
    expect(Object.keys(readRegister(folder).records)).toEqual([sha('late')]);
    const again = await openOther(folder);
    expect(checksums(again.records())).toEqual(['late', ...contents].map(sha).sort());
    expect(Object.keys(readRegister(folder).records)).toHaveLength(7);
  });

  it('one that was stopped and lives completes the file', async () => {
    const folder = tempFolder();
    const other = await open(folder);
    const late = new LateStore(folder);
    const stopped = await factory.open('downloads', { store: late, name: NAME, etlVersion: '1.0.0' });
    late.hold();
    const adding = stopped.addFromEvent(source, event('late'));
    await late.held;
    await other.addFromEvent(source, event('a'));
    late.goOn();
    await adding;
    expect(Object.keys(readRegister(folder).records).sort()).toEqual(['a', 'late'].map(sha).sort());
    expect(stopped.hasChecksum(sha('a'))).toBe(true);
  });
});

/** A folder whose next `put` waits until it is told to go on. */
class LateStore extends LocalStore {
  // The same folder under a name of its own, so that it has a manager of its own.
  override readonly root: string;
  held: Promise<void> = Promise.resolve();
  #dead = false;
  #reached: () => void = () => undefined;
  #gate: Promise<void> | undefined;
  #open: () => void = () => undefined;

  constructor(folder: string) {
    const link = join(tempFolder(), 'late');
    symlinkSync(folder, link);
    super(link);
    this.root = link;
  }

  hold(): void {
    this.held = new Promise((resolve) => (this.#reached = resolve));
    this.#gate = new Promise((resolve) => (this.#open = resolve));
  }

  goOn(): void {
    this.#open();
  }

  dieAfterPut(): void {
    this.#dead = true;
    this.#open();
  }

  override async put(path: string, data: Uint8Array): Promise<void> {
    if (this.#gate !== undefined) {
      this.#reached();
      await this.#gate;
      this.#gate = undefined;
    }
    await super.put(path, data);
    if (this.#dead) throw new Error('killed');
  }
}

describe('save', () => {
  it('writes the time, and the number of records when it was wrong', async () => {
    const folder = tempFolder();
    const manager = await open(folder);
    await manager.addFromEvent(source, event('a'));
    const found = readRegister(folder);
    writeFileSync(join(folder, NAME), JSON.stringify({ ...found, metadata: { ...found.metadata, total_records: 99 } }));
    await manager.save();
    expect(readRegister(folder)).toMatchObject({
      metadata: { total_records: 1, ts_updated: '2026-01-01T00:00:03.000000Z' },
    });
  });

  it('never puts the time back', async () => {
    const folder = tempFolder();
    const manager = await open(folder);
    const found = readRegister(folder);
    const ahead = '2030-01-01T00:00:00.000000Z';
    writeFileSync(join(folder, NAME), JSON.stringify({ ...found, metadata: { ...found.metadata, ts_updated: ahead } }));
    await manager.save();
    expect(readRegister(folder).metadata.ts_updated).toBe(ahead);
  });

  it('makes a register anew that was taken away while it was open', async () => {
    const folder = tempFolder();
    const manager = await open(folder);
    await manager.addFromEvent(source, event('a'));
    rmSync(folder, { recursive: true });
    mkdirSync(folder);
    await manager.refresh();
    expect(manager.records()).toEqual([]);
    expect(readRegister(folder).metadata.total_records).toBe(0);
    await manager.addFromEvent(source, event('b'));
    expect(Object.keys(readRegister(folder).records)).toEqual([sha('b')]);
  });
});

describe('a register that cannot be read', () => {
  const damages: Record<string, (text: string) => string> = {
    'is cut off': (text) => text.slice(0, text.length / 2),
    'is empty': () => '',
    'has a field that is wrong': (text) => text.replace('"file_size": 1', '"file_size": "one"'),
    'has a record under another hash': (text) => text.replace(`"${sha('a')}": {`, `"${sha('b')}": {`),
    'has a key twice': (text) => text.replace('"etag"', '"dataset"'),
  };

  it.each(Object.keys(damages))('because it %s is refused, kept aside once and left as it is', async (damage) => {
    const folder = tempFolder();
    const manager = await open(folder);
    await manager.addFromEvent(source, event('a'));
    await manager.close();
    const whole = readFileSync(join(folder, NAME), 'utf8');
    const broken = damages[damage]!(whole);
    expect(broken).not.toBe(whole);
    writeFileSync(join(folder, NAME), broken);
    const aside = `${NAME}.corrupt-${sha(broken).slice(0, 16)}`;
    for (let i = 0; i < 2; i++) {
      await expect(open(folder)).rejects.toMatchObject({
        code: 'REGISTER_CORRUPT',
        exitCode: EXIT.data,
        place: expect.stringMatching(/systems_download\.manifest\.json:\d+$/),
        hint: expect.stringContaining(`its bytes are kept as ${aside}`),
      });
      expect(readFileSync(join(folder, NAME), 'utf8')).toBe(broken);
      expect(readdirSync(folder).sort()).toEqual([JOURNAL, NAME, aside].sort());
      expect(readFileSync(join(folder, aside), 'utf8')).toBe(broken);
    }
    // The hint: moved away, it is made anew from the journal.
    rmSync(join(folder, NAME));
    expect(checksums((await open(folder)).records())).toEqual([sha('a')]);
    expect(readRegister(folder).records[sha('a')]).toEqual(JSON.parse(whole).records[sha('a')]);
  });

  it('while it is open stops every write, and nothing is lost when it is right again', async () => {
    const folder = tempFolder();
    const manager = await open(folder);
    await manager.addFromEvent(source, event('a'));
    const whole = readFileSync(join(folder, NAME));
    writeFileSync(join(folder, NAME), '{');
    for (const work of [manager.refresh(), manager.save(), manager.addFromEvent(source, event('b'))]) {
      await expect(work).rejects.toMatchObject({ code: 'REGISTER_CORRUPT', place: `${join(folder, NAME)}:1` });
    }
    expect(readFileSync(join(folder, NAME), 'utf8')).toBe('{');
    writeFileSync(join(folder, NAME), whole);
    await manager.addFromEvent(source, event('c'));
    expect(checksums(manager.records())).toEqual(['a', 'b', 'c'].map(sha).sort());
  });

  it('names file, line and field', async () => {
    const folder = tempFolder();
    await (await open(folder)).close();
    const found = readRegister(folder);
    found.records = { [sha('a')]: { source_id: 's' } };
    writeFileSync(join(folder, NAME), JSON.stringify(found, null, 2));
    await expect(open(folder)).rejects.toMatchObject({
      message: expect.stringContaining(`records.${sha('a')}.dataset: is missing`),
      place: `${join(folder, NAME)}:11`,
    });
  });

  it('in its journal is refused with the object that is broken', async () => {
    const folder = tempFolder();
    const manager = await open(folder);
    await manager.addFromEvent(source, event('a'));
    await manager.close();
    const [part = ''] = readdirSync(join(folder, JOURNAL));
    const object = join(folder, JOURNAL, part);
    writeFileSync(object, readFileSync(object, 'utf8').replace('"file_size": 1', '"file_size": 2'));
    await expect(open(folder)).rejects.toMatchObject({
      code: 'REGISTER_CORRUPT',
      place: `${object}:1`,
      hint: expect.stringContaining('move it away'),
    });
    renameSync(object, join(folder, 'elsewhere'));
    expect(checksums((await open(folder)).records())).toEqual([sha('a')]);
  });

  it('is told when its bytes cannot be kept aside', async () => {
    const folder = tempFolder();
    writeFileSync(join(folder, NAME), '{');
    const full = new LocalStore(folder);
    full.putIfAbsent = () => Promise.reject(new Error('the disk is full'));
    await expect(open(folder, { store: full })).rejects.toMatchObject({
      code: 'REGISTER_CORRUPT',
      hint: expect.stringContaining('could not be made (the disk is full)'),
    });
    expect(readdirSync(folder)).toEqual([NAME]);
  });
});

it('a register of another program is opened with what it has', async () => {
  const folder = tempFolder();
  const python = {
    metadata: {
      process: 'extractor',
      etl_version: '0.9',
      root_dir: '/srv/etl/manifests',
      total_records: 0,
      ts_created: '2023-01-01T12:00:00Z',
      ts_updated: '2023-01-01T12:00:00+00:00',
    },
    records: {
      [sha('a').toUpperCase()]: {
        source_id: 's',
        dataset: 'd',
        checksum: sha('a').toUpperCase(),
        file_path: 'p',
        file_size: 5,
        etag: null,
        ts_downloaded: '2023-01-01T11:00:00Z',
        version: '0.9',
      },
    },
  };
  const text = JSON.stringify(python, null, 4);
  writeFileSync(join(folder, NAME), text);
  const manager = await open(folder);
  expect(manager.metadata).toMatchObject({ process: 'extractor', etl_version: '0.9', total_records: 1 });
  expect(manager.hasChecksum(sha('a'))).toBe(true);
  // Opening it is no reason to write.
  expect(readFileSync(join(folder, NAME), 'utf8')).toBe(text);
  await manager.addFromEvent(source, event('b'));
  expect(readRegister(folder)).toMatchObject({
    metadata: { ...python.metadata, total_records: 2, ts_updated: expect.any(String) },
  });
  expect(Object.keys(readRegister(folder).records)).toEqual([sha('a'), sha('b')]);
});
