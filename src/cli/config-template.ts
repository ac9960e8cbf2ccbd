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
#     # Business dates (docs/dates.md): from when on, with which others, on which days.
#     daily: true
#     start_date: 2026-01-01
#     group: default
#     calendar: {weekdays: [mon, tue, wed, thu, fri], holidays: [2026-12-25]}
#     # A date that has succeeded is not run again (default true with a connection).
#     skip_if_success: false
#   # A table of a database (docs/databases.md); it goes to bronze.<connection>_<table>.
#   shop_orders:
#     connection: shop
#     table: public.orders
#     key: [id]
#     include_columns: [id, amount, updated_at]
#     # full: the whole table with each run; incremental: what is new.
#     load: incremental
#     watermark: {column: updated_at, type: timestamp, nulls: include, overlap: 15m}
#   # A query, by a name; a full load can say which keys are gone.
#   completed_orders:
#     connection: shop
#     query: "SELECT id, amount FROM orders WHERE status = 'completed'"
#     name: completed_orders
#     key: [id]
#     deletes: tombstone
#   # Files of an SFTP server (docs/sftp.md).
#   partner_files:
#     connection: partner
#     path: out/*.csv
#     into: bronze.partner
`;

const CONNECTIONS = `
# Databases and SFTP servers that sources read from. Secrets are references.
# connections:
#   shop:
#     type: postgres
#     host: db.example.com
#     port: 5432
#     database: shop
#     user: reader
#     password: \${env:SHOP_PASSWORD}
#     # disable, require, verify-ca, verify-full; the authority is in a file.
#     ssl: verify-full
#     ca: \${file:ca.pem}
#     connect_timeout: 10s
#     statement_timeout: 1h
#     lock_timeout: 30s
#     idle_timeout: 10m
#     attempts: 3
#   partner:
#     type: sftp
#     host: sftp.example.com
#     port: 22
#     user: reader
#     private_key: \${file:id_ed25519}
#     # The SHA256:… of the server's key, or lines of known_hosts.
#     host_key: \${file:known_hosts}
#     root: /
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

# Sources that \`ingest\` works on at the same time.
# jobs: 4

# Business dates: where "today" is taken from, which days have data. Written into run manifests: environment.
# time_zone: "Europe/Rome"
# calendar:
#   weekdays: [mon, tue, wed, thu, fri]
#   holidays: [2026-12-25]
# environment: production
${CONNECTIONS}${SOURCES}`;
}
