import type { LedgerKey } from '../lake.js';

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
`;
}
