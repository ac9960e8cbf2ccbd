import { TOOLS, type ToolName } from './tools.js';

export const COLUMNS = ['reads ours', 'we read theirs', 'writes ours', 'we write theirs'] as const;
export type Column = (typeof COLUMNS)[number];

/** What the suite has found, by shape, tool and column. */
export class InteropTable {
  readonly #cells = new Map<string, string>();

  set(shape: string, [tool, column]: readonly [ToolName, Column], text: string): void {
    this.#cells.set(JSON.stringify([shape, tool, column]), text);
  }

  get(shape: string, [tool, column]: readonly [ToolName, Column]): string | undefined {
    return this.#cells.get(JSON.stringify([shape, tool, column]));
  }

  /** The document, `shapes` in their order. */
  render(shapes: readonly string[], versions: Readonly<Record<ToolName, string>>): string {
    const cell = (shape: string, tool: ToolName, column: Column) => this.get(shape, [tool, column]) ?? '';
    const tables = TOOLS.map((tool) => {
      const rows = shapes.map((shape) => [shape, ...COLUMNS.map((column) => cell(shape, tool, column))]);
      return [`## ${versions[tool]}`, '', ...markdownTable([['table', ...COLUMNS], ...rows])].join('\n');
    });
    return `${HEAD}\n\n${tables.join('\n\n')}\n`;
  }
}

const HEAD = `# Interoperability

Written by the interoperability suite (\`UPDATE_DOCS=1 npx vitest run --config vitest.interop.config.ts\`), which fails when it finds anything else.

- **reads ours**: of a table made here, the rows of every version that can still be read are equal, and so are the schema, partition columns, properties, history and, where there is one, the change data feed.
- **we read theirs**: the same for a table made there by the same steps. Whoever made it, the rows after every step are equal too.
- **writes ours**: it appends to, deletes from, updates and merges into a table made here; then we do; then all read the same rows. Writes that would break a constraint are refused.
- **we write theirs**: the same the other way round.

✓ stands for all of it, – for none, an empty cell for a table that the other does not make.

delta-kernel-rs comes inside ClickHouse (chdb). It makes no tables and only appends, so that "theirs" is there what it has appended to ours. Of tables made here it tells rows and changes only,
and it cannot tell a null struct, list or map from one of nulls or an empty one.`;

/** Lines of a Markdown table with columns of equal width. */
function markdownTable(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length), 3));
  const line = (cells: readonly string[]) => `| ${cells.map((text, i) => text.padEnd(widths[i]!)).join(' | ')} |`;
  const [head, ...others] = rows;
  return [line(head!), line(widths.map((width) => '-'.repeat(width))), ...others.map(line)];
}
