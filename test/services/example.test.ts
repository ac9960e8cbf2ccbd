import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lake } from '../../src/lake.js';
import { type CliRun, cleanEnv, runCli } from '../cli/run-cli.js';
import { postgresMissing } from '../support/postgres-server.js';
import { filesBelow, readText, repositoryRoot } from '../support/repository.js';
import { describeSftp } from '../support/sftp-server.js';
import { stable } from '../support/shell-blocks.js';
import { doubled } from '../support/shop.js';

const EXAMPLE = 'examples/shop';
const README = `${EXAMPLE}/README.md`;
const SOURCES = ['completed_orders', 'orders', 'prices', 'products', 'returns', 'tables'];

/** The example, started by somebody who is somewhere else. It has a folder of its own for temporary files. */
class ExampleRun {
  readonly folder: string;
  readonly temp: string;
  readonly lake: string;
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;

  constructor(folder: string, args: readonly string[], stdin = '') {
    this.folder = folder;
    this.temp = join(folder, 'temp');
    this.lake = join(folder, 'week');
    mkdirSync(this.temp, { recursive: true });
    this.#child = spawn('bash', [join(repositoryRoot, EXAMPLE, 'run.sh'), ...args, this.lake], {
      cwd: folder,
      env: cleanEnv({ TMPDIR: this.temp, LAKELEDGER_PROGRESS: 'none' }),
      stdio: ['pipe', 'pipe', 'pipe'],
      // A group of its own, as a terminal makes one.
      detached: true,
    });
    this.#child.stdin?.end(stdin);
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
  }

  async end(): Promise<number | null> {
    if (this.#child.exitCode === null) await once(this.#child, 'close');
    return this.#child.exitCode;
  }

  /** Resolves when it has printed `text`. */
  async printed(text: string): Promise<void> {
    while (!this.stdout.includes(text)) {
      if (this.#child.exitCode !== null) throw new Error(`it has ended:\n${this.stdout}${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** What Ctrl-C does. */
  interrupt(): void {
    process.kill(-(this.#child.pid ?? 0), 'SIGINT');
  }

  /** What is left of its servers: folders and processes. */
  leftOver(): readonly string[] {
    const processes = execFileSync('ps', ['-A', '-o', 'args='], { encoding: 'utf8' }).split('\n');
    return [...readdirSync(this.temp), ...processes.filter((line) => line.includes(this.temp))];
  }
}

/** A command and what it printed, for each ```text block of the page and in its order. */
function shownCommands(output: string, page: string): readonly { readonly block: string; readonly printed: string }[] {
  let rest = output;
  return [...page.matchAll(/^```text\n(\$ .*\n)([\s\S]*?)^```/gm)].map(([, command = '', block = '']) => {
    const at = rest.indexOf(`\n${command}`);
    if (at < 0) throw new Error(`${README}: the example does not run ${command}`);
    rest = rest.slice(at + 1);
    const [printed = ''] = rest.slice(command.length).split(/^(?:\$|==) /m);
    return { block: `${command}${block}`, printed: `${command}${printed.trimEnd()}\n` };
  });
}

/** Output without what differs from run to run, and without what depends on the version of PostgreSQL: how many system tables there are. */
function settled(output: string): string {
  return stable(output)
    .replaceAll(/^.*(?:\btables\b|_tables\b|^rows |^read |all well).*$/gm, (line) => line.replaceAll(/[\d.]+/g, '<n>'))
    .replaceAll(/^(actor) .*$/gm, '$1 <name>')
    .replaceAll(/\bKiB\b/g, 'B');
}

describeSftp('the example project', () => {
  describe.skipIf(postgresMissing() !== undefined)(EXAMPLE, () => {
    const folder = mkdtempSync(join(tmpdir(), 'lakeledger-test-'));
    let run: ExampleRun;
    let code: number | null;
    let lake: Lake;
    const cli = (...args: string[]): Promise<CliRun> =>
      runCli(args, { cwd: run.lake, env: { LAKELEDGER_PROGRESS: 'none' } });
    const select = async (sql: string) => (await lake.select(sql)).rows;

    beforeAll(async () => {
      // The user that the database runs as must get to its files.
      chmodSync(folder, 0o755);
      // The last word is that of somebody who uses the shell at the end.
      const typed = 'lakeledger ingest orders --date 2026-03-06 --rerun\nprintenv SHOP_PASSWORD >../password\n';
      run = new ExampleRun(join(folder, 'one'), ['--shell'], typed);
      code = await run.end();
      lake = await Lake.open({ root: join(run.lake, 'lake') });
    });
    afterAll(async () => {
      await lake?.close();
      rmSync(folder, { recursive: true, force: true });
    });

    it('goes through its week without a word of complaint', () => {
      expect({ code, stderr: run.stderr.replaceAll(/^(\d+ dates from|\d\/\d {2}\d).*\n/gm, '') }).toEqual({
        code: 0,
        stderr: '',
      });
      expect(run.stdout.match(/^== .*/gm)?.length).toBeGreaterThan(8);
      expect(run.stdout).toContain(`== The lake is in ${run.lake}/lake\n`);
    });

    it('prints what its README says', () => {
      const shown = shownCommands(run.stdout, readText(README));
      expect(shown.length).toBeGreaterThan(10);
      if (process.env['UPDATE_DOCS'] === '1') {
        let text = readText(README);
        // From the end, because a command may be there twice.
        for (const { block, printed } of shown.toReversed()) {
          const at = text.lastIndexOf(`\`\`\`text\n${block}\`\`\``);
          text = `${text.slice(0, at)}${text.slice(at).replace(block, () => printed)}`;
        }
        writeFileSync(join(repositoryRoot, README), text);
        return;
      }
      for (const { block, printed } of shown) expect(settled(printed)).toBe(settled(block));
    });

    it('has links that lead somewhere', () => {
      const links = [...readText(README).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
      expect(links.length).toBeGreaterThan(5);
      expect(links.filter((target) => !existsSync(join(repositoryRoot, EXAMPLE, target)))).toEqual([]);
    });

    it('has the last version of every order once, with the one that was committed late', async () => {
      expect(await doubled(lake, 'bronze.shop_orders', 'id')).toBe(0);
      const last = await select(`SELECT id, status, CAST(_ingest_date AS VARCHAR) AS day FROM bronze.shop_orders
        QUALIFY row_number() OVER (PARTITION BY id ORDER BY _extracted_at DESC, _row_no DESC) = 1 ORDER BY id`);
      expect(last.map(({ id, status, day }) => `${id} ${status} ${day}`)).toEqual([
        '1 completed 2026-03-02',
        '2 completed 2026-03-03',
        '3 completed 2026-03-02',
        '4 completed 2026-03-02',
        '5 completed 2026-03-03',
        '6 cancelled 2026-03-06',
        '7 completed 2026-03-06',
        '8 completed 2026-03-06',
        '9 completed 2026-03-06',
      ]);
      expect(await select('SELECT count(*) AS n FROM bronze.shop_orders')).toEqual([{ n: 11n }]);
    });

    it('has a snapshot of the products for every day, and a row for the one that is gone', async () => {
      const days = await select(`SELECT CAST(_ingest_date AS VARCHAR) AS day, count(*) AS n, count(DISTINCT id) AS ids,
        list(id ORDER BY id) FILTER (WHERE _deleted) AS gone FROM bronze.shop_products GROUP BY day ORDER BY day`);
      expect(days).toEqual([
        { day: '2026-03-02', n: 4n, ids: 4n, gone: null },
        { day: '2026-03-03', n: 5n, ids: 5n, gone: [4] },
        { day: '2026-03-04', n: 4n, ids: 4n, gone: null },
        { day: '2026-03-06', n: 4n, ids: 4n, gone: null },
      ]);
    });

    it('has the completed orders of each day once, also of days that were run again', async () => {
      const rows = await select(`SELECT id, CAST(placed AS VARCHAR) AS placed, placed = _ingest_date AS own
        FROM bronze.shop_completed_orders ORDER BY id`);
      expect(rows.map(({ id, placed, own }) => `${id} ${placed} ${own}`)).toEqual([
        '1 2026-03-02 true',
        '2 2026-03-02 true',
        '3 2026-03-02 true',
        '4 2026-03-02 true',
        '5 2026-03-03 true',
        '7 2026-03-03 true',
        '8 2026-03-04 true',
        '9 2026-03-06 true',
      ]);
    });

    it('has the system tables of each day, those of the shop among them', async () => {
      const days = await select(`SELECT CAST(_ingest_date AS VARCHAR) AS day,
        list(table_name ORDER BY table_name) FILTER (WHERE table_schema = 'public') AS own FROM bronze.shop_tables GROUP BY day ORDER BY day`);
      const own = ['customers', 'orders', 'products'];
      const wanted = ['2026-03-02', '2026-03-03', '2026-03-04', '2026-03-06'].map((day) => ({ day, own }));
      expect(days).toEqual(wanted);
    });

    it('has what its files say, of the corrected one what it says now', async () => {
      const inLake = async (table: string, columns: string) =>
        (await select(`SELECT parse_filename(_source_path) AS file, ${columns} FROM bronze.${table} ORDER BY ALL`))
          .map((row) => Object.values(row).join(','))
          .sort();
      const inFiles = (paths: readonly string[]) =>
        paths
          .flatMap((path) =>
            readText(path)
              .trimEnd()
              .split('\n')
              .slice(1)
              .map((line) => `${path.split('/').at(-1)},${line}`),
          )
          .sort();
      const corrected = `${EXAMPLE}/data/corrections/prices-20260302.csv`;
      const prices = filesBelow(`${EXAMPLE}/data/prices`).map((path) =>
        path.endsWith('prices-20260302.csv') ? corrected : path,
      );
      expect(await inLake('prices', 'product_id, net_price')).toEqual(inFiles(prices));
      const returns = filesBelow(`${EXAMPLE}/data/returns`);
      const amount = 'order_id, CAST(amount AS DECIMAL(10,2)) AS amount, reason';
      expect(await inLake('returns', amount)).toEqual(inFiles(returns));
    });

    it('is complete up to Friday: a day is waived, and the next one is Monday', async () => {
      const { stdout } = await cli('status', '-o', 'json');
      const stands = (JSON.parse(stdout) as Record<string, unknown>[]).map((one) => [
        one['source'],
        one['last_date'],
        one['next_date'],
        one['gaps'],
        one['group_next_date'],
      ]);
      expect(stands).toEqual(SOURCES.map((name) => [name, '2026-03-06', '2026-03-09', 0, '2026-03-09']));
      const manifests = filesBelowFolder(join(run.lake, 'lake/_manifests/source=returns/ingest_date=2026-03-03')).map(
        (path) => JSON.parse(readFileSync(path, 'utf8')) as { status: string; waived: { reason: string } | null },
      );
      expect(manifests.map(({ status }) => status)).not.toContain('success');
      expect(manifests.flatMap(({ waived }) => waived?.reason ?? [])).toEqual(['the returns desk was closed']);
      const holiday = SOURCES.filter((name) =>
        existsSync(join(run.lake, `lake/_manifests/source=${name}/ingest_date=2026-03-05`)),
      );
      expect(holiday).toEqual([]);
    });

    it('is well by its own account', async () => {
      const { code: verified, stdout } = await cli('verify', '--depth', 'full', '-o', 'json');
      expect({ verified, findings: JSON.parse(stdout) as unknown }).toMatchObject({
        verified: 0,
        findings: { clean: true, findings: [] },
      });
    });

    it('has a shell at the end in which the servers are there', () => {
      const [, shell = ''] = run.stdout.split('== A shell');
      expect(shell).toMatch(/^processed +0$/m);
      expect(shell).toMatch(/^failed +0$/m);
    });

    it('leaves no server and no secret behind', () => {
      expect(run.leftOver()).toEqual([]);
      expect(readdirSync(run.lake).sort()).toEqual(['inbox', 'lake', 'lakeledger.yaml']);
      const password = readFileSync(join(run.folder, 'password'), 'utf8').trim();
      expect(password).toMatch(/^\w{20,}$/);
      expect(run.stdout).not.toContain(password);
      const files = filesBelowFolder(run.lake);
      expect(files.length).toBeGreaterThan(50);
      expect(files.filter((path) => readFileSync(path, 'latin1').includes(password))).toEqual([]);
    });

    it('does not begin its week in a folder that has one, and says so', async () => {
      const before = filesBelowFolder(run.lake);
      const again = new ExampleRun(run.folder, []);
      expect(await again.end()).toBe(2);
      expect(again.stderr).toBe(
        `error: ${run.lake} is not empty, and the week begins with an empty lake\ntry: another folder, or remove this one first\n`,
      );
      expect(again.stdout).toBe('');
      expect(filesBelowFolder(run.lake)).toEqual(before);
    });

    it('stops its servers when it is interrupted', async () => {
      const interrupted = new ExampleRun(join(folder, 'two'), []);
      await interrupted.printed('$ lakeledger ingest --date 2026-03-02');
      interrupted.interrupt();
      expect(await interrupted.end()).toBe(130);
      expect(interrupted.leftOver()).toEqual([]);
    });

    it('says what it can be called with', async () => {
      const wrong = new ExampleRun(join(folder, 'three'), ['--keep']);
      expect(await wrong.end()).toBe(2);
      expect(wrong.stderr).toContain(
        'error: there is no option --keep\ntry: bash examples/shop/run.sh [--shell] [FOLDER]\n',
      );
      expect(existsSync(wrong.lake)).toBe(false);
    });
  });
});

/** Every file below a folder, by its path. */
function filesBelowFolder(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
