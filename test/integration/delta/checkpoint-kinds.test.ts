import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Action, Snapshot } from '../../../src/delta/index.js';
import { canonicalPath } from '../../../src/delta/protocol/actions.js';
import { parseStats, statsValue } from '../../../src/delta/protocol/stats.js';
import { type CheckpointOptions, writeCheckpoint } from '../../../src/delta/write/checkpoint.js';
import { Session } from '../../../src/duckdb/session.js';
import { openSession, tableIn } from '../../support/delta.js';
import { addFile, logName, metaData, type RawLog, rawLog, removeFile } from '../../support/log.js';

const V2: Action = {
  protocol: {
    minReaderVersion: 3,
    minWriterVersion: 7,
    readerFeatures: ['v2Checkpoint', 'deletionVectors'],
    writerFeatures: ['v2Checkpoint', 'deletionVectors', 'rowTracking', 'domainMetadata'],
  },
};
const NOW = Date.parse('2026-06-15T12:00:00Z');
const clock = { now: () => NOW, random: () => 0 };
const vector = {
  storageType: 'u',
  pathOrInlineDv: 'ab^-aqEH.-t@S}K{vb[*k^',
  offset: 4,
  sizeInBytes: 40,
  cardinality: 6,
};
const COLUMNS = {
  id: 'long',
  d: 'decimal(38,9)',
  t: 'timestamp',
  n: 'timestamp_ntz',
  f: 'double',
  s: 'string',
  b: 'boolean',
  st: { type: 'struct', fields: [{ name: 'x y', type: 'integer', nullable: true, metadata: {} }] },
  p: 'date',
};
const STATS = `{"numRecords":3,"minValues":{"id":9007199254740993,"d":12345678901234567890.123456789,"t":"2026-01-01T00:00:00.123Z","n":"2026-01-01T00:00:00.5","f":1.5,"s":"a\\"\\u00fc:NaN,","st":{"x y":-5}},"maxValues":{"id":9223372036854775807,"d":-0.000000001,"t":"2026-01-02T00:00:00.123-08:00","n":"2026-01-01 00:00:00","f":1e300,"s":"z","st":{"x y":7}},"nullCount":{"id":0,"d":1,"t":0,"n":0,"f":2,"s":0,"b":1,"st":{"x y":0}},"tightBounds":false}`;

/** A log with every kind of action and every field that a checkpoint keeps. */
function everything(configuration: Record<string, string>): RawLog {
  const made = rawLog();
  made.commit(0, V2, metaData(COLUMNS, { configuration, partitionColumns: ['p'] }));
  made.commit(
    1,
    { commitInfo: { operation: 'WRITE' } },
    addFile('p=1/a%20b.parquet', { partitionValues: { p: '2026-01-01' }, stats: STATS, tags: { k: 'v', n: null } }),
    addFile('b', { partitionValues: { p: null }, deletionVector: vector, stats: '{"numRecords":10}' }),
    addFile('c', {
      partitionValues: { p: '' },
      baseRowId: 7,
      defaultRowCommitVersion: 1,
      clusteringProvider: 'liquid',
    }),
    addFile('gone', { partitionValues: { p: null } }),
    addFile('/absolute/x', { partitionValues: { p: null }, stats: 'not JSON' }),
    '{"txn":{"appId":"nanos","version":1795254976046123456,"lastUpdated":5}}',
    { domainMetadata: { domain: 'kept', configuration: '{"a":1}', removed: false } },
  );
  made.commit(
    2,
    { remove: { ...removeOf('gone'), deletionVector: vector, baseRowId: 3, size: 4, partitionValues: { p: null } } },
    { remove: { ...removeOf('gone2'), extendedFileMetadata: true, tags: { k: 'v' }, stats: '{}' } },
    { txn: { appId: 'app', version: 7 } },
    { cdc: { path: 'c', partitionValues: {}, size: 1, dataChange: false } },
  );
  return made;
}

function removeOf(path: string) {
  return { path, deletionTimestamp: NOW - 1000, dataChange: true };
}

function comparable(snapshot: Snapshot) {
  const clean = (value: object) =>
    Object.fromEntries(
      Object.entries(value).filter(
        ([k, v]) => v !== null && v !== undefined && !['dataChange', 'stats', 'tags'].includes(k),
      ),
    );
  const dv = (value: object) => ('deletionVector' in value ? { ...vector, ...(value.deletionVector as object) } : {});
  const sorted = (files: readonly { path: string }[]) =>
    files
      .map((file) => ({
        ...clean(file),
        ...(Object.keys(dv(file)).length > 0 ? { deletionVector: { ...vector } } : {}),
      }))
      .map((file) => file as { path: string })
      .sort((a, b) => (a.path < b.path ? -1 : 1));
  const { version, protocol, metadata, txns, domains } = snapshot;
  return {
    ...{ version, protocol, metadata, domains },
    txns: new Map([...txns].map(([id, txn]) => [id, clean(txn)] as const).sort()),
    files: sorted(snapshot.files),
    tombstones: sorted(snapshot.tombstones),
    tags: snapshot.files.map((f) => f.tags ?? null).filter((t) => t !== null),
  };
}

async function opened(made: RawLog, options: CheckpointOptions = {}) {
  const session = await openSession();
  const table = tableIn(made.folder, session, { clock });
  const replayed = await table.snapshot();
  await writeCheckpoint(await table.writeDeps(), replayed, options);
  const reopen = () => tableIn(made.folder, session, { clock }).snapshot();
  return { session, table, replayed, reopen };
}

const names = (made: RawLog, pattern: RegExp) => readdirSync(made.log).filter((name) => pattern.test(name));
const sidecars = (made: RawLog) =>
  readdirSync(join(made.log, '_sidecars')).map((name) => join(made.log, '_sidecars', name));
const removeCommits = (made: RawLog) =>
  [0, 1, 2].forEach((v) => {
    rmSync(join(made.log, logName(v)));
  });

const KINDS: [string, Record<string, string>][] = [
  ['classic', {}],
  ['classic with stats as struct too', { 'delta.checkpoint.writeStatsAsStruct': 'true' }],
  [
    'classic with stats as struct only',
    { 'delta.checkpoint.writeStatsAsStruct': 'true', 'delta.checkpoint.writeStatsAsJson': 'false' },
  ],
  ['V2', { 'delta.checkpointPolicy': 'v2' }],
  ['V2 with stats as struct', { 'delta.checkpointPolicy': 'v2', 'delta.checkpoint.writeStatsAsStruct': 'true' }],
];

describe.each(KINDS)('a checkpoint: %s', (kind, configuration) => {
  it('says the same as the commits', async () => {
    const made = everything(configuration);
    const { replayed, reopen } = await opened(made, { rowsPerSidecar: 2 });
    removeCommits(made);
    const read = await reopen();
    expect(read.checkpointVersion).toBe(2);
    expect(comparable(read)).toEqual(comparable(replayed));
    expect(read.txns.get('nanos')?.version).toBe(1795254976046123456n);
    expect(names(made, /\.checkpoint\.parquet$/)).toHaveLength(kind.startsWith('V2') ? 0 : 1);
    if (kind.startsWith('V2')) expect(sidecars(made)).toHaveLength(4);
    expect(names(made, /tmp$/)).toEqual([]);
  });

  it('keeps the statistics, every digit of them', async () => {
    const made = everything(configuration);
    const { replayed, reopen } = await opened(made);
    removeCommits(made);
    const read = await reopen();
    const statsOf = (snapshot: Snapshot, path: string) =>
      parseStats(snapshot.files.find((file) => file.path === path)?.stats);
    const [want, got] = [statsOf(replayed, 'p=1/a%20b.parquet'), statsOf(read, 'p=1/a%20b.parquet')];
    expect(got?.numRecords).toBe(3);
    expect(got?.tightBounds).toBe(false);
    for (const path of [['id'], ['d'], ['f'], ['s'], ['st', 'x y']]) {
      expect(statsValue(got?.minValues, path)).toBe(statsValue(want?.minValues, path));
      if (path[0] !== 'd') expect(statsValue(got?.maxValues, path)).toBe(statsValue(want?.maxValues, path));
      expect(statsValue(got?.nullCount, path)).toBe(statsValue(want?.nullCount, path));
    }
    expect(Number(statsValue(got?.maxValues, ['d']))).toBe(-1e-9);
    const time = (text: string | undefined) => Date.parse(String(text).replace(' ', 'T').replace(/\+00$/, 'Z'));
    expect(time(statsValue(got?.minValues, ['t']))).toBe(Date.parse('2026-01-01T00:00:00.123Z'));
    expect(time(statsValue(got?.maxValues, ['t']))).toBe(Date.parse('2026-01-02T08:00:00.123Z'));
    expect(statsOf(read, 'b')?.numRecords).toBe(10);
    expect(statsOf(read, '/absolute/x')).toBeUndefined();
  });

  it('that is cut off is done without; when it is all there is, the damaged file is named', async () => {
    const made = everything(configuration);
    const { replayed } = await opened(made, { rowsPerSidecar: 2 });
    // DuckDB keeps what it read of a file by size and time: a session for each damage.
    const reopen = async () => {
      const session = await Session.open();
      try {
        return await tableIn(made.folder, session, { clock }).snapshot();
      } finally {
        session.close();
      }
    };
    const own = names(made, /checkpoint\./)
      .filter((name) => !name.startsWith('_'))
      .map((name) => join(made.log, name));
    const files = [...own, ...(kind.startsWith('V2') ? sidecars(made) : [])];
    const commits = [0, 1, 2].map((v) => [v, readFileSync(join(made.log, logName(v)), 'utf8')] as const);
    for (const file of files) {
      const whole = readFileSync(file);
      for (const damage of [0, 1, whole.length >> 1, whole.length - 1, 'garbled', 'missing']) {
        if (damage === 'missing') rmSync(file);
        else if (damage === 'garbled') writeFileSync(file, Buffer.from(whole).fill(0x5a, whole.length >> 1));
        else truncateSync(file, damage as number);
        const cutJson = file.endsWith('.json') && damage === whole.length - 1;
        const read = await reopen();
        expect(read.checkpointVersion).toBe(cutJson ? 2 : -1);
        expect(comparable(read)).toEqual(comparable(replayed));
        removeCommits(made);
        if (cutJson) expect(comparable(await reopen())).toEqual(comparable(replayed));
        else if (damage === 'missing' && own.includes(file))
          await expect(reopen()).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND' });
        else await expect(reopen()).rejects.toMatchObject({ code: 'DELTA_LOG', place: file });
        writeFileSync(file, whole);
        for (const [v, text] of commits) writeFileSync(join(made.log, logName(v)), text);
      }
    }
  });
});

describe('checkpoints of other writers', () => {
  const base = { actions: [V2, metaData()] };

  it.each(['x y.parquet', 'file:///elsewhere/_delta_log/_sidecars/x%20y.parquet', '_sidecars/x%20y.parquet'])(
    'a sidecar by the path "%s" is the file of that name in the folder of the table',
    async (path) => {
      const made = everything({ 'delta.checkpointPolicy': 'v2' });
      const { replayed, reopen } = await opened(made);
      const [name] = names(made, /checkpoint\..*json$/);
      const [sidecar = ''] = sidecars(made);
      writeFileSync(join(made.log, '_sidecars', 'x y.parquet'), readFileSync(sidecar));
      const file = join(made.log, name ?? '');
      const lines = readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '' && !line.includes('"sidecar"'));
      lines.push(JSON.stringify({ sidecar: { path, sizeInBytes: 1, modificationTime: 1 } }));
      writeFileSync(file, lines.join('\r\n'));
      rmSync(sidecar);
      removeCommits(made);
      expect(comparable(await reopen())).toEqual(comparable(replayed));
    },
  );

  it.each<[string, (string | Action)[]]>([
    ['no protocol', ['{"checkpointMetadata":{"version":0}}', metaData()]],
    ['no "metaData"', ['{"checkpointMetadata":{"version":0}}', V2]],
    [
      'two "checkpointMetadata"',
      ['{"checkpointMetadata":{"version":0}}', '{"checkpointMetadata":{"version":0}}', ...base.actions],
    ],
    ['of version 3', ['{"checkpointMetadata":{"version":3}}', ...base.actions]],
    [
      'files of its own',
      ['{"checkpointMetadata":{"version":0}}', ...base.actions, addFile('a'), '{"sidecar":{"path":"x"}}'],
    ],
    [
      'a sidecar twice',
      ['{"checkpointMetadata":{"version":0}}', ...base.actions, '{"sidecar":{"path":"x"}}', '{"sidecar":{"path":"x"}}'],
    ],
    ['no file name', ['{"checkpointMetadata":{"version":0}}', ...base.actions, '{"sidecar":{"path":"a/.."}}']],
    ['is there twice', ['{"checkpointMetadata":{"version":0}}', ...base.actions, addFile('a'), addFile('a')]],
    ['and its removal', ['{"checkpointMetadata":{"version":0}}', ...base.actions, removeFile('a'), addFile('a')]],
  ])('a JSON checkpoint is refused for "%s", or done without', async (problem, lines) => {
    const made = rawLog();
    const name = logName(0, '.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json');
    made.file(name, ...lines);
    const table = tableIn(made.folder, await openSession());
    await expect(table.snapshot()).rejects.toMatchObject({
      code: 'DELTA_LOG',
      message: expect.stringContaining(problem === 'no protocol' ? 'no "protocol"' : problem),
      place: expect.stringContaining(name),
    });
    made.commit(0, V2, metaData(), addFile('b'));
    expect((await table.snapshot()).files.map(({ path }) => path)).toEqual(['b']);
  });

  it('columns that nobody knows, missing fields and structs of nulls are tolerated', async () => {
    const made = rawLog();
    const session = await openSession();
    const schemaString = JSON.stringify({
      type: 'struct',
      fields: [{ name: 'f', type: 'double', nullable: true, metadata: {} }],
    });
    await session.run(
      `COPY (
        SELECT {'minReaderVersion': 1, 'minWriterVersion': 2} AS protocol, NULL AS "metaData", NULL AS "add", {'path': NULL::VARCHAR} AS remove, 1 AS future
        UNION ALL SELECT NULL, {'id': 'm', 'schemaString': $schema, 'format': {'provider': 'parquet'}, 'partitionColumns': []::VARCHAR[]}, NULL, NULL, 2
        UNION ALL SELECT {'minReaderVersion': NULL, 'minWriterVersion': NULL}, NULL, {'path': 'a', 'partitionValues': MAP {}::MAP(VARCHAR, VARCHAR), 'size': 5::INTEGER, 'modificationTime': 1::BIGINT, 'more': {'x': 1},
          'stats_parsed': {'numRecords': 4::BIGINT, 'minValues': {'f': 'NaN'::DOUBLE}, 'maxValues': {'f': 2.5::DOUBLE}}}, NULL, 3
      ) TO '${join(made.log, logName(7, '.checkpoint.parquet'))}' (FORMAT parquet)`,
      { schema: schemaString },
    );
    const snapshot = await tableIn(made.folder, session).snapshot();
    expect(snapshot).toMatchObject({ version: 7, tombstones: [], files: [{ path: 'a', size: 5, dataChange: false }] });
    const stats = parseStats(snapshot.files[0]?.stats);
    expect(stats?.numRecords).toBe(4);
    expect(statsValue(stats?.minValues, ['f'])).toBeUndefined();
    expect(statsValue(stats?.maxValues, ['f'])).toBe('2.5');
  });

  it('line breaks in a path and in statistics come back from a checkpoint', async () => {
    const made = rawLog();
    const stats = '{\n  "numRecords": 3\n}';
    const protocol = { minReaderVersion: 1, minWriterVersion: 2 };
    made.commit(
      0,
      { protocol },
      metaData(),
      addFile('before', { stats }),
      addFile('a\nb', { stats }),
      addFile('after'),
    );
    const session = await openSession();
    await tableIn(made.folder, session).checkpoint();
    rmSync(join(made.log, logName(0)));
    const { files } = await tableIn(made.folder, session).snapshot();
    expect(files.map(({ path }) => canonicalPath(path))).toEqual(['before', 'a\nb', 'after']);
    expect(files.map((file) => parseStats(file.stats)?.numRecords)).toEqual([3, 3, undefined]);
  });

  it('of several checkpoints of one version any complete one will do', async () => {
    const made = everything({});
    const { replayed, reopen } = await opened(made);
    const classic = join(made.log, logName(2, '.checkpoint.parquet'));
    const uuid = join(made.log, logName(2, '.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.parquet'));
    writeFileSync(uuid, readFileSync(classic));
    writeFileSync(classic, 'junk');
    removeCommits(made);
    expect(comparable(await reopen())).toEqual(comparable(replayed));
    rmSync(classic);
    expect(comparable(await reopen())).toEqual(comparable(replayed));
  });

  it('an older checkpoint and the commits after it stand in for a damaged one, whatever the hint says', async () => {
    const made = rawLog();
    made.commit(0, V2, metaData(), addFile('a'));
    made.commit(1, addFile('b'));
    const { table, session } = await opened(made);
    made.commit(2, addFile('c'));
    await writeCheckpoint(await table.writeDeps(), await table.snapshot());
    rmSync(join(made.log, logName(0)));
    writeFileSync(join(made.log, logName(2, '.checkpoint.parquet')), 'junk');
    expect(JSON.parse(readFileSync(join(made.log, '_last_checkpoint'), 'utf8')).version).toBe(2);
    const snapshot = await tableIn(made.folder, session).snapshot();
    expect(snapshot).toMatchObject({ version: 2, checkpointVersion: 1 });
    expect(snapshot.files.map(({ path }) => path)).toEqual(['a', 'b', 'c']);
  });
});

describe('writing', () => {
  it('the hint does not go back', async () => {
    const made = everything({});
    const { table } = await opened(made);
    const hint = () => readFileSync(join(made.log, '_last_checkpoint'), 'utf8');
    const before = hint();
    await writeCheckpoint(await table.writeDeps(), await table.snapshot({ version: 1 }));
    expect(existsSync(join(made.log, logName(1, '.checkpoint.parquet')))).toBe(true);
    expect(hint()).toBe(before);
  });

  it('a checkpoint whose rows went astray is not put into use', async () => {
    const made = everything({});
    const session = await openSession();
    const table = tableIn(made.folder, session, { clock });
    const snapshot = await table.snapshot();
    const deps = await table.writeDeps();
    const run = session.run.bind(session);
    session.run = (text, params) =>
      run(
        text
          .replace('FROM "checkpoint_', 'FROM (SELECT * FROM "checkpoint_')
          .replace(/(FROM \(SELECT \* FROM "checkpoint_[^"]*")/, '$1 LIMIT 5)'),
        params,
      );
    await expect(writeCheckpoint(deps, snapshot)).rejects.toMatchObject({ code: 'DELTA_LOG' });
    expect(names(made, /checkpoint|tmp/)).toEqual([]);
  });
});
