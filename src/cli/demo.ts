import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GloveboxError } from '../contracts/index.ts';
import { availableModel } from './fix.ts';
import type { Services } from './services.ts';
import type { Terminal } from './terminal.ts';
import { workOnRun } from './work-on-run.ts';

const LANGUAGES = ['javascript', 'python'] as const;
export type DemoLanguage = (typeof LANGUAGES)[number];

export interface DemoOptions {
  readonly language?: DemoLanguage;
  readonly model?: string;
  readonly policy?: string;
  readonly json?: boolean;
}

/** `glovebox demo`: small repositories that ship with us, each with a genuine bug, each fixed in a sealed sandbox. */
export async function demo(services: Services, terminal: Terminal, options: DemoOptions, signal: AbortSignal): Promise<number> {
  const live = options.model ?? availableModel(services.env);
  terminal.note(introduction(live), 'bold');
  const policy = options.policy ?? (await policyThatFits(services, signal));
  const chosen = options.language === undefined ? LANGUAGES : [options.language];
  let code = 0;
  for (const language of chosen) {
    terminal.note(`\n── ${language} ${'─'.repeat(70 - language.length)}`, 'bold');
    code = Math.max(code, await fixOne(services, terminal, { language, model: live, policy, json: options.json === true }, signal));
  }
  const ended = code === 0 ? 'green' : 'red';
  terminal.note(`\nThe journal of both runs is in ${services.stateDir}; \`node bin/glovebox.js runs list\` shows them.`, ended);
  return code;
}

async function fixOne(
  services: Services,
  terminal: Terminal,
  { language, model, policy, json }: { language: DemoLanguage; model: string | undefined; policy: string; json: boolean },
  signal: AbortSignal,
): Promise<number> {
  const folder = join(services.demoDir, language);
  const runs = services.runs();
  const id = await runs.create(
    {
      task: await readFile(join(folder, 'task.md'), 'utf8'),
      repository: join(folder, 'repository'),
      model: model ?? `transcript:${join(folder, 'transcript.yaml')}`,
      policy,
    },
    { signal },
  );
  return await workOnRun({ journal: services.journal, runs }, terminal, id, { json }, signal);
}

function introduction(live: string | undefined): string {
  if (live !== undefined) return `Demo with the live model ${live}.`;
  return [
    'Demo without a model: what the model "says" below is a transcript that we wrote by hand.',
    'Everything else is real: the sandboxes, the commands in them, the tests, the patch, the journal.',
    'With ANTHROPIC_API_KEY, OPENAI_API_KEY or a base URL set, the same command drives a live model.',
  ].join('\n');
}

/** Containers where there is an engine; where there is none, process sandboxes under the policy that accepts them. */
async function policyThatFits(services: Services, signal: AbortSignal): Promise<string> {
  const kinds = await services.sandboxes.status(signal);
  if (kinds.some(({ kind, available }) => available && kind !== 'process')) return 'code-fix';
  if (kinds.some(({ available }) => available)) return 'code-fix-local';
  throw new GloveboxError('kind_unavailable', 'no kind of sandbox works here; `node bin/glovebox.js doctor` says what is missing');
}
