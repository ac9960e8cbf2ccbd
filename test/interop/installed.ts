import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findPython } from './delta-rs.js';

const CHDB = fileURLToPath(new URL('../../interop/node_modules/.installed-lock.json', import.meta.url));
const JARS = fileURLToPath(new URL('../../.venv/jars/installed-pom.xml', import.meta.url));

/** The engines that are missing on this machine, and the scripts that bring them. */
export function missingTools(): string[] {
  return [
    ...(findPython() === undefined ? ['delta-rs and Spark (test/interop/setup-python.sh)'] : []),
    ...(existsSync(JARS) ? [] : ['Delta Lake for Spark (test/interop/setup-spark.sh)']),
    ...(existsSync(CHDB) ? [] : ['chdb (test/interop/setup-chdb.sh)']),
  ];
}
