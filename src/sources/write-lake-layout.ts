import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LakeError, messageOf } from '../base/lake-error.js';
import type { FileManifest } from './scan-paths.js';

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Creates a folder and those above it, each durable in the one that holds it. */
async function makeFolder(folder: string): Promise<void> {
  if (existsSync(folder)) return;
  const above = dirname(folder);
  await makeFolder(above);
  await mkdir(folder, { recursive: true });
  await syncFolder(above);
}

/** Replaces a file so that a reader, or a crash at any moment, sees the old content or the new. */
async function replaceFile(file: string, text: string): Promise<void> {
  const temporary = join(dirname(file), `.${randomUUID()}.tmp`);
  try {
    const handle = await open(temporary, 'wx');
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    await syncFolder(dirname(file));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function readLines(file: string): Promise<string[]> {
  try {
    return (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Where a manifest stands below the folder of the lake layout (seed 000 §3). */
function layoutPath(manifest: FileManifest): string {
  const { source, ingest_date: date, file_sha: sha } = manifest;
  return `github/${source}/ingest_date=${date}/file_sha=${sha}/manifest.json`;
}

/**
 * Writes a manifest to its place below `folder`, atomically and durably. One content at several paths on one day has one place: its manifests stand there
 * one a line. False when the manifest was there already. Calls for one folder must not overlap. Rejects with a `LakeError` of code `STORAGE`.
 */
export async function writeLakeLayout(folder: string, manifest: FileManifest): Promise<boolean> {
  const file = join(folder, layoutPath(manifest));
  const line = JSON.stringify(manifest);
  try {
    await makeFolder(dirname(file));
    const lines = await readLines(file);
    if (lines.includes(line)) return false;
    await replaceFile(file, `${[...lines, line].join('\n')}\n`);
    return true;
  } catch (error) {
    throw new LakeError('STORAGE', `cannot write ${file}: ${messageOf(error)}`, { place: file, cause: error });
  }
}
