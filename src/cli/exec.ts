import type { CommandEnd } from '../contracts/index.ts';
import type { GovernedCommand } from '../session/index.ts';
import { commandRequest, exitCodeOf, explain, inOneSandbox, type SandboxOptions } from './one-sandbox.ts';
import type { Services } from './services.ts';
import type { Terminal } from './terminal.ts';

export interface ExecOptions extends SandboxOptions {
  readonly interactive?: boolean;
  readonly json?: boolean;
}

/** `glovebox exec`: one command in a sandbox of its own. The process's exit code is the command's. */
export function exec(services: Services, terminal: Terminal, argv: readonly [string, ...string[]], options: ExecOptions, signal: AbortSignal): Promise<number> {
  return inOneSandbox(services, terminal, options, signal, async (sandbox, session) => {
    const command = await sandbox.exec({ argv, stdin: options.interactive === true ? 'pipe' : 'none', signal, ...commandRequest(options) });
    const end = await stream(command, terminal, options);
    if (options.json === true) await terminal.json({ session: session.id, command: command.id, kind: sandbox.kind, image: sandbox.image, ...end });
    else explain(command, end, terminal);
    return exitCodeOf(end);
  });
}

async function stream(command: GovernedCommand, terminal: Terminal, options: ExecOptions): Promise<CommandEnd> {
  const feeding = options.interactive === true ? feed(command, terminal) : undefined;
  for await (const chunk of command.output) {
    const target = chunk.channel === 'stdout' && options.json !== true ? terminal.stdout : terminal.stderr;
    if (!target.write(chunk.bytes)) await new Promise((resolve) => target.once('drain', resolve).once('close', resolve));
  }
  const end = await command.end;
  terminal.stdin.destroy();
  await feeding;
  return end;
}

/** Passes our stdin on until either side ends it. */
async function feed(command: GovernedCommand, terminal: Terminal): Promise<void> {
  try {
    for await (const bytes of terminal.stdin) await command.write(Buffer.from(bytes));
    await command.closeStdin();
  } catch {
    // The command ended first: what nobody reads any more is not an error.
  }
}
