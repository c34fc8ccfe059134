import { setTimeout as sleep } from 'node:timers/promises';
import type { Command, Glovebox, Sandbox } from '../../client/index.ts';
import { type CommandEnd, GloveboxError, type OutputChunk, WORKSPACE } from '../../contracts/index.ts';
import type { CommandRequest } from '../../session/index.ts';
import { attendanceAt } from '../attendance.ts';
import { warnOfObserving } from '../observing.ts';
import { execError, type SandboxOptions } from '../one-sandbox.ts';
import type { PlacedCommand, PlacedSandbox } from '../place.ts';
import type { Services } from '../services.ts';
import type { Terminal } from '../terminal.ts';
import { ours } from './errors.ts';
import { approvalOf } from './records.ts';

interface Ports {
  readonly glovebox: Glovebox;
  /** For what reads folders of this machine. */
  readonly openServices: () => Promise<Services>;
}

/** A sandbox of a server, for one command. */
export async function inRemoteSandbox(ports: Ports, terminal: Terminal, { policy, image, kind, workspace, ...options }: SandboxOptions, signal: AbortSignal, use: (sandbox: PlacedSandbox) => Promise<number>): Promise<number> {
  if (options.var !== undefined) throw new GloveboxError('usage', '--var: sessions of a server have no variables');
  try {
    await using sandbox = await ports.glovebox.sandboxes.create({ policy, ...(image === undefined ? {} : { image }), ...(kind === undefined ? {} : { kind }) }, { signal });
    const { state } = sandbox;
    if (state.policy.mode === 'observe') warnOfObserving(terminal, state.policy.name);
    if (workspace !== undefined) await bring(ports, sandbox, workspace, terminal, signal);
    return await use({ id: sandbox.id, session: state.session, kind: state.kind, image: state.image, exec: (request) => exec(ports.glovebox, sandbox, request, terminal, signal) });
  } catch (thrown) {
    // Whoever stopped us has been told so, and the server ends what it began.
    throw execError(ours(thrown));
  }
}

async function exec(glovebox: Glovebox, sandbox: Sandbox, request: CommandRequest, terminal: Terminal, signal: AbortSignal): Promise<PlacedCommand> {
  const { argv, env, limits, stdin, terminal: size, cwd } = request;
  const wanted = {
    openStdin: stdin === 'pipe' && size === undefined,
    ...(env === undefined ? {} : { env }),
    ...(cwd === undefined ? {} : { cwd }),
    ...(limits?.wallMs === undefined ? {} : { limits: { wallMs: limits.wallMs } }),
    ...(size === undefined ? {} : { terminal: size }),
  };
  const started = new AbortController();
  const attending = attend(glovebox, sandbox.state.session, terminal, started.signal);
  try {
    const command = await sandbox.exec(argv, { ...wanted, signal });
    return size === undefined ? piped(command, signal) : drawn(command, signal);
  } finally {
    started.abort();
    await attending;
  }
}

function piped(command: Command, signal: AbortSignal): PlacedCommand {
  const { id, decision } = command;
  const output = async function* (): AsyncGenerator<OutputChunk> {
    for await (const { channel, offset, bytes } of command.bytes({ signal })) yield { channel, offset, bytes: Buffer.from(bytes) };
  };
  return {
    id,
    decision,
    output: output(),
    end: quiet(command.result({ signal }).then(({ stdout: _stdout, stderr: _stderr, ...end }) => end as CommandEnd)),
    write: (bytes) => command.write(new Uint8Array(bytes), { signal }),
    closeStdin: () => command.closeStdin({ signal }),
    resize: () => {},
    cancel: () => void command.close().catch(() => {}),
  };
}

/** In a terminal all output is one stream. */
function drawn(command: Command, signal: AbortSignal): PlacedCommand {
  const { id, decision } = command;
  const screen = command.terminal();
  const { promise, resolve, reject } = Promise.withResolvers<CommandEnd>();
  const output = async function* (): AsyncGenerator<OutputChunk> {
    try {
      let offset = 0;
      for await (const bytes of screen.output({ signal })) {
        yield { channel: 'stdout', offset, bytes: Buffer.from(bytes) };
        offset += bytes.length;
      }
      resolve(screen.end as CommandEnd); // it has ended with its output
    } catch (error) {
      reject(error);
      throw error;
    }
  };
  return {
    id,
    decision,
    output: output(),
    end: quiet(promise),
    write: async (bytes) => screen.write(new Uint8Array(bytes)),
    closeStdin: async () => screen.closeInput(),
    resize: (columns, rows) => screen.resize(columns, rows),
    cancel: () => screen.signal('SIGKILL', 'tree'),
  };
}

/** Whoever waits for it hears of it. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

const LOOK_EVERY_MS = 500;

/** While a command does not begin, somebody may have to be asked: who sits here is, or is told. Never rejects: the command itself says what became of it. */
async function attend({ approvals }: Glovebox, session: string, terminal: Terminal, begun: AbortSignal): Promise<void> {
  const { approver, onWaiting } = attendanceAt(terminal, { tenant: 'of-the-key', name: 'holder-of-the-key', roles: [] });
  const seen = new Set<string>();
  try {
    for (;;) {
      await sleep(LOOK_EVERY_MS, undefined, { signal: begun });
      for await (const approval of approvals.list({ signal: begun })) {
        if (approval.question.session !== session || seen.has(approval.id)) continue;
        seen.add(approval.id);
        onWaiting?.(approvalOf(approval));
        const said = await approver?.ask(approvalOf(approval), begun);
        if (said !== undefined) await approvals.answer(approval, said.answer, { signal: begun });
      }
    }
  } catch (error) {
    if (!begun.aborted) terminal.note(`glovebox: nobody can be asked here: ${error instanceof Error ? error.message : String(error)}`, 'yellow');
  }
}

/** Copies a folder of this machine into the workspace. */
async function bring({ openServices }: Ports, sandbox: Sandbox, folder: string, terminal: Terminal, signal: AbortSignal): Promise<void> {
  await using services = await openServices();
  const tree = await services.workspace.capture(folder, { signal, onNote: (note) => terminal.note(note, 'dim') });
  await sandbox.upload(WORKSPACE, ReadableStream.from(services.workspace.tar(tree, signal)), { signal });
}
