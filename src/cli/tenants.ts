import { confirm, isCancel } from '@clack/prompts';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { describeError, GloveboxError, NAME_PATTERN, parseId, type StopScope, type TenantFile } from '../contracts/index.ts';
import type { Services } from './services.ts';
import type { Terminal } from './terminal.ts';

export interface TenantExportCommand {
  readonly output: string;
  readonly json?: boolean;
}

export interface TenantEraseCommand {
  readonly cancel?: boolean;
  readonly why?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** Who is at a run hears of a stop within a fraction of a second, and has to let go of it. */
const ENDING_MS = 30_000;
/** A session that is not closed after so long is of a process that died. */
const CLOSING_MS = 5_000;
const LOOK_AGAIN_MS = 200;

/** `glovebox tenants export`. A folder without its last file, `tenant.json`, was cut off. */
export async function exportTenant(services: Services, terminal: Terminal, tenant: string, { output, json }: TenantExportCommand): Promise<number> {
  checkName(tenant);
  await mkdir(output, { mode: 0o700 }).catch((error: unknown) => {
    throw new GloveboxError('usage', `${output} cannot be made: ${describeError(error)}`, { cause: error });
  });
  let files = 0;
  for await (const file of services.tenants.export(tenant, services.principal)) {
    await write(output, file);
    files++;
  }
  if (json === true) await terminal.json({ tenant, folder: output, files });
  else terminal.note(`${files} files of ${tenant} are in ${output}`);
  return 0;
}

/** `glovebox tenants erase`. */
export async function eraseTenant(services: Services, terminal: Terminal, tenant: string, { cancel, why, yes, json }: TenantEraseCommand, signal: AbortSignal): Promise<number> {
  checkName(tenant);
  if (yes !== true) await sure(terminal, tenant);
  const scope: StopScope = { what: 'tenant', tenant };
  const as = { ...services.principal, tenant };
  if (cancel === true) await end(services, scope, tenant, why, signal);
  try {
    const { keys, blobs, streams, unsealed } = await services.tenants.erase(tenant, services.principal, { stopped: cancel === true, ...(why === undefined ? {} : { why }) });
    const unsealedTrees = await services.olderTrees();
    if (json === true) await terminal.json({ tenant, keys, blobs, streams, unsealed, unsealedTrees });
    else await terminal.data(`${tenant} is erased: ${streams} streams of the journal and ${blobs} blobs can be read by nobody any more; ${keys} keys were destroyed\n${sayUnsealed(unsealed, unsealedTrees)}`);
    return unsealed + unsealedTrees.length === 0 ? 0 : 1;
  } finally {
    if (cancel === true) await services.control.lift(as, { scope });
  }
}

function sayUnsealed(events: number, trees: readonly string[]): string {
  const left = events === 0 ? [] : [`${events} events were written by a glovebox that did not seal them, and can still be read\n`];
  return [...left, ...trees.map((folder) => `${folder} has files of all tenants that an older glovebox worked with, and can still be read: remove it when nobody needs to resume, replay or fork runs of that time\n`)].join('');
}

/** Nothing of the tenant begins any more, what runs ends, and what waits is cancelled. */
async function end({ control, principal, halt, tenants, runsOf }: Services, scope: StopScope, tenant: string, why: string | undefined, signal: AbortSignal): Promise<void> {
  await control.stop({ ...principal, tenant }, { scope, freeze: false, why: why ?? 'erasure' });
  await halt(scope, signal);
  const { steer } = runsOf(tenant);
  const begunMs = performance.now();
  for (;;) {
    const living = await tenants.living(tenant);
    const unfinished = living.flatMap((stream) => parseId('run', stream) ?? []);
    const waitedMs = performance.now() - begunMs;
    if (unfinished.length === 0 && (living.length === 0 || waitedMs > CLOSING_MS)) return;
    if (waitedMs > ENDING_MS) throw new GloveboxError('deadline', `${unfinished.join(', ')} did not end within ${ENDING_MS / 1000} s: see who is at it (\`glovebox runs show\`), and erase again`);
    for (const id of unfinished) {
      await steer.cancel(id, why ?? 'erasure').catch((error: unknown) => {
        // It has ended meanwhile.
        if (!(error instanceof GloveboxError) || error.code !== 'usage') throw error;
      });
    }
    await pause(LOOK_AGAIN_MS, undefined, { signal });
  }
}

async function sure(terminal: Terminal, tenant: string): Promise<void> {
  if (!terminal.interactive) throw new GloveboxError('usage', `what is erased cannot be brought back: say --yes`);
  const answer = await confirm({ message: `Everything of ${tenant} becomes unreadable, for ever. Erase it?`, initialValue: false });
  if (isCancel(answer) || !answer) throw new GloveboxError('cancelled', 'nothing was erased');
}

function checkName(tenant: string): void {
  if (!NAME_PATTERN.test(tenant)) throw new GloveboxError('usage', `${JSON.stringify(tenant)} is no name of a tenant`);
}

async function write(folder: string, { path, content }: TenantFile): Promise<void> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await pipeline(content, createWriteStream(file, { flags: 'wx', mode: 0o600 }));
}
