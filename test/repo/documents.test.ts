import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EXIT } from '../../src/base/lake-error.js';
import { commandGroups, commands } from '../../src/cli/commands/index.js';
import { helpText } from '../../src/cli/help-text.js';
import { unreadableFeatures, unwritableFeatures } from '../../src/delta/protocol/features.js';
import { filesBelow, readText, repositoryFiles, repositoryRoot } from '../support/repository.js';
import { makeShim, runExamples, shellExamples, stable, withOutputs } from '../support/shell-blocks.js';
import { tempFolder } from '../support/temp-folder.js';

const updating = process.env['UPDATE_DOCS'] === '1';
const documents = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'lake/README.md',
  'fixtures/README.md',
].concat(filesBelow('docs', '.md'));
const runnable = documents.filter(
  (path) => existsSync(join(repositoryRoot, path)) && shellExamples(readText(path)).length > 0,
);

describe('examples in the documents', () => {
  it('are there', () => {
    expect(runnable).toContain('README.md');
    expect(shellExamples(readText('README.md')).length).toBeGreaterThan(4);
  });

  it.each(runnable)(
    '%s prints what it says',
    (path) => {
      const outputs = runExamples(path, { cwd: tempFolder(), bin: makeShim(tempFolder()) });
      if (updating) writeFileSync(join(repositoryRoot, path), withOutputs(readText(path), outputs));
      for (const [i, { output, line }] of shellExamples(readText(path)).entries()) {
        if (output !== undefined) expect(stable(outputs[i] ?? ''), `${path}:${line}`).toBe(stable(output));
      }
    },
    120_000,
  );
});

describe('docs/cli.md', () => {
  it('has the help page of every command', () => {
    const pages = { commands, groups: commandGroups, width: 100 };
    const wanted = [[], ...commands.map((command) => command.path)].map((words) => {
      const title = words.length === 0 ? '## lakeledger' : `## ${words.join(' ')}`;
      return `${title}\n\n\`\`\`text\n${helpText(words, pages)}\`\`\`\n`;
    });
    const [head = ''] = readText('docs/cli.md').split(/^## lakeledger$/m);
    const text = `${head}${wanted.join('\n')}`;
    if (updating) writeFileSync(join(repositoryRoot, 'docs/cli.md'), text);
    expect(readText('docs/cli.md')).toBe(text);
  });

  it('says every exit code of the program', () => {
    const head = readText('docs/cli.md').split('## lakeledger')[0] ?? '';
    for (const code of [...Object.values(EXIT), 130, 143]) expect(head).toMatch(new RegExp(`^\\| ${code} +\\|`, 'm'));
  });
});

/** The id that GitHub gives a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

function anchors(path: string): string[] {
  const prose = readText(path).replaceAll(/^```[\s\S]*?^```/gm, '');
  return [...prose.matchAll(/^#+\s+(.+)$/gm)].map(([, heading = '']) => anchorOf(heading.trim()));
}

describe('links in the documents', () => {
  it.each(documents)('%s leads somewhere', (path) => {
    const prose = readText(path)
      .replaceAll(/^```[\s\S]*?^```/gm, '')
      .replaceAll(/`[^`\n]*`/g, '');
    for (const [, target = ''] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [file = '', anchor] = target.split('#');
      const linked = file === '' ? path : join(dirname(path), file);
      expect(existsSync(join(repositoryRoot, linked)), `${path} links to ${target}`).toBe(true);
      if (anchor !== undefined) expect(anchors(linked), `${path} links to ${target}`).toContain(anchor);
    }
  });

  it('README leads to every page of docs/', () => {
    const readme = readText('README.md');
    for (const page of filesBelow('docs', '.md').filter((name) => !name.startsWith('docs/adr/'))) {
      expect(readme).toContain(`(${page})`);
    }
  });
});

describe('docs/delta.md', () => {
  const [, features = ''] = readText('docs/delta.md').split(/^## What is supported$/m);
  const rows = features
    .split('\n')
    .filter((line) => /^\| `/.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .flatMap(([, names = '', read = '', write = '']) =>
      [...names.matchAll(/`(\w+)`/g)].map(([, feature = '']) => ({ feature, read, write })),
    );
  /** Table features that readers must know too (PROTOCOL.md, "Valid Feature Names in Table Features"). */
  const forReaders =
    /^(columnMapping|deletionVectors|timestampNtz|v2Checkpoint|vacuumProtocolCheck|typeWidening|variantType|variantShredding|catalogManaged)$/;
  const metadata = {
    id: '',
    format: { provider: 'parquet' },
    schemaString: '{}',
    partitionColumns: [],
    configuration: {},
  };

  it.each(rows)('is right about $feature: read $read, write $write', ({ feature, read, write }) => {
    const protocol = {
      minReaderVersion: 3,
      minWriterVersion: 7,
      readerFeatures: forReaders.test(feature) ? [feature] : [],
      writerFeatures: [feature],
    };
    // The table allows the feature and does not use it.
    const accepts = (found: readonly string[]) => found.length === 0;
    expect(accepts(unreadableFeatures(protocol, metadata as never))).toBe(read !== 'no');
    expect(accepts(unwritableFeatures(protocol, metadata as never))).toBe(write !== 'no');
  });

  it('lists features', () => expect(rows.length).toBeGreaterThan(10));
});

describe('decisions', () => {
  const records = filesBelow('docs/adr', '.md');

  it('are numbered without a gap', () => {
    expect(records.map((path) => path.slice('docs/adr/'.length, 'docs/adr/'.length + 4))).toEqual(
      records.map((_, i) => String(i + 1).padStart(4, '0')),
    );
  });

  it.each(records)('%s says context, decision and consequences', (path) => {
    const titles = [...readText(path).matchAll(/^## (.+)$/gm)].map(([, title]) => title);
    expect(titles).toEqual(['Context', 'Decision', 'Consequences']);
  });
});

describe('what is written down', () => {
  it('CHANGELOG has the version of the package', () => {
    const { version } = JSON.parse(readText('package.json')) as { version: string };
    expect(readText('CHANGELOG.md')).toContain(`## [${version}]`);
  });

  it('ARCHITECTURE has every folder of src and sql', () => {
    const text = readText('ARCHITECTURE.md');
    const folders = [...filesBelow('src'), ...filesBelow('sql')].map((path) => path.split('/').slice(0, 2).join('/'));
    for (const folder of new Set(folders))
      expect(text, folder).toContain(`\`${folder}${folder.endsWith('.ts') ? '' : '/'}\``);
  });

  it('decisions name every dependency', () => {
    const { dependencies, devDependencies } = JSON.parse(readText('package.json')) as Record<
      string,
      Record<string, string>
    >;
    const text = readText('docs/adr/0003-dependencies.md');
    for (const name of Object.keys({ ...dependencies, ...devDependencies }))
      expect(text, name).toContain(`\`${name}\``);
  });

  it('no place of one machine', () => {
    const places = [/\/(?:home|Users)\/[a-z]/, /\/root\//, /\/work\/[a-z]/, /[A-Z]:\\Users/, /\/tmp\/[a-z]/];
    // Addresses that packages are had from, whoever keeps them.
    const hosts = [
      /\/\/(?:registry|packages|files|mirror|proxy|index)\.[\w-]+\.[a-z]{2,}/,
      /\/\/[\w.-]*(?:artifactory|nexus)/,
    ];
    const text = /\.(ts|js|cjs|mjs|json|md|sql|sh|ya?ml|py|npmrc)$|^\.ci\//;
    const self = 'test/repo/documents.test.ts';
    const found = repositoryFiles()
      .filter((path) => text.test(path) && path !== self)
      .flatMap((path) => {
        const content = readText(path);
        return [...places, ...hosts].filter((p) => p.test(content)).map((p) => `${path}: ${p.exec(content)?.[0]}`);
      });
    expect(found).toEqual([]);
  });
});
