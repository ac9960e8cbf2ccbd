import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** In order of preference within one folder. */
export const CONFIG_NAMES = ['lakeledger.yaml', 'lakeledger.yml', 'lakeledger.json', 'lakeledger.ts'] as const;

/** The nearest configuration file in `folder` or above it. */
export function findConfig(folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    const name = CONFIG_NAMES.find((candidate) => existsSync(join(at, candidate)));
    if (name !== undefined) return join(at, name);
    if (dirname(at) === at) return undefined;
  }
}
