import type { CommandEnd } from '../contracts/index.ts';
import { commandRequest, exitCodeOf, explain, type SandboxOptions } from './one-sandbox.ts';
import type { Place, PlacedCommand } from './place.ts';
import type { Terminal } from './terminal.ts';

export interface ExecOptions extends SandboxOptions {
  readonly interactive?: boolean;
  readonly json?: boolean;
}

/** `glovebox exec`: one command in a sandbox of its own. The process's exit code is the command's. */
export function exec(place: Place, terminal: Terminal, argv: readonly [string, ...string[]], options: ExecOptions, signal: AbortSignal): Promise<number> {
  return place.inOneSandbox(terminal, options, signal, async (sandbox) => {
    const command = await sandbox.exec({ argv, stdin: options.interactive === true ? 'pipe' : 'none', signal, ...commandRequest(options) });
    const end = await stream(command, terminal, options);
    if (options.json === true) await terminal.json({ session: sandbox.session, command: command.id, kind: sandbox.kind, image: sandbox.image, ...end });
    else explain(command, end, terminal);
    return exitCodeOf(end);
  });
}

async function stream(command: PlacedCommand, terminal: Terminal, options: ExecOptions): Promise<CommandEnd> {
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
async function feed(command: PlacedCommand, terminal: Terminal): Promise<void> {
  try {
    for await (const bytes of terminal.stdin) await command.write(Buffer.from(bytes));
    await command.closeStdin();
  } catch {
    // The command ended first: what nobody reads any more is not an error.
  }
}
