import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { tempFolder } from '../support/temp-folder.js';
import { runCli } from './cli.js';

const manifest = (sha: string) =>
  `${JSON.stringify({ file_sha: sha, pull_ts_utc: '2026-01-02T03:04:05Z', status: 'INGESTED' })}\n`;

const commit = (version: number) => `${String(version).padStart(20, '0')}.json`;

/** A lake with two events, to be copied and harmed. */
let healthy = '';
const MANIFESTS = 'metadata/ingestion_manifest';
const EVENTS = 'metadata/ingestion_event';

beforeAll(async () => {
  healthy = mkdtempSync(join(tmpdir(), 'lakeledger-test-'));
  for (const sha of ['a', 'b']) {
    const result = await runCli(['record', '-', '--lake', healthy], { stdin: manifest(sha) });
    expect(result, result.stderr).toMatchObject({ code: 0 });
  }
  return () => rmSync(healthy, { recursive: true, force: true });
});

function editCommit(file: string, edit: (action: Record<string, Record<string, unknown>>) => void): void {
  const actions = readFileSync(file, 'utf8').trimEnd().split('\n');
  const edited = actions.map((line) => {
    const action = JSON.parse(line);
    edit(action);
    return JSON.stringify(action);
  });
  writeFileSync(file, `${edited.join('\n')}\n`);
}

function setProtocol(log: string, protocol: object): void {
  editCommit(join(log, commit(0)), (action) => {
    if ('protocol' in action) action['protocol'] = protocol as Record<string, unknown>;
  });
}

interface Damage {
  /** Harm done to the log of a table. */
  readonly harm: (log: string) => void;
  readonly code: string;
  /** Must be told: a file or a feature. */
  readonly tells: RegExp;
}

const DAMAGES: Readonly<Record<string, Damage>> = {
  'a commit that is no JSON': {
    harm: (log) => writeFileSync(join(log, commit(2)), '{bad'),
    code: 'DELTA_LOG',
    tells: /00000000000000000002\.json:1/,
  },
  'a commit cut off in its second action': {
    harm: (log) => {
      const file = join(log, commit(2));
      const text = readFileSync(file, 'utf8');
      writeFileSync(file, text.slice(0, text.indexOf('\n') + 20));
    },
    code: 'DELTA_LOG',
    tells: /00000000000000000002\.json:2/,
  },
  'an empty commit file': {
    harm: (log) => writeFileSync(join(log, commit(1)), ''),
    code: 'DELTA_LOG',
    tells: /00000000000000000001\.json/,
  },
  'an add without a path': {
    harm: (log) => appendFileSync(join(log, commit(1)), '{"add":{"size":1}}\n'),
    code: 'DELTA_LOG',
    tells: /00000000000000000001\.json/,
  },
  'a missing version': {
    harm: (log) => rmSync(join(log, commit(1))),
    code: 'DELTA_LOG',
    tells: /00000000000000000001\.json/,
  },
  'a missing first version': {
    harm: (log) => rmSync(join(log, commit(0))),
    code: 'DELTA_LOG',
    tells: /00000000000000000000\.json/,
  },
  'a version above a gap': {
    harm: (log) => cpSync(join(log, commit(1)), join(log, commit(9))),
    code: 'DELTA_LOG',
    tells: /00000000000000000003\.json/,
  },
  'an unknown reader feature': {
    harm: (log) =>
      setProtocol(log, {
        minReaderVersion: 3,
        minWriterVersion: 7,
        readerFeatures: ['timeMachine'],
        writerFeatures: ['timeMachine'],
      }),
    code: 'DELTA_UNSUPPORTED',
    tells: /timeMachine/,
  },
  'an unknown writer feature': {
    harm: (log) => setProtocol(log, { minReaderVersion: 1, minWriterVersion: 7, writerFeatures: ['timeMachine'] }),
    code: 'DELTA_UNSUPPORTED',
    tells: /timeMachine/,
  },
  'a reader version from the future': {
    harm: (log) => setProtocol(log, { minReaderVersion: 9, minWriterVersion: 9 }),
    code: 'DELTA_UNSUPPORTED',
    tells: /9/,
  },
  'no metadata': {
    harm: (log) => {
      const lines = readFileSync(join(log, commit(0)), 'utf8').split('\n');
      writeFileSync(join(log, commit(0)), lines.filter((line) => !line.startsWith('{"metaData"')).join('\n'));
    },
    code: 'DELTA_LOG',
    tells: /ingestion_/,
  },
  'a column of an unknown type': {
    harm: (log) =>
      editCommit(join(log, commit(0)), (action) => {
        const { metaData } = action;
        if (metaData) metaData['schemaString'] = String(metaData['schemaString']).replace('"date"', '"century"');
      }),
    code: 'DELTA_SCHEMA',
    tells: /century/,
  },
};

async function expectRefused(lake: string, wanted: { code: string; tells: RegExp }): Promise<void> {
  const before = readdirSync(lake, { recursive: true }).sort();
  const commands = [
    ['record', '-', '--lake', lake],
    ['record', '-', '--lake', lake, '--dry-run'],
  ];
  for (const command of commands) {
    const result = await runCli(command, { stdin: manifest('c') });
    expect(result, `${command.join(' ')}\n${result.stdout}`).toMatchObject({ code: 3, stdout: '' });
    expect(result.stderr).toMatch(new RegExp(`^error\\[${wanted.code}\\]`, 'm'));
    expect(result.stderr).toMatch(wanted.tells);
    expect(result.stderr).not.toMatch(/^\s+at .+:\d+:\d+\)?$/m);
  }
  expect(readdirSync(lake, { recursive: true }).sort()).toEqual(before);
}

describe.each([MANIFESTS, EVENTS])('the log of %s', (table) => {
  it.each(Object.entries(DAMAGES))('with %s is refused and left as it is', async (_name, damage) => {
    const lake = join(tempFolder(), 'lake');
    cpSync(healthy, lake, { recursive: true });
    damage.harm(join(lake, table, '_delta_log'));
    await expectRefused(lake, damage);
  });

  it.each([
    ['emptied', (log: string) => mkdirSync(log)],
    ['gone', () => undefined],
  ])('is never begun anew when it is %s and the data is there', async (_name, after) => {
    const lake = join(tempFolder(), 'lake');
    cpSync(healthy, lake, { recursive: true });
    const log = join(lake, table, '_delta_log');
    rmSync(log, { recursive: true });
    after(log);
    await expectRefused(lake, { code: 'DELTA_LOG', tells: /ingestion_/ });
  });
});

it('an event table that is gone altogether stops the ledger too', async () => {
  const lake = join(tempFolder(), 'lake');
  cpSync(healthy, lake, { recursive: true });
  rmSync(join(lake, EVENTS), { recursive: true });
  await expectRefused(lake, { code: 'LEDGER_STATE', tells: /ingestion_event/ });
});

it('a canonical table that is gone altogether is folded again from the events', async () => {
  const lake = join(tempFolder(), 'lake');
  cpSync(healthy, lake, { recursive: true });
  rmSync(join(lake, MANIFESTS), { recursive: true });
  const result = await runCli(['record', '-', '--lake', lake], { stdin: manifest('a') });
  expect(result, result.stderr).toMatchObject({ code: 0 });
  const query = ['query', 'SELECT manifest_id FROM metadata.ingestion_manifest ORDER BY 1', '--lake', lake];
  expect(JSON.parse((await runCli([...query, '-o', 'json'])).stdout)).toEqual([
    { manifest_id: 'a' },
    { manifest_id: 'b' },
  ]);
});

it('a folder that holds something else is not made a lake', async () => {
  const folder = tempFolder();
  writeFileSync(join(folder, 'thesis.doc'), 'x');
  const result = await runCli(['record', '-', '--lake', folder], { stdin: manifest('a') });
  expect(result).toMatchObject({ code: 2, stdout: '' });
  expect(result.stderr).toMatch(/thesis\.doc/);
  expect(readdirSync(folder)).toEqual(['thesis.doc']);
});
