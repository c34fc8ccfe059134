import type { Egress, EgressGate, NetworkGrant, Sandbox, SandboxNetwork } from '../contracts/index.ts';
import type { Gate } from './gate.ts';

/** Where what a sandbox needs for its way out lies in it: a place that is writable in every kind, out of the way of what programs list. */
const FOLDER = '/tmp/.glovebox';

/** What egress may ask of a session: each connection is decided and written down like anything else. `unwritten` hears of what could not be. */
export function egressGate(gate: Gate, touch: () => void, unwritten: (error: unknown) => void): EgressGate {
  const written = async <T>(writing: Promise<T>): Promise<T> => {
    try {
      return await writing;
    } catch (error) {
      unwritten(error);
      throw error;
    }
  };
  return {
    decide: async (request, signal) => {
      touch();
      const { allowed, decision, event } = await gate.consider(request, { signal });
      await written(gate.write([event]));
      return { allowed, decision };
    },
    record: async (event) => {
      touch();
      await written(gate.write([event]));
    },
  };
}

/** What its sandboxes are made with, where a session has a way out. */
export function networkSpec(egress: Egress, { destinations }: NetworkGrant): { readonly network: SandboxNetwork; readonly env: Readonly<Record<string, string>> } {
  return { network: { ports: [...new Set(destinations.map(({ port }) => port))] }, env: egress.provisions(FOLDER).env };
}

/** What has to lie in a sandbox before its first command. */
export async function provide(egress: Egress, { files }: Sandbox, signal: AbortSignal): Promise<void> {
  for (const [path, bytes] of Object.entries(egress.provisions(FOLDER).files)) await files.write(path, bytes, { parents: true, mode: 0o644, signal });
}
