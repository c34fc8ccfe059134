import { z } from 'zod';
import { type CommandEnd, WORKSPACE } from '../../contracts/index.ts';
import { CutText } from '../../session/index.ts';
import { path, sandbox, timeoutMs } from './inputs.ts';
import type { Toolbox } from './toolbox.ts';

/** What a model is told of an output; the middle is cut. */
export const SHOWN = { headBytes: 24_576, tailBytes: 24_576 };

const command = z.object({ command: z.string().min(1).max(131_072).describe('shell text'), cwd: path.optional(), stdin: z.string().max(1_048_576).optional(), timeoutMs, sandbox });

/** Sandboxes, and what runs in them. */
export function addCommandTools(tools: Toolbox): void {
  const { workplace } = tools;
  const description = `Runs shell text in the sandbox, in ${WORKSPACE} unless cwd says otherwise. Files stay from call to call; processes end with it.`;
  tools.add('run_command', { title: 'Run a command', description, input: command }, async ({ command: text, cwd, stdin, timeoutMs: wallMs, sandbox: id }, call) => {
    const place = await workplace.sandbox(id);
    const running = await place.exec({ argv: ['sh', '-lc', text], signal: call.signal, stdin: stdin === undefined ? 'none' : 'pipe', ...(cwd === undefined ? {} : { cwd }), ...(wallMs === undefined ? {} : { limits: { wallMs } }) });
    if (stdin !== undefined) void running.write(Buffer.from(stdin)).then(() => running.closeStdin(), () => undefined);
    const shown = { stdout: new CutText(SHOWN), stderr: new CutText(SHOWN) };
    for await (const { channel, bytes } of running.output) {
      shown[channel].add(bytes);
      call.tell(bytes.toString('utf8').trimEnd());
    }
    const end = await running.end;
    return { text: [shown.stdout.text(), labelled('stderr', shown.stderr.text()), `[${ending(end, running.decision.reason.text)}]`].filter((part) => part !== '').join('\n'), failed: end.exitCode !== 0 };
  });
  const image = z.string().min(1).max(256).optional().describe('what it starts from, where policy allows another than its own');
  tools.add('create_sandbox', { title: 'One more sandbox', description: 'Makes a sandbox beside the one that is always there, and gives its id for the other tools.', input: z.object({ image }) }, async (asked) => ({ text: await workplace.create(asked) }));
  tools.add('delete_sandbox', { title: 'End a sandbox', description: 'Ends a sandbox with its files and interpreters. Without an id it is the one that is always there: the next call begins in a fresh one.', input: z.object({ sandbox }), annotations: { destructiveHint: true, idempotentHint: true } }, async ({ sandbox: id }) => {
    await workplace.remove(id);
    return { text: id === undefined ? 'the next call begins in a fresh sandbox' : `${id} is gone` };
  });
}

function labelled(name: string, text: string): string {
  return text === '' ? '' : `[${name}]\n${text}`;
}

function ending(end: CommandEnd, reason: string): string {
  if (end.cause === 'policy') return `refused by policy: ${reason}`;
  const how = end.exitCode === undefined ? (end.signal ?? end.startError ?? '') : `exit code ${end.exitCode}`;
  const hit = end.limitsHit.length === 0 ? '' : `, having run into: ${end.limitsHit.join(', ')}`;
  return `${end.cause}${how === '' ? '' : `: ${how}`}${hit}`;
}
