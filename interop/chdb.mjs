// delta-kernel-rs inside chdb, for the interoperability suite: answers JSON lines `{id, call, given}` on standard input with
// `{id, answer}` or `{id, error}`, in order. Rows go through Parquet files that the caller names.
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Session } from 'chdb';

// chdb reads local tables below its working folder only.
process.chdir('/');
const session = new Session();

/** Without the first, a bare count leaves deletion vectors out; without the second, strings are bytes in Parquet. */
const READING = 'optimize_trivial_count_query = 0, output_format_parquet_string_as_string = 1';

const text = (value) => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
const name = (value) => `\`${value.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;
const tableAt = (path) => `deltaLakeLocal(${text(path)})`;

function rowsOf(given, settings) {
  const skipped = given.without === undefined ? '' : ` EXCEPT (${given.without.map(name).join(', ')})`;
  // ClickHouse has one type for text and bytes.
  const hex = given.binary.map((column) => ` REPLACE (lower(hex(${name(column)})) AS ${name(column)})`).join('');
  session.query(
    `SELECT *${skipped}${hex} FROM ${tableAt(given.path)} INTO OUTFILE ${text(given.file)} TRUNCATE FORMAT Parquet SETTINGS ${[READING, ...settings].join(', ')}`,
  );
  return given.file;
}

const calls = {
  versions: () => {
    const settings = "SELECT value FROM system.build_options WHERE name = 'VERSION_DESCRIBE'";
    return `ClickHouse ${session.query(settings, 'TSVRaw').trim()}`;
  },
  /** Writes the rows of one version to `given.file`. */
  read: (given) => rowsOf(given, [`delta_lake_snapshot_version = ${given.version}`]),
  /** Writes the changes of the versions from `given.from` to `given.to` to `given.file`. */
  changes: (given) =>
    rowsOf(given, [
      `delta_lake_snapshot_start_version = ${given.from}`,
      `delta_lake_snapshot_end_version = ${given.to}`,
    ]),
  /** Appends the rows of the Parquet file `given.file`. */
  append: (given) => {
    const columns = given.columns.map(name).join(', ');
    session.query(
      `INSERT INTO TABLE FUNCTION ${tableAt(given.path)} (${columns}) SELECT ${columns} FROM file(${text(given.file)}, Parquet) SETTINGS allow_experimental_delta_lake_writes = 1`,
    );
    return null;
  },
};

function reply(message) {
  writeSync(1, `${JSON.stringify(message)}\n`);
}

reply({ id: 0, answer: calls.versions() });
for await (const line of createInterface({ input: process.stdin })) {
  const { id, call, given } = JSON.parse(line);
  try {
    reply({ id, answer: calls[call](given) });
  } catch (error) {
    reply({ id, error: String(error.message ?? error) });
  }
}
