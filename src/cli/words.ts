import type { Argument, Command, Option } from 'commander';

/** What may stand in a place of a command line; `of` what only a journal, a folder or a server knows. */
export interface Words {
  readonly words: readonly Word[];
  readonly of?: 'policies' | 'runs' | 'approvals' | 'secrets';
}

export interface Word {
  readonly word: string;
  readonly about?: string;
}

const NOTHING: Words = { words: [] };

/** What may come next, after these words; the last one is being written, and what is given begins with it. */
export function wordsAfter(root: Command, typed: readonly string[]): Words {
  const last = typed.at(-1) ?? '';
  const at = walk(root, typed.slice(0, -1));
  if (at === undefined) return NOTHING;
  const { words, of } = at.option === undefined ? ofCommand(at, last) : ofValue(at.option.long ?? '', at.option.argChoices);
  return { words: words.filter(({ word }) => word.startsWith(last)), ...(of === undefined ? {} : { of }) };
}

interface Position {
  readonly command: Command;
  /** Arguments that stand there already. */
  readonly before: number;
  /** Whose value comes now. */
  readonly option?: Option;
}

/** Undefined after `--`: what comes there is another program's. */
function walk(root: Command, typed: readonly string[]): Position | undefined {
  let position: Position = { command: root, before: 0 };
  for (const word of typed) {
    if (word === '--') return undefined;
    const { command, before, option } = position;
    if (option !== undefined) position = { command, before };
    else if (word.startsWith('-')) {
      const named = command.options.find(({ long, short }) => long === word || short === word);
      position = { command, before, ...(named !== undefined && (named.required || named.optional) ? { option: named } : {}) };
    } else {
      const child = before === 0 ? command.commands.find((each) => each.name() === word) : undefined;
      position = child === undefined ? { command, before: before + 1 } : { command: child, before: 0 };
    }
  }
  return position;
}

function ofCommand({ command, before }: Position, last: string): Words {
  const help = command.createHelp();
  if (last.startsWith('-')) return { words: help.visibleOptions(command).flatMap(({ long, description }) => (long == null ? [] : [{ word: long, about: description }])) };
  if (command.commands.length > 0) return before > 0 ? NOTHING : { words: help.visibleCommands(command).map((child) => ({ word: child.name(), about: child.description() })) };
  const asked: Argument | undefined = command.registeredArguments[before] ?? command.registeredArguments.findLast(({ variadic }) => variadic);
  if (asked === undefined) return NOTHING;
  return ofValue(command.parent?.name() === 'secrets' ? 'secret' : asked.name(), asked.argChoices);
}

/** By what it is called. */
function ofValue(name: string, choices: readonly string[] | undefined): Words {
  if (choices !== undefined) return { words: choices.map((word) => ({ word })) };
  switch (name) {
    case '--policy':
    case '--extends':
    case 'policy':
    case 'policies':
    case 'old':
    case 'new':
      return { words: [], of: 'policies' };
    case '--run':
    case '--runs':
    case 'run':
      return { words: [], of: 'runs' };
    case 'approval':
      return { words: [], of: 'approvals' };
    case 'secret':
      return { words: [], of: 'secrets' };
    default:
      return NOTHING;
  }
}
