import { z } from 'zod';
import { CutText } from '../../session/index.ts';
import { SHOWN } from './command-tools.ts';
import { sandbox, timeoutMs } from './inputs.ts';
import type { Toolbox } from './toolbox.ts';

const code = z.object({ language: z.enum(['python', 'javascript']), code: z.string().min(1).max(1_048_576), timeoutMs, sandbox });
const program = z.object({ source: z.string().min(1).max(1_048_576).describe('a module whose default export is the result, or gives it when it is a function'), args: z.array(z.json()).max(64).default([]) });

/** Interpreters that remember, and programs in isolates. */
export function addCodeTools(tools: Toolbox): void {
  const { workplace } = tools;
  tools.add('run_code', { title: 'Run code', description: 'Runs code in an interpreter that keeps its state from call to call; the value of the last expression is told.', input: code }, async ({ language, code: text, timeoutMs: wallMs, sandbox: id }, call) => {
    const context = await workplace.context(language, id);
    const running = await context.run(text, { signal: call.signal, ...(wallMs === undefined ? {} : { limits: { wallMs } }) });
    const out = new CutText(SHOWN);
    for await (const event of running.events) {
      if (event.type === 'stdout' || event.type === 'stderr') {
        out.add(event.bytes);
        call.tell(event.bytes.toString('utf8').trimEnd());
      } else if (event.type === 'result' || event.type === 'display') out.add(Buffer.from(`${event.display.data['text/plain'] ?? ''}\n`));
      else if (event.type === 'error') out.add(Buffer.from(`${event.traceback}\n`));
    }
    const { cause, state } = await running.end;
    return { text: `${out.text()}[${cause}${state === 'lost' ? ', its state is lost' : ''}]`, failed: cause !== 'finished' };
  });
  tools.add('run_js', { title: 'Compute in JavaScript', description: 'Runs JavaScript or TypeScript in an isolate, in about a millisecond: no files, no network, no state. Its result is told as JSON.', input: program }, async ({ source, args }, { signal }) => {
    const lines: string[] = [];
    const session = await workplace.session();
    const { end, decision } = await session.javascript({ source, args, language: 'typescript', signal, onConsole: ({ text }) => void lines.push(text) });
    if (end.cause === 'policy') return { text: `refused by policy: ${decision.reason.text}`, failed: true };
    const said = end.cause === 'returned' ? (JSON.stringify(end.result) ?? 'undefined') : `${end.cause}: ${end.error?.message ?? ''}\n${end.error?.stack ?? ''}`;
    return { text: [...lines, said].join('\n'), failed: end.cause !== 'returned' };
  });
}
