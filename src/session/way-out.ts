import type { Anomaly, Broker, CanaryGrant, CredentialGrant, Egress, EgressAnswer, EgressCall, EgressGate, EgressRequest, NetworkGrant, OutputFilter, Policy, Sandbox, SandboxSpec, Stoppable, Variables } from '../contracts/index.ts';
import type { Gate, Verdict } from './gate.ts';

/** Where what a sandbox needs for its way out lies in it: a place that is writable in every kind, out of the way of what programs list. */
const FOLDER = '/tmp/.glovebox';

interface WayOutOptions {
  readonly broker: Broker;
  readonly network: NetworkGrant;
  readonly credentials: readonly CredentialGrant[];
  readonly canaries: CanaryGrant | undefined;
  /** Who is lent them. */
  readonly borrower?: Stoppable;
  readonly signal: AbortSignal;
  readonly gate: EgressGate;
}

interface EgressGateOptions {
  /** Go with every question; undefined where the policy has no use for any. */
  readonly variables: Variables | undefined;
  readonly gate: Gate;
  readonly touch: () => void;
  /** Hears of each anomaly, once it is written down. */
  readonly alarmed: (anomaly: Anomaly) => void;
  /** Hears of what could not be written down. */
  readonly unwritten: (error: unknown) => void;
}

/** What leads out of the sandboxes of a session: each thing that goes there is decided and written down like anything else. */
export class WayOut implements AsyncDisposable {
  readonly #egress: Egress;

  /** Errors: `credential_unavailable` where one cannot be lent, `config_invalid`, `cancelled`. */
  static async open(options: WayOutOptions): Promise<WayOut> {
    const { broker, ...opening } = options;
    return new WayOut(await broker.open(opening));
  }

  private constructor(egress: Egress) {
    this.#egress = egress;
  }

  /** What a sandbox is made with; its own environment comes first. */
  widen(spec: SandboxSpec): SandboxSpec {
    const { ports, env } = this.#egress.provisions(FOLDER);
    return { ...spec, network: { ports }, env: { ...env, ...spec.env } };
  }

  /** A sandbox that cannot be given it is not kept. */
  async give(sandbox: Sandbox, signal: AbortSignal): Promise<void> {
    try {
      for (const [path, bytes] of Object.entries(this.#egress.provisions(FOLDER).files)) await sandbox.files.write(path, bytes, { parents: true, mode: 0o644, signal });
    } catch (error) {
      // Why it could not be is the thing to tell; a sandbox that cannot be removed either is the sweeper's.
      await sandbox.destroy().catch(() => {});
      throw error;
    }
    sandbox.serveNetwork((connection) => this.#egress.accept(connection));
  }

  /** For programs that are in no sandbox. Errors: see `Egress.request`. */
  request(call: EgressCall): Promise<EgressAnswer> {
    return this.#egress.request(call);
  }

  /** For one channel of a command. See `Egress.outputFilter`. */
  outputFilter(onCanary: (canary: string) => void): OutputFilter | undefined {
    return this.#egress.outputFilter(onCanary);
  }

  /** For one stream of files. See `Egress.secretSight`. */
  secretSight(): ReturnType<Egress['secretSight']> {
    return this.#egress.secretSight();
  }

  canariesIn(text: string): readonly string[] {
    return this.#egress.canariesIn(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#egress[Symbol.asyncDispose]();
  }
}

/** A session's gate, as egress sees it. */
export function egressGate({ gate, variables, touch, alarmed, unwritten }: EgressGateOptions): EgressGate {
  const written = async (writing: Promise<unknown>): Promise<void> => {
    try {
      await writing;
    } catch (error) {
      unwritten(error);
      throw error;
    }
  };
  return {
    decide: async ([first, ...others], signal) => {
      touch();
      const ask = (request: EgressRequest): Verdict | Promise<Verdict> => gate.consider(variables === undefined ? request : { ...request, variables }, { signal });
      const asked = ask(first);
      let last = asked instanceof Promise ? await asked : asked;
      const events = [last.event];
      for (const request of last.allowed ? others : []) {
        const answer = ask(request);
        // A person takes his time.
        if (answer instanceof Promise) await written(gate.write(events.splice(0)));
        last = answer instanceof Promise ? await answer : answer;
        events.push(last.event);
        if (!last.allowed) break;
      }
      await written(gate.write(events));
      return { allowed: last.allowed, decision: last.decision };
    },
    record: async (events, { durable = false } = {}) => {
      touch();
      await written(gate.write(events, durable));
      for (const event of events) if (event.type === 'anomaly.raised') alarmed(event.data);
    },
  };
}

/** The values that the policy has a use for; nothing where it has no names. */
export function boundIn({ grant }: Policy, variables: Variables): Variables | undefined {
  if (grant.variables.length === 0) return undefined;
  return Object.fromEntries(grant.variables.flatMap((name) => (Object.hasOwn(variables, name) ? [[name, variables[name] ?? '']] : [])));
}
