import { fillSql, joinFragments, readSqlFile, trustedFragment } from '../../base/sql-file.js';
import type { Session } from '../../duckdb/session.js';
import { type Layout, type StageTables, stageColumns } from './stage-tables.js';

const CHARACTERS_PER_INSERT = 1024 * 1024;
const ROWS_PER_INSERT = 2000;

interface Waiting {
  readonly no: number;
  /** A JSON array: the numbers of file and row, and a text for each column of the layout. */
  readonly text: string;
}

/**
 * Rows of text on their way into the tables of a stage. Those of many small files go in one statement: planning it takes longer
 * than the rows of most of them.
 */
export class TextPool {
  readonly #session: Session;
  readonly #tables: StageTables;
  readonly #waiting = new Map<Layout, Waiting[]>();
  #rows = 0;
  #characters = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(session: Session, tables: StageTables) {
    this.#session = session;
    this.#tables = tables;
  }

  /** Takes the rows of a file; `from` says for each column of the layout where the row has it. */
  async add(
    layout: Layout,
    no: number,
    { rows, from }: { rows: readonly (readonly (string | null)[])[]; from: readonly (number | undefined)[] },
  ): Promise<void> {
    for (const [i, row] of rows.entries()) {
      const values = from.map((at) => (at === undefined ? null : (row[at] ?? null)));
      const text = JSON.stringify([String(no), String(i + 1), ...values]);
      this.#of(layout).push({ no, text });
      this.#rows += 1;
      this.#characters += text.length;
      if (this.#rows >= ROWS_PER_INSERT || this.#characters >= CHARACTERS_PER_INSERT) await this.#tryWrite();
    }
    // A file without rows is part of its layout too.
    this.#of(layout);
  }

  /** Forgets the rows of a file that have not been written. */
  remove(no: number): void {
    for (const [layout, rows] of this.#waiting)
      this.#waiting.set(
        layout,
        rows.filter((row) => row.no !== no),
      );
  }

  /** Writes what waits. Rejects when that, or an earlier writing, fails: the rows of whatever file may be missing then. */
  async flush(): Promise<void> {
    await this.#tryWrite();
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #of(layout: Layout): Waiting[] {
    const known = this.#waiting.get(layout);
    if (known !== undefined) return known;
    const rows: Waiting[] = [];
    this.#waiting.set(layout, rows);
    return rows;
  }

  /** A failure is not about the file that happens to be the last. */
  async #tryWrite(): Promise<void> {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    this.#rows = 0;
    this.#characters = 0;
    if (this.#failure !== undefined) return;
    try {
      for (const [layout, rows] of waiting) await this.#write(layout, rows);
    } catch (error) {
      this.#failure = { error };
    }
  }

  async #write(layout: Layout, rows: readonly Waiting[]): Promise<void> {
    await this.#tables.prepare(layout);
    if (rows.length === 0) return;
    const count = layout.columns.length;
    const sql = fillSql(readSqlFile('sources', 'stage_texts'), {
      table: layout.table,
      names: joinFragments(stageColumns(count), ', '),
      values: joinFragments(
        Array.from({ length: count }, (_, i) => trustedFragment(`v[${i + 3}]`)),
        ', ',
      ),
    });
    const [row] = await this.#session.rows(sql, { rows: `[${rows.map(({ text }) => text).join(',')}]` });
    const written = Number(row?.['Count'] ?? 0);
    if (written !== rows.length) throw new Error(`${written} of ${rows.length} rows were staged`);
  }
}
