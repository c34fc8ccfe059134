import { doubtOfBuiltin, SHELL_BUILTINS } from './builtins.ts';
import { type Dialect, SHELLS } from './dialects.ts';
import { launchedBy } from './launchers.ts';
import { readShell } from './read-shell.ts';
import type { Word } from './shell-word.ts';
import { baseName, fixedWord } from './shell-word.ts';
import { readShellArguments } from './shell-arguments.ts';
import { Variables } from './variables.ts';
import { findExecuted, WRAPPERS, type Wrapped } from './wrappers.ts';

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
  /** Texts that a program in it runs in a way that is not read: what they name may run. */
  readonly code: string[];
}

const MAX_DEPTH = 16;

/** Every program that an argv runs, through wrappers (`env`, `timeout`, `sudo`, `xargs`, …) and shells with `-c`. */
export function readInvocations(argv: readonly string[]): Invocations {
  const variables = new Variables();
  const found: Finding = { programs: [], doubts: variables.doubts, code: [], variables, files: [] };
  readCommand(argv.map(fixedWord), found, { inShell: undefined, depth: 0 });
  variables.settle();
  if (found.files.length > 0) addWritten(argv.join(' '), found);
  return found;
}

interface Finding extends Invocations {
  readonly variables: Variables;
  /** Files that it runs; the empty name is what a program is given as input. */
  readonly files: string[];
}

/** A file that it names elsewhere, too, it may have written itself. */
function addWritten(text: string, { files, code }: Finding): void {
  const names = text.split(/[^\w.+-]+/);
  if (files.some((file) => file === '' || names.filter((name) => name === baseName(file)).length > 1)) code.push(text);
}

interface Place {
  /** The dialect of the shell text that the command stands in. */
  readonly inShell: Dialect | undefined;
  readonly depth: number;
}

function readCommand(words: readonly Word[], found: Finding, place: Place): void {
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

function readProgram(program: string, args: readonly Word[], found: Finding, inner: Place): void {
  const wrapper = WRAPPERS.get(baseName(program));
  const wrapped: Wrapped = wrapper === undefined ? findExecuted(baseName(program), args) : wrapper.unwrap(args);
  // What is left over when an option was taken for something else than it is.
  if (program.startsWith('-') || !/\w/.test(baseName(program)) || /[\p{C}\p{Z}]/u.test(program)) found.doubts.push(`${program.slice(0, 64)} is an odd name for a program`);
  found.programs.push({ program, args, seenThrough: wrapper?.transparent === true && wrapped.commands.length > 0 });
  const { code, files = program.includes('/') ? [program] : [] } = launchedBy(program, args);
  found.code.push(...code);
  found.files.push(...files);
  if (wrapped.doubt !== undefined) found.doubts.push(wrapped.doubt);
  for (const word of wrapped.assignments ?? []) found.variables.declare(word);
  for (const text of wrapped.texts ?? []) {
    if (text.certain) readText(text.text, found, { ...inner, inShell: 'posix' });
    else found.doubts.push(`what ${program} runs is computed`);
  }
  for (const command of wrapped.commands) readCommand(command, found, { ...inner, inShell: undefined });
}

function readShellCall(program: string, args: readonly Word[], dialect: Dialect, found: Finding, inner: Place): void {
  const call = readShellArguments(args);
  found.programs.push({ program, args, seenThrough: call.text !== undefined });
  if (call.doubt !== undefined) found.doubts.push(call.doubt);
  for (const script of call.scripts) addScript(script, found);
  if (call.text !== undefined) readText(call.text, found, { ...inner, inShell: dialect });
}

/** It may be one that is looked for by its name, as a program is. */
function addScript(program: string, found: Finding): void {
  found.programs.push({ program, args: [], seenThrough: true });
  found.files.push(program);
}

/** `eval` and `trap` run their words as a text; `command` and `exec` are wrappers that are built in. */
function readBuiltin(name: string, args: readonly Word[], found: Finding, inner: Place & { readonly inShell: Dialect }): void {
  if (name === 'command' || name === 'exec' || name === 'builtin') {
    const wrapped = name === 'command' && /^-[pvV]*[vV]/.test(args[0]?.text ?? '') ? undefined : WRAPPERS.get(name)?.unwrap(args);
    found.programs.push({ program: name, args, seenThrough: true });
    if (wrapped?.doubt !== undefined) found.doubts.push(wrapped.doubt);
    for (const command of wrapped?.commands ?? []) readCommand(command, found, inner);
    return;
  }
  found.programs.push({ program: name, args, seenThrough: true });
  if ((name === '.' || name === 'source') && args[0]?.certain === true) addScript(args[0].text, found);
  const doubt = doubtOfBuiltin(name, args, found.variables);
  if (doubt !== undefined) found.doubts.push(doubt);
  if (name !== 'eval' && name !== 'trap') return;
  const words = args[0]?.text === '--' ? args.slice(1) : args;
  const text = name === 'trap' ? words.slice(0, 1) : words;
  if (text.some((word) => !word.certain)) found.doubts.push(`what ${name} runs is computed`);
  else readText(text.map((word) => word.text).join(' '), found, inner);
}

function readText(text: string, found: Finding, inner: Place & { readonly inShell: Dialect }): void {
  const reading = readShell(text, inner.inShell, inner.depth, found.variables);
  found.doubts.push(...reading.doubts);
  for (const command of reading.commands) readCommand(command, found, inner);
  // Taken out first: one of them may set another.
  for (const command of found.variables.commands.splice(0)) readText(command, found, { ...inner, inShell: 'posix', depth: inner.depth + 1 });
}
