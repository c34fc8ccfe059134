import type { Journal, Policies, Sandboxes, Workspace } from '../contracts/index.ts';
import type { Runs } from '../runs/index.ts';
import type { Approver, SessionPorts } from '../session/index.ts';

/** An image of ours and whether the engine has it. */
export interface ImageState {
  readonly name: string;
  readonly present: boolean;
  readonly id?: string;
}

export interface Images {
  list(signal?: AbortSignal): Promise<readonly ImageState[]>;
  build(names: readonly string[], options: { onProgress: (line: string) => void; signal?: AbortSignal }): Promise<void>;
}

/** What commands work with. Built when a command needs it, so that `--help` costs nothing. */
export interface Services extends AsyncDisposable {
  readonly stateDir: string;
  readonly version: string;
  /** Where the demo's repositories and transcripts are. */
  readonly demoDir: string;
  readonly journal: Journal;
  readonly policies: Policies;
  readonly sandboxes: Sandboxes;
  readonly workspace: Workspace;
  readonly images: Images;
  readonly principal: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  sessionPorts(approver?: Approver): SessionPorts;
  runs(approver?: Approver): Runs;
}
