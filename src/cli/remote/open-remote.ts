import { readFile } from 'node:fs/promises';
import { Glovebox } from '../../client/index.ts';
import { type ConsoleLine, GloveboxError, type JavaScriptEnd } from '../../contracts/index.ts';
import { execError } from '../one-sandbox.ts';
import type { Place, PlacedProgram, ProgramOptions } from '../place.ts';
import type { Services } from '../services.ts';
import { remoteAdministration } from './administration.ts';
import { onlyHere, ours } from './errors.ts';
import { remotePolicies } from './policies.ts';
import { remoteApprovals, remoteAudit, remoteSecrets } from './records.ts';
import { remoteHistory, remoteRuns } from './runs.ts';
import { inRemoteSandbox } from './sandbox.ts';

export interface RemoteOptions {
  readonly url: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  /** For what is taken from this machine to the server: folders. */
  readonly openServices: () => Promise<Services>;
}

/** A server as a place. Errors: `usage` without a key, or with an address that is none. */
export async function openRemote({ url, env, version, openServices }: RemoteOptions): Promise<Place> {
  if (!/^https?:\/\/[^/]/.test(url) || !URL.canParse(url)) throw new GloveboxError('usage', `--server ${url}: expected an address such as http://127.0.0.1:7717`);
  const glovebox = new Glovebox({ url, key: await keyOf(env) });
  const runs = remoteRuns(glovebox);
  return {
    isHere: false,
    version,
    env,
    // The server has looked through what it says.
    redactor: { known: (value) => value, all: (value) => value },
    principal: { tenant: 'of-the-key', name: 'holder-of-the-key', roles: [] },
    journal: { read: async (stream, after = 0) => Array.fromAsync(runs.events(stream, { after, follow: false })) },
    approvals: remoteApprovals(glovebox),
    secrets: remoteSecrets(glovebox),
    policies: remotePolicies(glovebox),
    ...remoteAdministration(glovebox),
    audit: remoteAudit(glovebox, openServices),
    runs: () => runs,
    ...remoteHistory(glovebox),
    runImage: async () => {
      throw new GloveboxError('usage', '--image: a server chooses by what is in the repository');
    },
    inOneSandbox: (terminal, options, signal, use) => inRemoteSandbox({ glovebox, openServices }, terminal, options, signal, use),
    javascript: (_terminal, program, options, signal) => javascript(glovebox, program, options, signal),
  };
}

/** Never from an argument, which other processes could read. */
async function keyOf(env: RemoteOptions['env']): Promise<string> {
  const { GLOVEBOX_KEY: key = '', GLOVEBOX_KEY_FILE: file = '' } = env;
  if (key !== '') return key.trim();
  if (file === '') throw new GloveboxError('usage', 'a server wants a key: set GLOVEBOX_KEY, or GLOVEBOX_KEY_FILE to a file that has it (`POST /v1/keys` makes one)');
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    throw new GloveboxError('usage', `GLOVEBOX_KEY_FILE: ${file} cannot be read`, { cause: error });
  }
}

async function javascript(glovebox: Glovebox, { source, language, form, args, onConsole }: Parameters<Place['javascript']>[1], { policy, workspace, timeout }: ProgramOptions, signal: AbortSignal): Promise<PlacedProgram> {
  if (workspace !== undefined) throw onlyHere('--workspace of a program: it is there');
  const asked = { policy, args: [...(args ?? [])], ...(language === undefined ? {} : { language }), ...(form === undefined ? {} : { form }), ...(timeout === undefined ? {} : { limits: { wallMs: timeout } }) };
  try {
    const { id, decision, console: lines, ...end } = await glovebox.javascript.run(source, { ...asked, signal });
    for (const line of lines) onConsole(line as ConsoleLine); // docs/api.md
    return { id, decision, end: end as JavaScriptEnd };
  } catch (thrown) {
    throw execError(ours(thrown));
  }
}
