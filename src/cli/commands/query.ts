import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { EXIT, LakeError, messageOf, usageError } from '../../base/lake-error.js';
import type { SqlColumn } from '../../duckdb/session.js';
import { defineCommand } from '../command.js';
import type { Invocation } from '../invocation.js';
import { parseAttach, parseParam } from '../parse-values.js';
import { readStdin } from '../read-stdin.js';
import { rowWriter } from '../render/row-writer.js';
import { rowStyle, withSink } from '../results.js';
import { withLake } from '../with-lake.js';

export const queryCommand = defineCommand({
  path: ['query'],
  summary: 'Answer one SELECT over the tables of the lake, and any Delta table beside it',
  arguments: { sql: { describe: 'The statement, or - for standard input' } },
  options: {
    file: { type: 'text', value: 'FILE', alias: 'f', describe: 'Read the statement from a file' },
    attach: {
      type: 'list',
      value: 'NAME=PATH[@VERSION]',
      describe: 'Give a Delta table outside the lake a name',
    },
    'as-of': { type: 'text', value: 'VERSION|TIME', describe: 'Read the tables of the lake as they were' },
    param: {
      type: 'list',
      value: 'NAME=VALUE',
      describe: "Value of $NAME; numbers, true, false and null are read as such, 'text' is text",
    },
  },
  examples: [
    {
      command: 'lakeledger query "SELECT status, count(*) AS files FROM metadata.ingestion_manifest GROUP BY ALL"',
      comment: 'how many files ended how',
    },
    {
      command: 'lakeledger query -o csv "FROM metadata.ingestion_event WHERE status = \\$s LIMIT 10" --param s=FAILED',
      comment: 'ten failures as CSV',
    },
  ],
  async run(invocation) {
    const { options } = invocation;
    const sql = await statement(invocation, invocation.arguments.sql);
    const request = {
      params: Object.fromEntries(options.param.map(parseParam)),
      attach: Object.fromEntries(options.attach.map(parseAttach)),
      ...(options['as-of'] === undefined ? {} : { asOf: options['as-of'] }),
    };
    const [target] = invocation.outputs;
    await withLake(invocation, async (lake) => {
      try {
        await withSink(invocation, target, async (sink) => {
          const writer = rowWriter(target.format, sink, rowStyle(invocation, target));
          let columns: readonly SqlColumn[] | undefined;
          const begin = async () => {
            if (columns !== undefined) await writer.begin(columns);
            columns = undefined;
          };
          const chunks = lake.selectStream(sql, {
            ...request,
            onColumns: (found) => {
              columns = found;
            },
          });
          for await (const rows of chunks) {
            await begin();
            await writer.rows(rows);
            if (sink.closed) break;
          }
          await begin();
          await writer.end();
        });
      } catch (error) {
        throw explain(error, options.lake);
      }
    });
    return EXIT.ok;
  },
});

async function statement(invocation: Invocation, argument: string | undefined): Promise<string> {
  const file = invocation.options.file as string | undefined;
  if ((argument === undefined) === (file === undefined)) {
    throw usageError(
      argument === undefined ? 'lakeledger query needs a statement' : 'a statement and --file were given',
      {
        hint: queryCommand.examples[0].command,
      },
    );
  }
  if (argument !== undefined) return argument === '-' ? readStdin(invocation.io) : argument;
  try {
    return await readFile(file ?? '', 'utf8');
  } catch (error) {
    throw usageError(`cannot read the statement: ${messageOf(error)}`, { place: file ?? '', cause: error });
  }
}

/** Errors of the engine that are not about the statement. */
const ENGINE_ERROR = /^(IO|Out of Memory|Internal|FATAL|Permission|HTTP|INTERRUPT) Error/i;

/** What DuckDB says about a statement is a mistake of whoever wrote it (exit code 2), not of the tool. */
function explain(error: unknown, lake: string): unknown {
  if (!(error instanceof LakeError) || error.code !== 'SQL' || ENGINE_ERROR.test(error.message)) return error;
  const missing = /parameters: (\w+)/.exec(error.message)?.[1];
  if (missing !== undefined) {
    return usageError(`the statement needs a value for $${missing}`, { hint: `--param ${missing}=…`, cause: error });
  }
  if (error.message.includes('bind parameter index')) {
    return usageError('a --param is given that the statement does not use', {
      hint: 'write $NAME where it belongs',
      cause: error,
    });
  }
  const noTable = /^Catalog Error: Table with name/.test(error.message);
  const hint = existsSync(lake)
    ? 'lakeledger table list'
    : `there is no lake at ${lake}; --lake DIR, or lakeledger init`;
  return new LakeError('SQL', error.message.replaceAll(/\n\s*\n/g, '\n'), {
    exitCode: EXIT.usage,
    cause: error,
    ...(noTable ? { hint } : {}),
  });
}
