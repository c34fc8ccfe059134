import type { Dialect } from './read-shell.ts';
import { readShell } from './read-shell.ts';
import type { Word } from './shell-word.ts';
import { baseName, fixedWord } from './shell-word.ts';
import { doubtfulScript, readShellArguments } from './shell-arguments.ts';
import { findExecuted, SHELL_BUILTINS, WRAPPERS, type Wrapped } from './wrappers.ts';

/** A program that a command runs, as far as that can be seen without running it. */
export interface Invocation {
  readonly program: string;
  readonly args: readonly Word[];
  /** What it runs is judged instead: a list of allowed programs need not name it. */
  readonly seenThrough: boolean;
}

export interface Invocations {
  readonly programs: Invocation[];
  /** Why there may be programs that are not listed. */
  readonly doubts: string[];
}

const SHELLS: Readonly<Record<string, Dialect>> = { sh: 'posix', dash: 'posix', ash: 'posix', bash: 'bash', rbash: 'bash', zsh: 'bash', ksh: 'bash', mksh: 'bash' };
/** These change what later words mean. */
const CHANGE_MEANING = new Set(['alias', 'coproc', 'enable', 'hash', 'bind', 'complete']);
const MAX_DEPTH = 16;

/** Every program that an argv runs, through wrappers (`env`, `timeout`, `sudo`, `xargs`, …) and shells with `-c`. */
export function readInvocations(argv: readonly string[]): Invocations {
  const found: Invocations = { programs: [], doubts: [] };
  readCommand(argv.map(fixedWord), found, { inShell: undefined, depth: 0 });
  return found;
}

interface Place {
  /** The dialect of the shell text that the command stands in. */
  readonly inShell: Dialect | undefined;
  readonly depth: number;
}

function readCommand(words: readonly Word[], found: Invocations, place: Place): void {
  const [first, ...args] = words;
  if (first === undefined) return;
  if (!first.certain) {
    found.doubts.push('the name of a program in it is computed');
    return;
  }
  if (place.depth > MAX_DEPTH) {
    found.doubts.push('it is nested too deeply');
    return;
  }
  const inner = { ...place, depth: place.depth + 1 };
  const name = baseName(first.text);
  const dialect = Object.hasOwn(SHELLS, name) ? SHELLS[name] : undefined;
  if (dialect !== undefined) readShellCall(first.text, args, dialect, found, inner);
  else if (place.inShell !== undefined && SHELL_BUILTINS.has(first.text)) readBuiltin(first.text, args, found, { ...inner, inShell: place.inShell });
  else readProgram(first.text, args, found, inner);
}

function readProgram(program: string, args: readonly Word[], found: Invocations, inner: Place): void {
  const wrapper = WRAPPERS.get(baseName(program));
  const wrapped: Wrapped = wrapper === undefined ? findExecuted(baseName(program), args) : wrapper.unwrap(args);
  // What is left over when an option was taken for something else than it is.
  if (program.startsWith('-') || !/\w/.test(baseName(program))) found.doubts.push(`${program} is an odd name for a program`);
  found.programs.push({ program, args, seenThrough: wrapper?.transparent === true && wrapped.commands.length > 0 });
  if (wrapped.doubt !== undefined) found.doubts.push(wrapped.doubt);
  for (const command of wrapped.commands) readCommand(command, found, { ...inner, inShell: undefined });
}

function readShellCall(program: string, args: readonly Word[], dialect: Dialect, found: Invocations, inner: Place): void {
  const call = readShellArguments(args);
  found.programs.push({ program, args, seenThrough: call.text !== undefined });
  if (call.doubt !== undefined) found.doubts.push(call.doubt);
  if (call.text !== undefined) readText(call.text, found, { ...inner, inShell: dialect });
}

/** `eval` and `trap` run their words as a text; `command` and `exec` are wrappers that are built in. */
function readBuiltin(name: string, args: readonly Word[], found: Invocations, inner: Place & { readonly inShell: Dialect }): void {
  if (name === 'command' || name === 'exec' || name === 'builtin') {
    const wrapped = WRAPPERS.get(name)?.unwrap(args);
    found.programs.push({ program: name, args, seenThrough: true });
    if (wrapped?.doubt !== undefined) found.doubts.push(wrapped.doubt);
    for (const command of wrapped?.commands ?? []) readCommand(command, found, inner);
    return;
  }
  found.programs.push({ program: name, args, seenThrough: true });
  if (CHANGE_MEANING.has(name)) found.doubts.push(`${name} changes what later words mean`);
  if (name === '.' || name === 'source') {
    const doubt = doubtfulScript(args[0]);
    if (doubt !== undefined) found.doubts.push(doubt);
  }
  if (name !== 'eval' && name !== 'trap') return;
  const text = name === 'trap' ? args.slice(0, 1) : args;
  if (text.some((word) => !word.certain)) found.doubts.push(`what ${name} runs is computed`);
  else readText(text.map((word) => word.text).join(' '), found, inner);
}

function readText(text: string, found: Invocations, inner: Place & { readonly inShell: Dialect }): void {
  const reading = readShell(text, inner.inShell, inner.depth);
  found.doubts.push(...reading.doubts);
  for (const command of reading.commands) readCommand(command, found, inner);
}
