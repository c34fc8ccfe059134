import type { CommandSpec, SandboxDriver } from '../../src/contracts/index.ts';
import { BubblewrapWorld, bubblewrapDriver } from './sandbox-bubblewrap.ts';
import { DockerWorld } from './sandbox-docker.ts';
import type { SandboxWorld } from './sandbox-world.ts';

/** The kinds on which what is common to all is tried. */
export const KINDS = ['container', 'process'] as const;
export type Kind = (typeof KINDS)[number];

export function openWorld(kind: Kind): SandboxWorld {
  return kind === 'container' ? new DockerWorld('container') : new BubblewrapWorld();
}

/** A second driver on a world's state folder, as another process has it. */
export function worldIn(kind: Kind, stateDir: string): SandboxDriver {
  return kind === 'container' ? new DockerWorld('container', { stateDir }).driver : bubblewrapDriver(stateDir);
}

/** About 22 MB of which every byte is known, a trace that it ran, and an end that is no other's. */
export const STREAMING: Omit<CommandSpec, 'id'> = {
  argv: ['/bin/sh', '-c', 'echo x >> /workspace/ran; seq 1 3000000; exit 7'],
  limits: { wallMs: 60_000 },
};
