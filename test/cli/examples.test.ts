import { execFile } from 'node:child_process';
import { appendFileSync, chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { commandGroups, commands } from '../../src/cli/commands/index.js';
import { CLI, cleanEnv, manifests, runCli, tempFolder } from './run-cli.js';

const cwd = tempFolder();
const bin = tempFolder();

function shell(command: string): Promise<{ code: number; output: string }> {
  const env = cleanEnv({ PATH: `${bin}${delimiter}${process.env['PATH']}` });
  return new Promise((resolve) => {
    execFile('sh', ['-c', command], { cwd, env }, (error, stdout, stderr) =>
      resolve({
        code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1,
        output: stdout + stderr,
      }),
    );
  });
}

beforeAll(async () => {
  writeFileSync(join(bin, 'lakeledger'), `#!/bin/sh\nexec "${process.execPath}" "${CLI}" "$@"\n`);
  chmodSync(join(bin, 'lakeledger'), 0o755);
  mkdirSync(join(cwd, 'manifests'));
  writeFileSync(join(cwd, 'manifests', 'a.ndjson'), manifests(10));
  writeFileSync(join(cwd, 'table.csv'), 'a,b\n1,2\n');
  mkdirSync(join(cwd, 'data', 'orders'), { recursive: true });
  writeFileSync(join(cwd, 'data', 'orders', '2026-03-01.csv'), 'id,amount\n1,10\n');
  writeFileSync(join(cwd, 'data', 'all.csv'), 'id,amount\n2,20\n');
  expect((await runCli(['record', 'manifests'], { cwd })).code).toBe(0);
  await makeHistory();
});

/** A run that the examples name, and a frozen dataset of which two layouts wait to be accepted. */
async function makeHistory(): Promise<void> {
  const orders = ['ingest', '--file', 'data/orders/*.csv', '--into', 'bronze.orders', '--run-id', '7f3a-first'];
  expect((await runCli(orders, { cwd })).code).toBe(0);
  mkdirSync(join(cwd, 'stock'), { recursive: true });
  const stock = ['ingest', '--into', 'bronze.stock', '--contract', 'freeze', '--file'];
  for (const [i, code] of [0, 4, 4].entries()) {
    const file = join(cwd, 'stock', `${i}.csv`);
    writeFileSync(file, `id${',more'.repeat(i)}\n${i}${',x'.repeat(i)}\n`);
    expect((await runCli([...stock, file], { cwd })).code).toBe(code);
  }
}

const SOURCES = `
connections:
  shop: {type: postgres, database: shop, user: reader}
sources:
  shop_orders: {connection: shop, table: orders, key: id, load: incremental, watermark: updated_at, enabled: false}
  orders: {path: data/orders/*.csv, into: bronze.orders, business_date: '{yyyy-MM-dd}.csv'}
`;

describe('the examples of every help page run', () => {
  const pages = [[], ...Object.keys(commandGroups).map((group) => [group]), ...commands.map((c) => [...c.path])];
  it.each(pages.map((page) => [page.join(' ') || 'lakeledger', page] as const))('%s', async (_name, page) => {
    // The configuration is the one that the examples of init wrote.
    if (page[0] === 'ingest') {
      appendFileSync(join(cwd, 'lakeledger.yaml'), SOURCES);
      await makeHistory();
    }
    const { stdout } = await runCli([...page, '--help'], { cwd });
    const examples = stdout
      .slice(stdout.indexOf('Examples:'))
      .split('\n')
      .filter((line) => line.startsWith('  lakeledger '));
    expect(examples).toHaveLength(2);
    for (const example of examples) {
      const { code, output } = await shell(example.trim());
      expect({ example, code, output }).toMatchObject({ code: 0 });
    }
  });
});
