import { hash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { Agent } from '../../agent/index.ts';
import type { NewEvent, RunId } from '../../contracts/index.ts';
import { requirePermission } from '../permission.ts';
import { describeProject } from '../project.ts';
import type { RunOptions } from '../run-input.ts';
import type { Runs } from '../runs.ts';
import type { RunsPorts } from '../runs-ports.ts';
import { toAtif } from './atif.ts';
import { readAtif } from './atif-file.ts';
import { fromAtif, type ImportedConversation } from './from-atif.ts';
import { toOtlp } from './otlp.ts';
import { readTrajectory } from './reading.ts';
import { toSweAgent } from './swe-agent.ts';

/** `traj` is SWE-agent's, `json` our own events. */
export type ExportFormat = 'atif' | 'traj' | 'otlp' | 'json';

export interface ImportInput {
  /** The file, as it is. */
  readonly bytes: Buffer;
  /** What it was done in: a path or a URL. Default: nothing, an empty folder. */
  readonly repository?: string;
  readonly policy: string;
  readonly image?: string;
}

export interface Imported extends Pick<ImportedConversation, 'unmapped' | 'notes'> {
  readonly run: RunId;
  readonly steps: number;
}

/** Runs in the formats of others. */
export class Trajectories {
  readonly #ports: RunsPorts;
  readonly #runs: Runs;
  readonly #agent: Agent;

  constructor(ports: RunsPorts, runs: Runs, agent: Agent = new Agent()) {
    this.#ports = ports;
    this.#runs = runs;
    this.#agent = agent;
  }

  /** JSON. The same run gives the same text each time, for as long as nothing happens to it. Errors: `not_found`. */
  async export(id: RunId, format: ExportFormat, version: string, signal?: AbortSignal): Promise<unknown> {
    const state = await this.#runs.show(id);
    const events = await this.#ports.journal.read(id);
    if (format === 'json') return { format: 'glovebox', version, run: id, events };
    const reading = await readTrajectory(id, events, this.#ports.blobs.of(this.#ports.principal.tenant), version);
    if (format === 'atif') return toAtif(reading);
    if (format === 'otlp') return toOtlp(reading);
    const patch = state.summary?.patchBlob === undefined ? undefined : (await this.#runs.patch(id, signal)).text.toString('utf8');
    return toSweAgent(reading, patch);
  }

  /**
   * Makes a run of an ATIF trajectory. It has ended: it can be shown, exported, replayed with live tools, and forked with another model.
   * Errors: `usage` for what is none, those of Workspace.capture and Policies.load.
   */
  async import({ bytes, repository: given, policy: policyName, image }: ImportInput, options: { signal?: AbortSignal; onNote?: (note: string) => void } = {}): Promise<Imported> {
    requirePermission(this.#ports, 'start');
    const { principal, policies, workspaces, ids, journal } = this.#ports;
    const workspace = workspaces.of(principal.tenant);
    const trajectory = readAtif(bytes);
    const { task, messages, spent, unmapped, notes } = fromAtif(trajectory);
    const policy = await policies.load(policyName);
    const baseTree = given === undefined ? await workspace.store(emptyArchive(), []) : await workspace.capture(given, options);
    const { agent, schema_version: format } = trajectory;
    const model = agent.model_name ?? 'unknown';
    const kept: RunOptions = {
      principal: { ...principal, roles: [...principal.roles] },
      model: `imported:${model}`,
      policy: policyName,
      policyHash: policy.hash,
      image: image ?? (await describeProject(workspace, baseTree, options.signal)).image,
      notes: [...notes],
      versions: this.#agent.versions,
    };
    const repository = given === undefined ? '(none)' : existsSync(given) ? resolve(given) : given;
    const by = `${agent.name} ${agent.version}`;
    const events: NewEvent[] = [
      { type: 'run.created', data: { task, repository, baseTree, options: kept } },
      { type: 'run.imported', data: { format, agent: by, isOurs: agent.name === 'glovebox', model, file: `sha256:${hash('sha256', bytes)}`, spent } },
      ...messages.map((message): NewEvent => ({ type: 'run.copied', data: { message } })),
      { type: 'run.ended', data: { outcome: 'unverified', detail: `imported from ${by}: what came of it was not verified here`, files: [], steps: 0, commands: 0, denials: 0, tokens: 0, usd: 0, wallMs: 0 } },
    ];
    const run = ids.next('run');
    await journal.append(run, events, { durable: true, tenant: principal.tenant });
    return { run, steps: spent.steps, unmapped, notes };
  }
}

/** A tar archive ends with two blocks of zeros. */
async function* emptyArchive(): AsyncGenerator<Buffer> {
  yield Buffer.alloc(1_024);
}
