import { describe, expect, test } from 'vitest';
import type { GovernedSandbox } from '../../src/session/index.ts';
import { KINDS, openWorld } from '../support/sandbox-kinds.ts';
import { SessionRig } from '../support/session.ts';

const policy = (kind: string): string => `
sandbox: { image: base, images: ["*"], kinds: [${kind}] }
limits: { cpu: 1, memory: 512MiB, pids: 1024, disk: 64MiB, inodes: 5000, open_files: 256 }
command: { wall: 2m }
session: { wall: 10m, idle: 5m }
`;
const IN_FLIGHT = 200;
const MODEST = 15;
/** All that are in flight may go before each of the other session's, as in a single queue for everybody. Who is starved sees all of them go that there will ever be. */
const MOST = IN_FLIGHT * MODEST;

describe.each(KINDS)('two sessions with a %s sandbox each', (kind) => {
  test('one that floods with commands, hundreds of them at a time, has each of them answered, and does not keep the other waiting', async () => {
    await using world = openWorld(kind);
    await using rig = new SessionRig([world.driver]);
    const [greedy, modest] = [await rig.open(policy(kind)), await rig.open(policy(kind))];
    const flood = new Flood(await greedy.sandbox('flood'));
    const sandbox = await modest.sandbox('a few');
    const flooding = flood.run();
    await flood.underWay;
    for (let i = 0; i < MODEST; i++) expect(await echo(sandbox, `modest ${i}`)).toBe(`modest ${i}\n`);
    const before = flood.answered;
    flood.stop();
    await flooding;
    expect(before).toBeLessThan(MOST);
    expect(flood.wrong).toEqual([]);
    expect(flood.answered).toBe(flood.asked);
    const ends = (await rig.events(greedy)).filter(({ type }) => type === 'command.ended').map(({ data }) => (data as { command: string }).command);
    expect({ ends: ends.length, different: new Set(ends).size }).toEqual({ ends: flood.asked, different: flood.asked });
  });
});

/** So many at a time, one after the other in each of so many lines; at most MOST of them in all. */
class Flood {
  readonly #sandbox: GovernedSandbox;
  readonly #started = Promise.withResolvers<void>();
  #stopped = false;
  asked = 0;
  answered = 0;
  readonly wrong: string[] = [];

  constructor(sandbox: GovernedSandbox) {
    this.#sandbox = sandbox;
  }

  /** All are asked for, and some have been answered. */
  get underWay(): Promise<void> {
    return this.#started.promise;
  }

  stop(): void {
    this.#stopped = true;
  }

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: IN_FLIGHT }, () => this.#line()));
  }

  async #line(): Promise<void> {
    while (!this.#stopped && this.asked < MOST) {
      const text = `flood ${this.asked++}`;
      const said = await echo(this.#sandbox, text);
      if (said !== `${text}\n`) this.wrong.push(`${text}: ${said}`);
      this.answered += 1;
      this.#started.resolve();
    }
  }
}

async function echo(sandbox: GovernedSandbox, text: string): Promise<string> {
  const command = await sandbox.exec({ argv: ['echo', text] });
  let said = '';
  for await (const { bytes } of command.output) said += bytes.toString();
  const { cause, exitCode } = await command.end;
  return cause === 'exited' && exitCode === 0 ? said : `${cause}: ${said}`;
}
