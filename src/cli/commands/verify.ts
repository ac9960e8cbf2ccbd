import { EXIT } from '../../base/lake-error.js';
import type { VerifyFinding, VerifyResult } from '../../ingest/verify/verify.js';
import { defineCommand } from '../command.js';
import { withLakeState } from '../lake-state.js';
import { countText } from '../render/amounts.js';
import type { RowStyle } from '../render/row-types.js';
import { renderTable } from '../render/table.js';
import { rowsOf, writeObject } from '../results.js';

const COLUMNS = [
  'kind',
  'level',
  'target',
  'source',
  'path',
  'sha',
  'expected',
  'found',
  'message',
  'hint',
  'repaired',
];
const SHOWN = ['kind', 'target', 'path', 'message'];
/** Findings that a person is shown; the other formats have all. */
const LINES = 50;
const HINTS = 5;

export const verifyCommand = defineCommand({
  path: ['verify'],
  summary: 'Compare the ledger with the rows of its targets, raw copies and sources; exit code 1 if they differ',
  arguments: { names: { describe: 'Targets or sources (default: all)', many: true } },
  options: {
    depth: {
      type: 'text',
      choices: ['light', 'full'],
      describe: 'full also reads every byte: data files, row numbers, raw copies, sources',
      default: 'light',
    },
    repair: {
      type: 'flag',
      describe: 'Write what the ledger lacks, from the rows of the targets; data is never touched',
    },
  },
  examples: [
    { command: 'lakeledger verify', comment: 'does every file have its rows, once?' },
    { command: 'lakeledger verify --depth full -o json', comment: 'read all the bytes again' },
  ],
  async run(invocation) {
    const { options, arguments: given, progress } = invocation;
    const result = await withLakeState(invocation, (state) =>
      state.verify({
        names: given.names,
        depth: options.depth as 'light',
        repair: options.repair,
        onProgress: progress.report,
      }),
    );
    await writeObject(invocation, {
      value: result,
      text: (style) => verifyText(result, style),
      rows: rowsOf(result.findings, COLUMNS),
    });
    return result.clean ? EXIT.ok : EXIT.data;
  },
});

function isWrong({ level, repaired }: VerifyFinding): boolean {
  return level === 'error' && !repaired;
}

function verdict({ targets, findings }: VerifyResult): string {
  const repaired = findings.filter((finding) => finding.repaired).length;
  const wrong = findings.filter(isWrong).length;
  const noted = findings.length - wrong - repaired;
  const parts = [
    countText(targets.length, 'target'),
    countText(
      targets.reduce((sum, { files }) => sum + files, 0),
      'file',
    ),
    countText(
      targets.reduce((sum, { rows }) => sum + rows, 0),
      'row',
    ),
    ...(repaired > 0 ? [`${repaired.toLocaleString('en')} repaired`] : []),
    ...(noted > 0 ? [`${noted.toLocaleString('en')} worth knowing`] : []),
    wrong === 0 ? 'all well' : `${wrong.toLocaleString('en')} wrong`,
  ];
  return `${parts.join(', ')}\n`;
}

function verifyText(result: VerifyResult, style: RowStyle): string {
  const { targets, findings } = result;
  if (targets.length === 0) return 'nothing was ingested into this lake yet\n';
  if (findings.length === 0) return verdict(result);
  const lines = findings.slice(0, LINES).map(({ kind, repaired, level, ...finding }) => ({
    ...finding,
    kind: repaired ? `${kind} (repaired)` : level === 'info' ? `${kind} (info)` : kind,
  }));
  const shown = rowsOf(lines, SHOWN);
  const hints = [...new Set(findings.filter(isWrong).flatMap(({ hint }) => hint ?? []))];
  const advice = hints.slice(0, HINTS).map((hint) => `try: ${hint}\n`);
  const more = findings.length > LINES ? `… and ${findings.length - LINES} more; -o csv lists all\n` : '';
  return `${verdict(result)}\n${renderTable(shown.columns, shown.rows, style)}${more}\n${advice.join('')}`;
}
