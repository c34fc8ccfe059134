import { hostname } from 'node:os';
import type { Command } from 'commander';
import { Option } from 'commander';
import type { SandboxKind } from '../contracts/index.ts';
import { availableModel } from './fix.ts';
import type { Run } from './run-action.ts';
import type { Services } from './services.ts';
import { GRACE_MS, PARK_AFTER_MS } from './worker.ts';

interface McpOptions {
  readonly policy: string;
  readonly image?: string;
  readonly kind?: SandboxKind;
  readonly fixPolicy: string;
  readonly model?: string;
}

/** `glovebox mcp`: nothing but the protocol goes to stdout. */
export function addMcp(root: Command, run: Run, kinds: readonly SandboxKind[]): void {
  root
    .command('mcp')
    .description('sandboxes for any client of the Model Context Protocol, over stdin and stdout')
    .option('--policy <name|path>', 'what its sessions may do', 'exec')
    .option('--image <name>', 'what its sandboxes start from')
    .addOption(new Option('--kind <kind>', 'the kind of sandbox').choices([...kinds]))
    .option('--fix-policy <name|path>', 'what the runs may do that it starts', 'code-fix')
    .option('--model <model>', 'who works at them where its client names nobody')
    .action((options: McpOptions) => run((services, signal) => mcp(services, options, signal)));
}

async function mcp(services: Services, { policy: name, image, kind, fixPolicy, model = availableModel(services.env) }: McpOptions, signal: AbortSignal): Promise<number> {
  const policy = await services.policies.load(name);
  const over = new AbortController();
  let work: Promise<void> | undefined;
  const onQueued = (): void => {
    work ??= services.worker({ name: `mcp:${hostname()}:${process.pid}`, concurrency: 1, parkAfterMs: PARK_AFTER_MS, graceMs: GRACE_MS }).run(AbortSignal.any([signal, over.signal]));
  };
  try {
    await services.mcp({
      work: { principal: services.principal, policy, ...(image === undefined ? {} : { image }), ...(kind === undefined ? {} : { kinds: [kind] }) },
      fix: { runs: services.runs(), policy: fixPolicy, model, onQueued },
      signal,
    });
  } finally {
    over.abort();
    await work;
  }
  return 0;
}
