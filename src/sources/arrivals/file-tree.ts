import type { PlatformPath } from 'node:path';

/** Stands in a name for bytes that are not UTF-8: the file cannot be found by that name. */
export const BAD_NAME = '\ufffd';

/** What a path leads to, at the end of its links. */
export interface FileState {
  readonly kind: 'file' | 'folder' | 'other';
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly modified: number;
  /** Why it can never be read; else absent. */
  readonly problem?: string;
}

/** A name in a folder. */
export interface TreeEntry {
  readonly name: string;
  readonly kind: 'file' | 'folder' | 'link' | 'other';
  /** What it leads to, where the listing says it already; null when it leads to nothing. */
  readonly state?: FileState | null;
}

type Soon<T> = T | Promise<T>;

/** Folders and files that are looked at and never changed: those of this machine, or of a server. Locations are absolute. */
export interface FileTree {
  /** How its locations are put together. */
  readonly paths: PlatformPath;
  /** Milliseconds: two changes within so long a time can have the same time of change. */
  readonly timeStepMs: number;
  /** A location as people read it. */
  readonly placeOf: (location: string) => string;
  /** Without `.` and `..`, in no order; empty when the folder went away. Throws code `SOURCE_UNREADABLE` when it cannot be listed. */
  readonly list: (folder: string) => Soon<readonly TreeEntry[]>;
  /** Undefined when nothing is there. */
  readonly stat: (location: string) => Soon<FileState | undefined>;
  /** Whether a regular file is there. */
  readonly isFile: (location: string) => Soon<boolean>;
  /** The location without links, of something that is there. */
  readonly realPath: (location: string) => Soon<string>;
  readonly wait: (ms: number) => Promise<void>;
}
