import { GloveboxError } from '../contracts/index.ts';
import type { SandboxNetwork } from '../contracts/index.ts';

/** Where programs dial without being told a port. */
const ALWAYS = [80, 443];
const MOST = 64;

/** Ports on which init listens for names, in ascending order. Errors: `config_invalid`. */
export function portsOf({ ports }: SandboxNetwork): number[] {
  const odd = ports.find((port) => !Number.isInteger(port) || port < 1 || port > 65_535);
  if (odd !== undefined) throw new GloveboxError('config_invalid', `${odd} is no port that a sandbox could dial`);
  const asked = new Set(ports.filter((port) => !ALWAYS.includes(port)));
  if (asked.size > MOST) throw new GloveboxError('config_invalid', `a sandbox can dial ${MOST} ports besides ${ALWAYS.join(' and ')}, and ${asked.size} were asked for`);
  return [...ALWAYS, ...asked].sort((a, b) => a - b);
}
