import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestContext } from 'vitest';
import type { SandboxLimits } from '../../src/contracts/index.ts';
import { CHECKS, ProbedPlace, runChecks } from '../../src/sandbox/probe/index.ts';
import type { Check, ProbeTarget } from '../../src/sandbox/probe/index.ts';
import { PROBE_PATH } from '../../src/sandbox/probe/probed-place.ts';
import { ids } from '../support/sandbox-commands.ts';
import { probeProgram } from './places.ts';
import { ORDINARY, WeakPlace } from './weak-place.ts';
import type { Weakness } from './weak-place.ts';

const MiB = 2 ** 20;
/** What the weak places promise, and none of them keeps. Their own ceilings are above it, and far below the machine's. */
const PROMISED: SandboxLimits = { cpu: 0.1, memoryBytes: 16 * MiB, pids: 32, diskBytes: 4 * MiB, inodes: 500, openFiles: 64 };
const SECRET = 'canary-0d9be2';

/** Checks that a place which is merely privileged does not break. */
const OTHERWISE: Readonly<Record<string, Weakness>> = {
  'no process of anybody else is to be seen': { user: '1000:1000', host: { ...ORDINARY, PidMode: 'host' } },
  'there is no interface but loopback, and no route': { host: { ...ORDINARY, NetworkMode: 'host' } },
  'setuid programs gain nothing': { user: '1000:1000', host: ORDINARY },
  'release_agent is not for writing': { host: { Binds: ['/sys/fs/cgroup:/sys/fs/cgroup'] } },
  'no descriptor is left open': { wrap: ['/bin/sh', '-c', 'exec 7</etc; exec "$0" "$@"'] },
  'a leaked descriptor as working directory leads nowhere': { wrap: ['/bin/sh', '-c', 'exec 7</etc; exec "$0" "$@"'] },
  'no secret is in what the host shows of it': { env: [`TOKEN=${SECRET}`] },
  'what was told in every way inside is in nothing that is kept outside': { env: [`GLOVEBOX_CANARY=${SECRET}`] },
  'output is bytes, whatever a terminal would make of them': { tty: true },
  'a reader who does not read keeps nobody waiting': { oneAtATime: true },
  'a writer who does not write keeps nobody waiting': { stdinEnds: true },
  // Its processes stay, and spin; a command that needs another process finds none.
  'a fork bomb ends with its time, and the place lives': { host: { NanoCpus: 0.5e9, PidsLimit: 100 }, wrap: ['/bin/sh', '-c', '"$0" "$@"; exit $?'] },
};
/** What `--privileged` and careless options bring: a device, control groups and /sys to be written to, mounts that are shared, a name for the host. */
const SCENERY = `
  mknod /dev/extra c 1 3
  echo 0 > /proc/sys/net/ipv6/conf/all/disable_ipv6
  for mount in /sys /sys/fs/cgroup $(ls -d /sys/fs/cgroup/*/); do mount -o remount,bind,rw "$mount"; done
  mount --make-rshared /
  mkdir -p /run/containerd
  echo "10.0.0.1 host.docker.internal" >> /etc/hosts
  echo "nameserver 10.0.0.1" > /etc/resolv.conf
  echo ready` as const;
/** What a kernel may have been built without: there is nothing then to be let through to. */
const MAY_BE_ABSENT = new Map([
  ['no kernel module can be loaded or removed', /^held: (\w+: ENOSYS(, )?)+$/],
  ['no other kernel can be loaded', /^held: (\w+: ENOSYS(, )?)+$/],
  ['sysrq-trigger is not for writing', /^held: \S+ ENOENT$/],
  // In version 2 of control groups.
  ['release_agent is not for writing', /in [01] control group mounts$/],
]);

async function placeOf(target: WeakPlace, neighbour?: ProbeTarget): Promise<ProbedPlace> {
  const outside = async () => [{ name: 'inspect', text: JSON.stringify(await target.inspect()) }];
  return ProbedPlace.open(await probeProgram(), { target, limits: PROMISED, ids, manyCommands: 8, secrets: [Buffer.from(SECRET)], canary: SECRET, outside, kept: outside, ...(neighbour && { neighbour }) });
}

async function verdictOf(place: ProbedPlace, check: Check): Promise<string> {
  const [finding] = await runChecks(place, [check]);
  return `${finding?.verdict}: ${finding?.evidence}`;
}

async function expectBroken(place: ProbedPlace, check: Check, context: TestContext): Promise<void> {
  const verdict = await verdictOf(place, check);
  if (MAY_BE_ABSENT.get(check.title)?.test(verdict) === true) context.skip(`this kernel does not have it (${verdict})`);
  expect(verdict).toMatch(/^broken: /);
}

describe('in a privileged container', () => {
  let weak: WeakPlace;
  let place: ProbedPlace;

  beforeAll(async () => {
    weak = await WeakPlace.open();
    // Two sandboxes that share a network are one place.
    place = await placeOf(weak, weak);
    const scenery = [
      ['/bin/sh', '-c', SCENERY],
      [PROBE_PATH, 'everywhere', '22', '53', '80', '443', '853', '2375'],
      [PROBE_PATH, 'neighbour', '7', 'containerd-shim'],
    ];
    for (const argv of scenery) await weak.stage(argv);
  });
  afterAll(() => weak?.[Symbol.asyncDispose]());

  test.for(CHECKS.filter(({ title, needsWayOut }) => OTHERWISE[title] === undefined && needsWayOut === undefined && !title.includes('socket')))('$rows: that $title is seen to be broken', (check, context) => expectBroken(place, check, context));

  test.each([
    ['no engine’s socket is there', '/run/docker.sock'],
    ['no socket of containerd or the like is there', '/run/containerd/containerd.sock'],
  ])('that %s is seen to be broken', async (title, path) => {
    await weak.stage([PROBE_PATH, 'socket-at', path]);
    const check = CHECKS.find((each) => each.title === title);
    expect(check === undefined ? '' : await verdictOf(place, check)).toContain(`${path} answers`);
  });
});

describe('in a place that is weak in another way', () => {
  test.for(CHECKS.filter(({ title }) => OTHERWISE[title] !== undefined))('$rows: that $title is seen to be broken', async (check, context) => {
    await using weak = await WeakPlace.open(OTHERWISE[check.title]);
    await expectBroken(await placeOf(weak), check, context);
  });
});

test('no check is left out', () => {
  expect(Object.keys(OTHERWISE).filter((title) => !CHECKS.some((check) => check.title === title))).toEqual([]);
});
