/** How far a long piece of work is; whoever shows it decides how often. */
export interface ProgressEvent {
  readonly phase: 'read' | 'stage' | 'merge' | 'scan' | 'check' | 'write' | 'delete';
  readonly done: number;
  readonly total?: number;
  readonly unit: string;
  readonly detail?: string;
}

export type OnProgress = (event: ProgressEvent) => void;
