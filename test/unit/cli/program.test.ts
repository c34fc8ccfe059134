import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { program } from '../../../src/cli/program.ts';
import type { Run } from '../../../src/cli/run-action.ts';
import { Terminal } from '../../../src/cli/terminal.ts';
import { wordsAfter } from '../../../src/cli/words.ts';

const idle: Run = Object.assign(async () => {}, { anywhere: async () => {} });
const root = program(idle, new Terminal(process), '0');

function leaves(command: Command, path: readonly string[] = []): readonly (readonly [path: string, command: Command])[] {
  if (command.commands.length === 0) return [[path.join(' '), command]];
  return command.commands.flatMap((child) => leaves(child, [...path, child.name()]));
}

test('every command says what it has to say as JSON, but for those whose output is a format of its own, a program’s or a terminal’s', () => {
  const without = leaves(root).filter(([, command]) => command.options.every(({ long }) => long !== '--json'));
  expect(without.map(([path]) => path)).toEqual(['shell', 'runs export', 'worker', 'audit export', 'mcp', 'completion', 'complete']);
});

test('every command can be told of a server', () => {
  for (const [path, command] of leaves(root)) expect(command.options.map(({ long }) => long), path).toContain('--server');
});

describe('what a shell may complete', () => {
  const after = (line: string) => wordsAfter(root, line.split(' '));
  const words = (line: string) => after(line).words.map(({ word }) => word);

  test('is commands, and those of a command', () => {
    expect(words('r')).toEqual(['runs']);
    expect(words('')).toEqual(expect.arrayContaining(['fix', 'exec', 'runs', 'policy', 'completion']));
    expect(words('')).not.toContain('complete');
    expect(words('runs s')).toEqual(['show', 'say']);
    expect(after('runs list').words).toEqual([expect.objectContaining({ word: 'list', about: 'runs, newest first' })]);
  });

  test('is options, and what their values can be', () => {
    expect(words('exec --ki')).toEqual(['--kind']);
    expect(words('exec --kind ')).toEqual(['gvisor', 'container', 'process']);
    expect(words('exec --kind process --kind p')).toEqual(['process']);
    expect(after('exec --policy co')).toEqual({ words: [], of: 'policies' });
    expect(after('shell --run ')).toMatchObject({ of: 'runs' });
  });

  test('is what an argument can be, by what it is called', () => {
    expect(words('demo p')).toEqual(['python']);
    expect(words('completion ')).toEqual(['bash', 'zsh', 'fish']);
    expect(after('runs show ')).toMatchObject({ of: 'runs' });
    expect(after('runs say run_1 ').of).toBeUndefined();
    expect(after('approve ')).toMatchObject({ of: 'approvals' });
    expect(after('policy test exec ')).toMatchObject({ of: 'policies' });
    expect(after('secrets remove ')).toMatchObject({ of: 'secrets' });
    expect(after('policy explain exec exec --json ').words).toEqual([]);
  });

  test('is nothing where another program’s words are, or nobody knows', () => {
    expect(after('exec -- r')).toEqual({ words: [] });
    expect(after('exec --workspace ')).toEqual({ words: [] });
    expect(after('nonsense ')).toEqual({ words: [] });
  });
});
