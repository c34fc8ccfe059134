// Runs the command line as a user would: a process of its own, with a state folder of its own.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type Docker from 'dockerode';
import { Label } from '../../src/sandbox/docker/labels.ts';
import { stateLabel } from '../../src/sandbox/docker/state-label.ts';
import { findEngine } from '../../src/sandbox/images/index.ts';

const BIN = fileURLToPath(new URL('../../bin/glovebox.js', import.meta.url));
const DEMO = fileURLToPath(new URL('../../demo', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One user: a state folder, a folder for repositories, and commands. */
export class User implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'glovebox-e2e-'));
  readonly env: Record<string, string>;

  constructor(env: Readonly<Record<string, string>> = {}) {
    const inherited = Object.entries(process.env).filter(([name]) => !/^(ANTHROPIC|OPENAI|GLOVEBOX)_/.test(name));
    this.env = { ...(Object.fromEntries(inherited) as Record<string, string>), GLOVEBOX_HOME: join(this.folder, 'state'), ...env }; // no undefined among them
  }

  start(args: readonly string[], options: { cwd?: string } = {}): Started {
    return this.startWith(process.execPath, [], args, options);
  }

  /** Started by another program, which gets the command line after its own arguments. */
  startWith(program: string, before: readonly string[], args: readonly string[], options: { cwd?: string } = {}): Started {
    return new Started(spawn(program, [...before, BIN, ...args], { env: this.env, cwd: options.cwd ?? this.folder, stdio: ['pipe', 'pipe', 'pipe'] }));
  }

  async run(...args: string[]): Promise<Ended> {
    const started = this.start(args);
    started.child.stdin?.end();
    return await started.ended;
  }

  /** A checkout of a demo repository with one commit. */
  checkout(language: 'javascript' | 'python' = 'javascript'): string {
    const path = join(this.folder, `repository-${language}`);
    cpSync(join(DEMO, language, 'repository'), path, { recursive: true });
    git(path, 'init', '-q', '-b', 'main');
    git(path, 'add', '-A');
    git(path, 'commit', '-q', '-m', 'as it came');
    return path;
  }

  transcript(language: 'javascript' | 'python' = 'javascript'): string {
    return `transcript:${join(DEMO, language, 'transcript.yaml')}`;
  }

  /** This user's containers, in whatever state. */
  async containers(): Promise<Docker.ContainerInfo[]> {
    const label = [`${Label.state}=${stateLabel(this.env['GLOVEBOX_HOME'] ?? '')}`];
    return await (await engine()).listContainers({ all: true, filters: { label } });
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export class Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  #stderr = '';
  #stdout = '';
  #waiting: (() => void)[] = [];

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.on('data', (bytes: Buffer) => this.#more(() => (this.#stdout += bytes.toString())));
    child.stderr?.on('data', (bytes: Buffer) => this.#more(() => (this.#stderr += bytes.toString())));
    this.ended = once(child, 'close').then(([code, signal]: (number | NodeJS.Signals | null)[]) => ({
      code: code as number | null, // as node documents `close`
      signal: signal as NodeJS.Signals | null,
      stdout: this.#stdout,
      stderr: this.#stderr,
    }));
  }

  /** Resolves when stderr has this; fails when the process ends without it, or in two minutes. */
  says(text: string): Promise<void> {
    return this.#has(text, () => this.#stderr);
  }

  /** The same of stdout. */
  prints(text: string): Promise<void> {
    return this.#has(text, () => this.#stdout);
  }

  /** What it has said and printed so far. */
  get soFar(): { readonly stdout: string; readonly stderr: string } {
    return { stdout: this.#stdout, stderr: this.#stderr };
  }

  async #has(text: string, soFar: () => string): Promise<void> {
    let over: string | undefined;
    const deadline = setTimeout(() => this.#more(() => (over ??= 'in two minutes it did not say')), 120_000);
    void this.ended.then(() => this.#more(() => (over = 'it ended without saying')));
    try {
      while (!soFar().includes(text)) {
        if (over !== undefined) throw new Error(`${over} "${text}":\n${soFar()}`);
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
      }
    } finally {
      clearTimeout(deadline);
    }
  }

  #more(take: () => void): void {
    take();
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

export function git(path: string, ...args: string[]): string {
  const identity = ['-c', 'user.name=someone', '-c', 'user.email=someone@example.invalid', '-c', 'commit.gpgsign=false'];
  return execFileSync('git', [...identity, ...args], { cwd: path, encoding: 'utf8' });
}

export async function engine(): Promise<Docker> {
  const search = await findEngine();
  if (search.state !== 'found') throw new Error('these tests need a Docker engine: `npm test` starts one');
  return search.docker;
}

