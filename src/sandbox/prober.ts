import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { CreateOptions, IdSource, Sandbox, SandboxKind, Sandboxes, SandboxSpec } from '../contracts/index.ts';
import type { Finding, WayOutProbed } from './probe/index.ts';

const GIVING_MS = 60_000;

/** What was found in sandboxes of one spec. */
export interface ProbeReport {
  readonly kind: SandboxKind;
  /** What was really started. */
  readonly image: string;
  readonly limitsAre: 'hard' | 'soft';
  readonly findings: readonly Finding[];
  /** The same as a table for people. */
  readonly scorecard: string;
}

/** What leads out of the sandboxes, as a session gives it to them. */
export interface ProbeWayOut extends WayOutProbed {
  widen(spec: SandboxSpec): SandboxSpec;
  give(sandbox: Sandbox, signal: AbortSignal): Promise<void>;
  /** All that was decided and written down. */
  journal(): string;
}

export interface ProbeOptions extends Pick<CreateOptions, 'hardLimits' | 'signal'> {
  /** They have none without. */
  readonly wayOut?: ProbeWayOut | undefined;
  readonly onFinding?: (finding: Finding) => void;
}

export interface ProberPorts {
  readonly sandboxes: Sandboxes;
  readonly stateDir: string;
  readonly ids: IdSource;
  /** Where the probe program is, made at the first use. Errors: `image_missing`. */
  readonly program: (signal?: AbortSignal) => Promise<string>;
  /** What its engine tells whoever asks; undefined where there is none. */
  readonly account: (sandbox: Sandbox) => Promise<string | undefined>;
}

/** Makes sandboxes as anybody would get them, and lets the whole corpus loose in them; docs/security.md. */
export class Prober {
  readonly #ports: ProberPorts;

  constructor(ports: ProberPorts) {
    this.#ports = ports;
  }

  /** One sandbox for all checks, but another one after each that did not hold: what it broke may be the place itself. Errors: as `Sandboxes.create`, `image_missing`. */
  async probe(kinds: readonly SandboxKind[], spec: SandboxSpec, { hardLimits, signal, onFinding, wayOut }: ProbeOptions = {}): Promise<ProbeReport> {
    const { stateDir, ids, account } = this.#ports;
    // Only now: nothing but a probe has a use for the corpus.
    const { CHECKS, ProbedSandbox, runChecks, scorecard } = await import('./probe/index.ts');
    const program = await readFile(await this.#ports.program(signal));
    const canary = randomBytes(16).toString('hex');
    const options = { ...(hardLimits === undefined ? {} : { hardLimits }), ...(signal === undefined ? {} : { signal }) };
    const create = () => this.#create(kinds, { ...spec, env: { ...spec.env, GLOVEBOX_CANARY: canary } }, options, wayOut);
    const open = () => ProbedSandbox.open({ program, create, limits: spec.limits, stateDir, ids, canary, account, ...(wayOut === undefined ? {} : { wayOut }) });
    const findings: Finding[] = [];
    let probed = await open();
    const { kind, image, limitsAre } = probed.sandbox;
    try {
      for (const check of CHECKS) {
        const [finding] = await runChecks(probed.place, [check], signal === undefined ? {} : { signal });
        if (finding === undefined) continue;
        findings.push(finding);
        onFinding?.(finding);
        if (finding.verdict !== 'broken') continue;
        await probed[Symbol.asyncDispose]();
        probed = await open();
      }
    } finally {
      await probed[Symbol.asyncDispose]();
    }
    return { kind, image, limitsAre, findings, scorecard: scorecard(findings) };
  }

  async #create(kinds: readonly SandboxKind[], spec: SandboxSpec, options: CreateOptions, wayOut: ProbeWayOut | undefined): Promise<Sandbox> {
    const sandbox = await this.#ports.sandboxes.create(kinds, wayOut?.widen(spec) ?? spec, options);
    await wayOut?.give(sandbox, options.signal ?? AbortSignal.timeout(GIVING_MS));
    return sandbox;
  }
}
