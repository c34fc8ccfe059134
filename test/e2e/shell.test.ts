import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { type Started, User } from './glovebox.ts';

const TERMINAL = fileURLToPath(new URL('terminal.py', import.meta.url));

/** Somebody at a terminal. */
class Person {
  readonly #started: Started;
  readonly ended: Started['ended'];

  constructor(user: User, args: readonly string[]) {
    this.#started = user.startWith('python3', [TERMINAL, process.execPath], ['shell', ...args]);
    this.ended = this.#started.ended;
  }

  /** Waits for this on the screen, which is all that was ever shown. */
  sees(text: string): Promise<void> {
    return this.#started.prints(text);
  }

  types(text: string): void {
    this.#tell({ type: text });
  }

  resizes(columns: number, rows: number): void {
    this.#tell({ resize: [columns, rows] });
  }

  #tell(order: object): void {
    this.#started.child.stdin?.write(`${JSON.stringify(order)}\n`);
  }
}

describe.each(['container', 'process'])('glovebox shell in a %s', (kind) => {
  const user = new User({ TERM: 'xterm-256color' });
  afterAll(() => user[Symbol.dispose]());
  afterEach(async () => {
    expect(await user.containers()).toEqual([]);
  });

  test('is a terminal: its size and changes of it, its kind, keys that are signals, and the exit code', async () => {
    const person = new Person(user, ['--kind', kind]);
    await person.sees('$ ');
    person.types('stty size; echo "is $TERM"\r');
    await person.sees('30 100');
    await person.sees('is xterm-256color');
    person.resizes(120, 40);
    // A kernel signals the terminal's foreground: one program that stays there, so that no key and no size comes while it changes hands.
    person.types(`sh -c 'trap "stty size" WINCH; stty size; while :; do sleep 0.1; done'; echo fin"ished"\r`);
    await person.sees('40 120');
    person.resizes(90, 20);
    await person.sees('20 90');
    person.types('\u0003');
    person.types('exit 7\r');
    const { code, stdout } = await person.ended;
    expect(code).toBe(7);
    expect(stdout).not.toContain('finished');
  });

  test('passes what is drawn as it is: a line feed moves down and not to the start', async () => {
    const person = new Person(user, ['--kind', kind, '--', 'sh', '-c', String.raw`stty raw; printf 'down\nhere'`]);
    expect((await person.ended).stdout).toContain('down\nhere');
  });

  test('can be left whatever runs in it: ^] three times', async () => {
    const person = new Person(user, ['--kind', kind, '--', 'sh', '-c', 'stty raw; trap "" INT TERM HUP; echo deaf; while :; do sleep 1; done']);
    await person.sees('deaf');
    person.types('\u001d\u001d\u001d');
    expect((await person.ended).code).toBe(130);
  });

  test('draws for programs that fill the screen', async () => {
    const person = new Person(user, ['--kind', kind, '--', 'top']);
    await person.sees('load average');
    person.types('q');
    expect((await person.ended).code).toBe(0);
  });

  // A process sandbox has the host's programs: no editor there, none in it.
  test.runIf(kind === 'container' || existsSync('/usr/bin/vi'))('lends an editor the whole screen, a new size in the middle of it too, and keeps what was written', async () => {
    const person = new Person(user, ['--kind', kind, '--image', 'polyglot', '--', 'sh', '-c', 'vi note; echo; echo closed; cat note; stty size; exit 7']);
    await person.sees('"note" [New');
    person.types('ione line');
    person.resizes(120, 40);
    // The last row of text on the screen as it is now; there was none of that number before.
    await person.sees('\u001b[39;1H');
    person.types('\rthe other\u001b');
    person.types(':wq\r');
    const { code, stdout } = await person.ended;
    expect(stdout).toContain('closed\r\none line\r\nthe other\r\n40 120\r\n');
    expect(code).toBe(7);
  });

  test('is ended by its time', async () => {
    const person = new Person(user, ['--kind', kind, '--timeout', '1s']);
    const { code, stdout } = await person.ended;
    expect({ code, says: stdout.includes('ended by timeout') }).toEqual({ code: 124, says: true });
  });
});

test('glovebox shell without a terminal says what to use instead', async () => {
  using user = new User();
  const { code, stderr } = await user.run('shell');
  expect({ code, says: stderr.includes('glovebox exec -i') }).toEqual({ code: 2, says: true });
});
