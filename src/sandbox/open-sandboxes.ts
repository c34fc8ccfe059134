import { systemClock } from '../contracts/index.ts';
import type { Clock, IdSource, Sandboxes, WarmSandboxes } from '../contracts/index.ts';
import type { FolderOwnership } from './folder-ownership.ts';
import { OperatorImages } from './images/operator-images.ts';
import { IsolatePool } from './isolate/index.ts';
import type { Machine } from './machine.ts';
import { PooledSandboxes } from './pool/index.ts';
import type { PoolOptions } from './pool/index.ts';
import { Prober } from './prober.ts';
import { AvailableSandboxes } from './sandboxes.ts';

/** Every kind of sandbox of this machine, and the images they start from. Nothing is looked for, or loaded, before it is needed. */
export function openSandboxes(options: {
  /** Where keys and epochs of running sandboxes lie. */
  readonly stateDir: string;
  readonly ownership: FolderOwnership;
  readonly ids: IdSource;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock?: Clock;
}): {
  readonly sandboxes: Sandboxes;
  readonly images: OperatorImages;
  readonly prober: Prober;
  /** No child before the first call. */
  readonly isolates: IsolatePool;
  /** For a service: some stand ready, and no more live than the machine holds. A command that needs one sandbox is better off without. */
  readonly pooled: (pool?: Omit<PoolOptions, 'sandboxes' | 'clock'>) => WarmSandboxes;
} {
  const { stateDir, ownership, ids, env, clock = systemClock } = options;
  let opening: Promise<Machine> | undefined;
  const machine = (): Promise<Machine> => (opening ??= import('./machine.ts').then(({ Machine }) => new Machine({ stateDir, ownership, ids, env, clock })));
  const sandboxes = new AvailableSandboxes(async () => (await machine()).drivers);
  const prober = new Prober({
    sandboxes,
    stateDir,
    ids,
    program: async (signal) => (await machine()).probeProgram(signal),
    account: async (sandbox) => (await machine()).account(sandbox),
  });
  const isolates = new IsolatePool({ searchPath: env['PATH'] ?? '', sandboxed: { sandboxes, ids } });
  return { sandboxes, prober, images: new OperatorImages(async () => (await machine()).engine.client()), isolates, pooled: (pool) => new PooledSandboxes({ ...pool, sandboxes }) };
}
