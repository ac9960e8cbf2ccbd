import { usageError } from '../base/lake-error.js';
import type { DeltaTable, VersionAt } from '../delta/index.js';
import type { Lake } from '../lake.js';
import { parseTableName } from './table-facts.js';

/** The argument of commands about one table. */
export const TABLE_ARGUMENT = {
  describe: 'A table of the lake or the folder of any Delta table',
  required: true,
} as const;

/** The argument of commands that can look at an older version. */
export const TABLE_AT_ARGUMENT = {
  describe: 'A table of the lake or the folder of any Delta table, with @VERSION if not the newest',
  required: true,
} as const;

export const AT_OPTION = { type: 'text', value: 'VERSION|TIME', describe: 'The table as it was' } as const;

/** Reads `12` or an ISO 8601 time. */
export function parseVersionAt(text: string): VersionAt {
  return /^\d+$/.test(text) ? { version: Number(text) } : { timestamp: text };
}

/** Reads `NAME[@VERSION]` and `--at`. */
export function tableAt(argument: string, at: string | undefined): { readonly name: string; readonly at: VersionAt } {
  const { name, ...version } = parseTableName(argument);
  if (at === undefined) return { name, at: version };
  if (version.version === undefined) return { name, at: parseVersionAt(at) };
  throw usageError(`a version was named twice: ${argument} and --at ${at}`);
}

/** A table that is to be changed: its newest version, never an older one. */
export function writableTable(lake: Lake, argument: string): { readonly table: DeltaTable; readonly name: string } {
  const { name, version } = parseTableName(argument);
  if (version !== undefined) throw usageError(`only the newest version can be changed: ${argument}`, { hint: name });
  return { table: lake.table(name), name };
}

/** Throws when the table is one of the ledger's own, whose state belongs together, unless it is forced. */
export function refuseLedgerTable(
  lake: Lake,
  table: DeltaTable,
  { force, why }: { force: boolean; why: string },
): void {
  const name = lake.ledgerTableOf(table);
  if (name === undefined || force) return;
  throw usageError(`${name} is one of the ledger's own tables: ${why}`, {
    place: table.path,
    hint: '--force, when you know what the ledger makes of it',
  });
}
