import { randomIds, systemClock } from '../../src/contracts/index.ts';
import type { CommandEnd, CommandSpec, OutputChunk, RunningCommand, Sandbox, SandboxSpec } from '../../src/contracts/index.ts';

const MiB = 2 ** 20;
export const ids = randomIds(systemClock);

/** A small sandbox; its limits are what the suite's tests run into. */
export function specOf(change: Omit<Partial<SandboxSpec>, 'limits'> & { limits?: Partial<SandboxSpec['limits']> } = {}): SandboxSpec {
  return {
    image: 'base',
    graceMs: 30_000,
    ...change,
    limits: { cpu: 2, memoryBytes: 256 * MiB, pids: 64, diskBytes: 64 * MiB, inodes: 5000, openFiles: 256, ...change.limits },
  };
}

export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly end: CommandEnd;
}

/** A command that the test goes on to talk to. */
export function start(sandbox: Sandbox, argv: readonly [string, ...string[]], more: Partial<CommandSpec> = {}): RunningCommand {
  return sandbox.exec({ id: ids.next('cmd'), argv, limits: { wallMs: 30_000 }, ...more });
}

/** Everything that a command says, and how it ends. */
export async function finish(command: RunningCommand): Promise<Outcome> {
  const text = { stdout: '', stderr: '' };
  for await (const { channel, bytes } of command.output) text[channel] += bytes.toString('utf8');
  return { ...text, end: await command.end };
}

export function run(sandbox: Sandbox, argv: readonly [string, ...string[]], more: Partial<CommandSpec> = {}): Promise<Outcome> {
  return finish(start(sandbox, argv, more));
}

export function shell(sandbox: Sandbox, line: string, more: Partial<CommandSpec> = {}): Promise<Outcome> {
  return run(sandbox, ['/bin/sh', '-c', line], more);
}

/** Reads until a text has been seen, and leaves the rest to whoever reads on. */
export async function until(output: AsyncIterator<OutputChunk>, text: string): Promise<void> {
  for (let seen = ''; !seen.includes(text); ) {
    const next = await output.next();
    if (next.done === true) throw new Error(`the command ended before it said ${JSON.stringify(text)}: ${JSON.stringify(seen)}`);
    seen += next.value.bytes.toString('utf8');
  }
}

/** Names of the processes in a sandbox, but for the shell that looks. */
export async function processNames(sandbox: Sandbox): Promise<string[]> {
  const { stdout } = await shell(sandbox, 'for s in /proc/[0-9]*/stat; do read -r line < "$s" && echo "$line"; done 2>/dev/null; true');
  return stdout.split('\n').flatMap((line) => /\((.*)\) \S/.exec(line)?.[1] ?? []);
}
