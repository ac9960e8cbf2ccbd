/** How far a long piece of work is; whoever shows it decides how often. */
export interface WorkProgress {
  readonly phase: 'read' | 'stage' | 'merge' | 'scan' | 'check' | 'write' | 'delete' | 'list' | 'hash' | 'ingest';
  readonly done: number;
  readonly total?: number;
  readonly unit: string;
  readonly detail?: string;
  /** The same work in bytes; they say better how far it is when files differ in size. */
  readonly bytes?: { readonly done: number; readonly total: number };
  /** The file that is worked on now, in bytes. */
  readonly file?: { readonly path: string; readonly done: number; readonly total: number };
}

/** A file is done; said once per file. */
export interface FileProgress {
  readonly phase: 'file';
  readonly path: string;
  /** `INGESTED`, `FAILED`, … */
  readonly status: string;
  readonly rows: number;
  readonly error: string | null;
  readonly ms: number;
}

export type ProgressEvent = WorkProgress | FileProgress;

export type OnProgress = (event: ProgressEvent) => void;
