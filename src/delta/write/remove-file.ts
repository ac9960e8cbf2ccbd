import type { AddFile, RemoveFile } from '../protocol/actions.js';

/** The tombstone of a live file (PROTOCOL.md, "Add File and Remove File"). `now` in milliseconds since the epoch. */
export function removeOf(file: AddFile, now: number, dataChange = true): RemoveFile {
  return {
    path: file.path,
    deletionTimestamp: now,
    dataChange,
    extendedFileMetadata: true,
    partitionValues: file.partitionValues,
    size: file.size,
    ...(file.tags == null ? {} : { tags: file.tags }),
    ...(file.deletionVector == null ? {} : { deletionVector: file.deletionVector }),
  };
}
