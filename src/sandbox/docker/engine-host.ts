import { hostname, release } from 'node:os';
import type { EngineInfo } from './engine.ts';

/** Why devices of this machine are of no use to the engine; undefined when it runs right here, as root. */
export function engineIsElsewhere(info: EngineInfo): string | undefined {
  if (info.Name !== hostname() || info.KernelVersion !== release()) return 'the engine runs on another machine';
  // There the sandbox's user has another number than the one we know.
  if (info.SecurityOptions.some((option) => /name=(rootless|userns)/.test(option))) return 'the engine runs in a user namespace';
  return undefined;
}
