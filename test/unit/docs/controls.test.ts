import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { EVENT_VERSIONS } from '../../../src/journal/event-versions.ts';
import { program } from '../../../src/cli/program.ts';
import { Terminal } from '../../../src/cli/terminal.ts';

const ROOT = join(import.meta.dirname, '../../..');
const text = readFileSync(join(ROOT, 'docs/controls.md'), 'utf8');
const named = [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);

test('all evidence that is named for controls is there: tests, events, commands, other documents', () => {
  const tests = named.filter((name) => name.startsWith('test/'));
  const events = named.filter((name) => /^[a-z_]+\.[a-z_]+$/.test(name) && !/\.(?:yaml|allow)$/.test(name));
  const commands = named.filter((name) => name.startsWith('glovebox ')).map((name) => name.split(' ').slice(1).filter((word) => !word.startsWith('-')));
  expect([tests.length, events.length, commands.length].every((count) => count > 15)).toBe(true);
  expect(tests.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  expect(events.filter((type) => !Object.hasOwn(EVENT_VERSIONS, type))).toEqual([]);
  expect([...text.matchAll(/\]\(([\w-]+\.md)/g)].filter(([, file = '']) => !existsSync(join(ROOT, 'docs', file)))).toEqual([]);
  const nothing = Object.assign(async () => {}, { anywhere: async () => {} });
  const root = program(nothing, new Terminal(process), '0');
  expect(commands.filter(([name, sub]) => {
    const command = root.commands.find((one) => one.name() === name);
    return command === undefined || (command.commands.length > 0 && sub !== undefined && !command.commands.some((one) => one.name() === sub));
  })).toEqual([]);
});
