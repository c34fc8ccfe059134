import { openServices } from '../src/app.ts';
import type { ContextLanguage, SandboxKind } from '../src/contracts/index.ts';
import { type Context, type GovernedSandbox, Session } from '../src/session/index.ts';
import { type Report, inTurns, machine, percentiles, round } from './report.ts';

const EVAL = {
  python: { image: 'python', code: '1 + 1', argv: ['python3', '-c', 'print(1 + 1)'] },
  javascript: { image: 'node', code: '1 + 1', argv: ['node', '-e', 'console.log(1 + 1)'] },
} as const satisfies Record<ContextLanguage, { image: string; code: string; argv: readonly [string, ...string[]] }>;

/** A call in a context beside the same code in an interpreter of its own, both decided and journalled, in the same sandbox; and what opening a context takes. */
export default async function benchContexts(quick: boolean): Promise<Report> {
  await using services = await openServices({ env: globalThis.process.env, version: 'bench' });
  const policy = await services.policies.load('exec');
  const measured = {
    python: { container: await evals('python', 'container'), process: await evals('python', 'process') },
    javascript: { container: await evals('javascript', 'container'), process: await evals('javascript', 'process') },
  };
  return {
    bench: 'contexts',
    machine: machine(),
    figures: measured,
    ratios: {
      python: ratio(measured.python.container),
      pythonProcess: ratio(measured.python.process),
      javascript: ratio(measured.javascript.container),
      javascriptProcess: ratio(measured.javascript.process),
    },
  };

  async function evals(language: ContextLanguage, kind: SandboxKind) {
    const { image, code, argv } = EVAL[language];
    await using session = await Session.open(services.sessionPorts(), { principal: services.principal, policy, image, kinds: [kind] });
    const sandbox = await session.sandbox('bench');
    await using context = await sandbox.contexts.open({ language });
    const turns = await inTurns(
      {
        callMs: () => call(context, code),
        commandMs: () => command(sandbox, argv),
        openMs: async () => {
          const opened = await sandbox.contexts.open({ language });
          return () => opened.close();
        },
      },
      quick ? 20 : 200,
      quick ? 2 : 10,
    );
    return { callMs: percentiles(turns['callMs'] ?? []), commandMs: percentiles(turns['commandMs'] ?? []), openMs: percentiles(turns['openMs'] ?? []) };
  }
}

function ratio({ callMs, commandMs }: { readonly callMs: { readonly p50: number }; readonly commandMs: { readonly p50: number } }): number {
  return round(commandMs.p50 / callMs.p50);
}

async function call(context: Context, code: string): Promise<void> {
  const { events, end } = await context.run(code);
  let result: string | undefined;
  for await (const event of events) if (event.type === 'result') result = event.display.data['text/plain'];
  if (result !== '2') throw new Error(`the call ended with ${(await end).cause}`);
}

async function command(sandbox: GovernedSandbox, argv: readonly [string, ...string[]]): Promise<void> {
  const { output, end } = await sandbox.exec({ argv });
  let text = '';
  for await (const { bytes } of output) text += bytes.toString();
  if (text !== '2\n') throw new Error(`${argv[0]} ended with ${(await end).cause}`);
}
