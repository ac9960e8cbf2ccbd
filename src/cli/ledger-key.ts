import { usageError } from '../base/lake-error.js';
import type { LedgerKey } from '../lake.js';

/** Reads `--key`: `file_sha`, or the three columns of the compound key with `,` or `+` between them. */
export function ledgerKey(text: string): LedgerKey {
  const columns = text.split(/[,+]/).map((column) => column.trim());
  if (columns.length === 1 && columns[0] === 'file_sha') return 'file_sha';
  if (columns.length === 3 && columns.join('+') === 'source_repo+file_path+file_sha')
    return 'source_repo+file_path+file_sha';
  throw usageError(`"${text}" is no key`, {
    place: '--key',
    hint: '--key file_sha, or --key source_repo,file_path,file_sha',
  });
}
