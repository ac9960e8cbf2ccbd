import type { LedgerKey } from '../lake.js';

const SOURCES = `
# What \`ingest\` takes: a name, the files, the table they go to. docs/ingest.md has every key in words.
# sources:
#   orders:
#     # Files, folders or globs (one or a list), relative to this file.
#     path: data/orders/*.csv
#     exclude: [data/orders/old-*]
#     into: bronze.orders
#     # csv, json, parquet or auto; or with options. What is not given is found out.
#     format: {type: csv, delimiter: ';', quote: '"', escape: '"', header: true, encoding: utf-8, skip: 0, null_values: [NA]}
#     # Columns that identify a row: a correction then says which rows it changed.
#     key: [id]
#     # New columns and values of another type: evolve, freeze, rescue, discard_row.
#     contract: {columns: evolve, types: rescue}
#     columns: {code: VARCHAR}
#     # Judged before the commit: warn counts, quarantine rejects the row, fail fails the file.
#     expectations: [{name: amount_is_positive, expect: amount >= 0, action: warn}]
#     max_rejected_rows: 100
#     # New bytes at a known path: replace its rows, append, hold for a person.
#     on_correction: replace
#     retry: {attempts: 3, delay: 1s, max_delay: 1h}
#     # Keep a copy of the bytes in the lake.
#     keep_raw: false
#     # When a file counts as complete.
#     arrival: {min_age: 30s, stable_for: 5s, done_file: '{path}.done', temporary_suffixes: [.tmp, .part]}
#     business_date: orders-{yyyyMMdd}.csv
#     # The order in which files are taken: path, modified.
#     order: path
#     # A SELECT over \`source\` that makes the rows, and its $named parameters.
#     transform: sql/orders.sql
#     params: {country: IT}
#     # false: only when it is named.
#     enabled: true
`;

/** The configuration that `init --with-config` writes: everything there is, with its default, commented out. */
export function configTemplate(lake: string, key: LedgerKey = 'file_sha'): string {
  const keyText = key === 'file_sha' ? key : `[${key.replaceAll('+', ', ')}]`;
  return `# lakeledger finds this file from its folder and every folder below.
# A flag wins over an environment variable (LAKELEDGER_BATCH_SIZE), that over this file.
# Secrets are references, never values: \${env:NAME} or \${file:PATH}.

# The folder of the lake, relative to this file.
lake: ${JSON.stringify(lake)}

# What identifies a canonical row: file_sha, or [source_repo, file_path, file_sha].
# Chosen when the lake is created.
${key === 'file_sha' ? '# ' : ''}key: ${keyText}

# Manifests per commit of \`record\`.
# batch_size: 100000

# One rejected manifest fails \`record\` before anything is written.
# strict: false

# A MERGE statement of your own, relative to this file.
# merge_sql: sql/merge.sql

# Form of results on stdout: table, json, ndjson, csv, markdown.
# output: table

# Progress on stderr: auto, bar, log, none. Messages: text, json.
# progress: auto
# log_format: text

# checks:
#   # A folder with checks of your own (SQL files).
#   folder: checks
#   # The level from which \`check run\` ends with exit code 1: error, warn, never.
#   fail_on: error
${SOURCES}`;
}
