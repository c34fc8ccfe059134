import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { User } from './glovebox.ts';

const BIN = fileURLToPath(new URL('../../bin/glovebox.js', import.meta.url));

test('bash completes commands, options, policies and runs, with what `glovebox completion bash` prints', async () => {
  using user = new User();
  const id = (await user.run('runs', 'create', '--repo', user.checkout(), '--task', 'later\u001b[31m on', '--model', user.transcript(), '--not-before', '1h')).stdout.trim();
  const bin = join(user.folder, 'bin');
  mkdirSync(bin);
  symlinkSync(BIN, join(bin, 'glovebox'));
  // What bash does at a tab: the words, and which of them is being written.
  const script = `source <(glovebox completion bash)
    complete -p glovebox
    tab() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _glovebox; echo "\${COMPREPLY[*]}"; }
    tab glovebox ru
    tab glovebox exec --ki
    tab glovebox policy show code-fix-
    tab glovebox runs show ''
    tab glovebox exec -- r
    tab glovebox fix --task ''`;
  writeFileSync(join(user.folder, 'tabs.sh'), script);
  const printed = execFileSync('bash', ['--norc', join(user.folder, 'tabs.sh')], { encoding: 'utf8', cwd: user.folder, env: { ...user.env, PATH: `${bin}:${user.env['PATH']}` } });
  expect(printed.split('\n')).toEqual(['complete -o default -F _glovebox glovebox', 'runs', '--kind', 'code-fix-local', id, '', '', '']);
  expect((await user.run('complete', '--', 'runs', 'show', '')).stdout).toBe(`${id}\tqueued: later [31m on\n`);
});

test('without a terminal nothing is drawn: no escape codes in what is said or printed, nor with NO_COLOR in a terminal', async () => {
  using user = new User({ TERM: 'xterm-256color' });
  // Node takes it for a terminal without colours.
  delete user.env['CI'];
  const fix = ['fix', '--repo', user.checkout(), '--task', 'make the tests pass', '--model', user.transcript()];
  const piped = await user.run(...fix);
  expect(piped.code).toBe(0);
  expect(`${piped.stdout}${piped.stderr}`).not.toContain('\u001b');
  const inTerminal = async (): Promise<string> => {
    const started = user.startWith('python3', [fileURLToPath(new URL('terminal.py', import.meta.url)), process.execPath], ['runs', 'show', /run_\w+/.exec(piped.stderr)?.[0] ?? '']);
    return (await started.ended).stdout;
  };
  expect(await inTerminal()).toContain('\u001b[1mstep 1');
  user.env['NO_COLOR'] = '1';
  expect(await inTerminal()).not.toContain('\u001b');
});
