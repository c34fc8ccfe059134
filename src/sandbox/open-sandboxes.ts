import { systemClock } from '../contracts/index.ts';
import type { Clock, IdSource, Isolates, Sandboxes, WarmSandboxes } from '../contracts/index.ts';
import { BubblewrapDriver } from './bubblewrap/index.ts';
import { DockerDriver, Engine, extractInit } from './docker/index.ts';
import { containerName } from './docker/labels.ts';
import { findEngine, OperatorImages, SandboxImages } from './images/index.ts';
import type { ImageName } from './images/index.ts';
import { InitBinary } from './init-binary.ts';
import { IsolatePool } from './isolate/index.ts';
import { OwnImages } from './own-images.ts';
import { PooledSandboxes } from './pool/index.ts';
import type { PoolOptions } from './pool/index.ts';
import { Prober } from './prober.ts';
import { AvailableSandboxes } from './sandboxes.ts';

/** Every kind of sandbox of this machine, and the images they start from. Nothing is looked for before it is needed. */
export function openSandboxes(options: {
  /** Where keys and epochs of running sandboxes lie. */
  readonly stateDir: string;
  readonly ids: IdSource;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock?: Clock;
}): {
  readonly sandboxes: Sandboxes;
  readonly images: OperatorImages;
  readonly prober: Prober;
  /** No child before the first call. */
  readonly isolates: Isolates;
  /** For a service: some stand ready, and no more live than the machine holds. A command that needs one sandbox is better off without. */
  readonly pooled: (pool?: Omit<PoolOptions, 'sandboxes' | 'clock'>) => WarmSandboxes;
} {
  const { stateDir, ids, env, clock = systemClock } = options;
  const engine = new Engine(() => findEngine(env));
  const own = new OwnImages(async () => new SandboxImages(await engine.client()));
  const docker = { engine, stateDir, ids, clock, imageReference: (name: ImageName) => own.reference(name) };
  const built = { stateDir, ...(env['PATH'] === undefined ? {} : { searchPath: env['PATH'] }) };
  const init = new InitBinary({ ...built, extract: (reference, signal) => extractInit(engine, reference, signal) });
  const probe = new InitBinary({ ...built, image: 'probe', extract: (reference, signal) => extractInit(engine, reference, signal, 'probe') });
  const sandboxes = new AvailableSandboxes([
    new DockerDriver({ ...docker, kind: 'gvisor' }),
    new DockerDriver({ ...docker, kind: 'container' }),
    new BubblewrapDriver({ stateDir, ids, clock, init }),
  ]);
  const prober = new Prober({
    sandboxes,
    stateDir,
    ids,
    program: (signal) => probe.path(signal),
    account: async ({ id, kind }) => (kind === 'process' ? undefined : JSON.stringify(await engine.container(containerName(id)))),
  });
  const isolates = new IsolatePool({ searchPath: env['PATH'] ?? '', sandboxed: { sandboxes, ids } });
  return { sandboxes, prober, images: new OperatorImages(() => engine.client()), isolates, pooled: (pool) => new PooledSandboxes({ ...pool, sandboxes, clock }) };
}
