import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { GloveboxError } from '../../../src/contracts/index.ts';
import { FilePolicies } from '../../../src/policy/index.ts';
import { policyFolder, policyOf } from './policies.ts';

async function failure(work: Promise<unknown>): Promise<GloveboxError> {
  try {
    await work;
  } catch (error) {
    return error as GloveboxError;
  }
  throw new Error('nothing was thrown');
}

/** The message for a policy `p`, with the folder's path taken out. */
async function problems(text: string, others: Readonly<Record<string, string>> = {}): Promise<string[]> {
  const folder = policyFolder({ p: text, ...others });
  const error = await failure(new FilePolicies([folder]).load('p'));
  expect(error.code).toBe('policy_invalid');
  return error.message.replaceAll(`${folder}/`, '').split('\n');
}

describe('a policy that is wrong', () => {
  test.each([
    ['name: p\nnetwrok: []', ['p/policy.yaml:2:1: unknown key "netwrok": did you mean "network"?']],
    ['name: p\nlimits:\n  memroy: 1GiB\n', ['p/policy.yaml:3:3: unknown key "memroy" in limits: did you mean "memory"?']],
    ['name: p\nsession: { zzz: 1 }', ['p/policy.yaml:2:12: unknown key "zzz" in session: expected one of wall, idle']],
    ['name: p\nlimits:\n  memory: 12XB', ['p/policy.yaml:3:11: limits.memory: expected a size such as 512MiB or 2GB, found "12XB"']],
    ['name: p\nlimits: { disk: true }', ['p/policy.yaml:2:17: limits.disk: expected a number or text, found true']],
    ['name: p\nlimits: { cpu: many, pids: 1.5, inodes: 0 }', [
      'p/policy.yaml:2:16: limits.cpu: expected a number, found "many"',
      'p/policy.yaml:2:28: limits.pids: expected a whole number, found 1.5',
      'p/policy.yaml:2:41: limits.inodes: expected more than 0, found 0',
    ]],
    ['name: p\ncommand: { wall: 5 }', ['p/policy.yaml:2:18: command.wall: expected text, found 5']],
    ['name: p\ncommand: { wall: 5 minutes }', ['p/policy.yaml:2:18: command.wall: expected a duration such as 500ms, 90s, 2m or 1h, found "5 minutes"']],
    ['name: p\nsandbox: { kinds: [contaner] }', ['p/policy.yaml:2:20: sandbox.kinds[0]: expected one of gvisor, container, process (perhaps container), found "contaner"']],
    ['name: p\nsandbox: { kinds: [] }', ['p/policy.yaml:2:12: sandbox.kinds: expected at least 1 entry, found an empty list']],
    ['name: Pretty', ['p/policy.yaml:1:7: name: expected lower-case letters, digits and dashes, starting with a letter, found "Pretty"']],
    ['description: x', ['p/policy.yaml:1:1: name: expected text, found nothing']],
    ['name: p\nnetwork:\n  - hots: a.test', [
      'p/policy.yaml:3:5: network[0].host: expected text, found nothing',
      'p/policy.yaml:3:5: unknown key "hots" in network[0]: did you mean "host"?',
    ]],
    ['name: p\nnetwork:\n  - registries: [nmp]', ['p/policy.yaml:3:18: network[0].registries[0]: expected one of npm, pypi, cargo, debian, go, maven, rubygems (perhaps npm), found "nmp"']],
    ['name: p\nnetwork: [here]', ['p/policy.yaml:2:11: network[0]: expected a mapping, found "here"']],
    ['name: p\nnetwork: [{ host: Api.test }, { host: "*" }, { host: "*.0.0.1" }, { host: a.test, tcp: 1, port: 2 }]', [
      'p/policy.yaml:2:19: network[0].host: expected a host such as api.github.com or *.example.com, in lower case and without a dot at its end, found "Api.test"',
      'p/policy.yaml:2:39: network[1].host: expected a host such as api.github.com or *.example.com, in lower case and without a dot at its end, found "*"',
      'p/policy.yaml:2:54: network[2].host: expected a host such as api.github.com or *.example.com, in lower case and without a dot at its end, found "*.0.0.1"',
      'p/policy.yaml:2:88: network[3].tcp: expected tcp alone or port, methods, paths and websocket, found both',
    ]],
    ['name: p\ncredentials: [{ id: a, placeholder: A, bind: { host: "*.b.test" } }, { id: a, placeholder: A, bind: [{ host: b.test, paths: [x] }] }]', [
      'p/policy.yaml:2:40: credentials[0].bind[0].host: expected one host such as api.github.com, in lower case: a credential goes to no wildcard, found "*.b.test"',
      'p/policy.yaml:2:76: credentials[1].id: expected each credential once, with all that it is bound to, found "a"',
      'p/policy.yaml:2:92: credentials[1].placeholder: expected a variable of its own, found "A"',
      'p/policy.yaml:2:126: credentials[1].bind[0].paths[0]: expected a pattern that starts with /, found "x"',
    ]],
    ['name: p\nfiles: { write: [src/**], deny: ["/a/{b"], review: [/a] }', [
      'p/policy.yaml:2:18: files.write[0]: expected an absolute pattern such as /workspace/src/**, found "src/**"',
      'p/policy.yaml:2:34: files.deny[0]: expected a closing } for each {, found "/a/{b"',
      'p/policy.yaml:2:53: files.review[0]: expected a pattern relative to the repository such as .github/**, found "/a"',
    ]],
    ['name: p\ncommands: { deny: [{ program: bin/x }, { program: [] }, {}] }', [
      'p/policy.yaml:2:42: commands.deny[1].program: expected at least 1 entry, found an empty list',
      'p/policy.yaml:2:57: commands.deny[2].program: expected text or a list, found nothing',
    ]],
    ['name: p\ncommands: { deny: [{ program: bin/x }] }', ['p/policy.yaml:2:31: commands.deny[0].program[0]: expected a base name such as git, or an absolute path, found "bin/x"']],
    ['', ['p/policy.yaml:1:1: expected a mapping, found nothing']],
    ['- p', ['p/policy.yaml:1:1: expected a mapping, found a list']],
    ['name: p\nname: q', ['p/policy.yaml:2:1: Map keys must be unique']],
    ['name: p\nlimits: *gone', ['p/policy.yaml:2:9: expected an anchor above it, found none for *gone']],
    ['name: p\n---\nname: q', ['p/policy.yaml:2:1: Source contains multiple documents; please use YAML.parseAllDocuments()']],
    ['name: !!js/function "p"', ['p/policy.yaml:1:7: Unresolved tag: tag:yaml.org,2002:js/function']],
    ['name: p\n__proto__: { a: 1 }', ['p/policy.yaml:2:1: unknown key "__proto__": expected one of name, description, extends, mode, sandbox, limits, command, session, files, commands, javascript, network, install_scripts, registry_cache, credentials, canaries, on_canary, egress, tools, models, budget, approvals, export']],
    ['name: q', ['p/policy.yaml:1: name: expected p, the name of its folder, found q']],
  ])('%j', async (text, expected) => {
    expect(await problems(text)).toEqual(expected);
  });

  test('has its place in the details for machines', async () => {
    const error = await failure(policyOf('limits: { pids: 3 }'));
    expect(error.details).toMatchObject({ file: expect.stringMatching(/policy\.yaml$/), line: 2, column: 17 });
  });

  test('is told of at most 20 problems', async () => {
    const told = await problems(`name: p\nfiles: { write: [${Array(30).fill('a').join(', ')}] }`);
    expect(told).toHaveLength(21);
    expect(told.at(-1)).toBe('and 10 more');
  });

  test('is bounded: size, aliases, nesting, and files that are none', async () => {
    expect(await problems(`name: p\ndescription: ${'x'.repeat(300_000)}`)).toEqual([expect.stringMatching(/^p\/policy\.yaml: expected at most 262144 bytes, found 3000\d\d$/)]);
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]', ...'bcdefghi'.split('').map((c, i) => `${c}: &${c} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(', ')}]`)].join('\n');
    expect(await problems(bomb)).toEqual([expect.stringMatching(/^p\/policy\.yaml:1:1: expected few aliases and little nesting, found too much of them/)]);
    expect((await problems(`name: p\ndescription: ${'['.repeat(20_000)}`)).length).toBeLessThanOrEqual(21);
    expect((await problems(`name: p\ndescription: ${'{a: '.repeat(20_000)}x${'}'.repeat(20_000)}`)).length).toBeLessThanOrEqual(21);
    const folder = policyFolder({});
    mkdirSync(join(folder, 'p'));
    symlinkSync('/dev/zero', join(folder, 'p', 'policy.yaml'));
    expect((await failure(new FilePolicies([folder]).load('p'))).message).toContain('expected a file');
  });
});

describe('a policy that is right', () => {
  test('may use anchors, separated numbers and units', async () => {
    const { grant } = await policyOf(
      'limits: { memory: 1.5GiB, inodes: 200_000, disk: 1000 }\nbudget: { tokens: 2_000_000 }\ncommand: { wall: 90s, cpu: 1m }\nfiles:\n  read: &list [/workspace/**]\n  write: *list',
    );
    expect(grant.sandbox).toMatchObject({ memoryBytes: 1.5 * 2 ** 30, inodes: 200_000, diskBytes: 1000 });
    expect(grant.budget.tokens).toBe(2_000_000);
    expect(grant.command).toEqual({ wallMs: 90_000, cpuMs: 60_000, outputBytes: 2 ** 20 });
  });

  test('has the defaults where it says nothing', async () => {
    expect((await policyOf('')).grant).toEqual({
      credentials: [],
      variables: [],
      image: 'base',
      kinds: ['gvisor', 'container'],
      javascript: { memoryBytes: 128 * 2 ** 20, place: 'host', functions: [] },
      hardLimits: false,
      sandbox: { cpu: 1, memoryBytes: 512 * 2 ** 20, pids: 256, diskBytes: 512 * 2 ** 20, inodes: 100_000, openFiles: 1024 },
      command: { wallMs: 120_000, outputBytes: 2 ** 20 },
      session: { wallMs: 1_800_000, idleMs: 300_000 },
      budget: { usd: 1, tokens: 500_000, steps: 50 },
    });
  });

  test('has one hash for one meaning, whatever its layout, and another where anything it extends changes', async () => {
    const hashOf = async (text: string, parent: string) => (await policyOf(`extends: q\n${text}`, { q: `name: q\n${parent}` })).hash;
    const one = await hashOf('limits: { memory: 1GiB, cpu: 2 }', 'budget: { usd: 1 }');
    expect(one).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(await hashOf('# a comment\nlimits:\n  cpu: 2.0\n  memory: 1024MiB', 'budget: { usd: 1 }')).toBe(one);
    expect(await hashOf('limits: { memory: 1GiB, cpu: 2 }', 'budget: { usd: 2 }')).not.toBe(one);
  });
});

describe('finding a policy', () => {
  test('by name in the first directory that has it, by file, and by folder', async () => {
    const first = policyFolder({ a: 'name: a\ndescription: first' });
    const second = policyFolder({ a: 'name: a\nlimits: { cpu: 8 }', b: 'name: b' });
    writeFileSync(join(second, 'loose.yaml'), 'name: loose\nextends: ./b/policy.yaml');
    const policies = new FilePolicies([first, join(second, 'missing'), second]);
    expect(await policies.names()).toEqual(['a', 'b']);
    expect((await policies.load('a')).grant.sandbox.cpu).toBe(1);
    expect((await policies.load('b')).name).toBe('b');
    expect((await policies.load(join(second, 'a'))).grant.sandbox.cpu).toBe(8);
    expect((await policies.load(join(second, 'loose.yaml'))).name).toBe('loose');
  });

  test('says what there is when there is none of that name', async () => {
    const folder = policyFolder({ 'code-fix': 'name: code-fix', p: 'name: p\nextends: bas' });
    const policies = new FilePolicies([folder]);
    const error = await failure(policies.load('code-fx'));
    expect(error.code).toBe('policy_not_found');
    expect(error.message).toBe(`there is no policy code-fx in ${folder}, nor a file of that path: did you mean code-fix?`);
    expect((await failure(policies.load('./nowhere.yaml'))).message).toContain('there are code-fix, p');
    expect((await failure(policies.load('p'))).message).toContain('p/policy.yaml:2: there is no policy bas in');
  });
});

describe('extends', () => {
  const grant = async (child: string, parent: string) => (await policyOf(`extends: q\n${child}`, { q: `name: q\n${parent}` })).grant;

  test('takes the stricter of each limit, whoever states it', async () => {
    expect((await grant('limits: { cpu: 4, pids: 100 }\nbudget: { usd: 9 }\nsession: { idle: 1m }', 'limits: { cpu: 2, pids: 200, memory: 64MiB }\nbudget: { usd: 5, steps: 7 }\nsession: { idle: 2m }\ncommand: { cpu: 5s }'))).toMatchObject({
      sandbox: { cpu: 2, pids: 100, memoryBytes: 64 * 2 ** 20 },
      budget: { usd: 5, steps: 7 },
      session: { idleMs: 60_000 },
      command: { cpuMs: 5_000 },
    });
  });

  test('names every destination of every layer, and takes the stricter of each limit on what goes there', async () => {
    const network = 'network: [{ host: a.test }, { host: "*.b.test", port: 8080 }, { registries: [npm] }, { host: c.test, paths: ["/{owner}/*"] }]\negress: { requests: 10, upload: 1KiB }';
    expect((await grant(network, 'network: [{ host: db.test, tcp: 5432 }]\negress: { requests: 20, rate: 5, upload: 100 }')).network).toEqual({
      destinations: [
        { host: 'a.test', port: 443, tcp: false },
        { host: '*.b.test', port: 8080, tcp: false },
        { host: 'c.test', port: 443, tcp: false },
        { host: 'db.test', port: 5432, tcp: true },
      ],
      registries: ['npm'],
      installScripts: 'deny',
      limits: { requests: 10, requestsPerSecond: 5, connections: 256, uploadBytes: 100, downloadBytes: 16 * 2 ** 30 },
    });
    expect((await grant(network, '')).variables).toEqual(['owner']);
  });

  test('opens a registry that no layer keeps out, and lets scripts of packages run where every layer that speaks of them does', async () => {
    const npm = 'network: [{ registries: [npm] }]';
    expect((await grant(npm, 'network: [{ registries: [npm, pypi] }]\ninstall_scripts: allow')).network).toMatchObject({ registries: ['npm'], installScripts: 'allow' });
    expect((await grant(`${npm}\nregistry_cache: 2GiB`, 'registry_cache: 1GiB')).network).toMatchObject({ registryCacheBytes: 2 ** 30 });
    expect((await grant(`${npm}\nregistry_cache: 1GiB`, '')).network).toMatchObject({ registryCacheBytes: 2 ** 30 });
    expect((await grant(`${npm}\nregistry_cache: 0`, 'registry_cache: 1GiB')).network).not.toHaveProperty('registryCacheBytes');
    expect((await grant(`${npm}\ninstall_scripts: deny`, 'install_scripts: allow')).network).toMatchObject({ registries: ['npm'], installScripts: 'deny' });
    expect((await grant(npm, 'network: [{ host: "*.corp" }]')).network).toMatchObject({ registries: ['npm'] });
    expect((await grant(npm, 'network: []')).network).toBeUndefined();
  });

  test('keeps hard limits, whoever asks for them', async () => {
    expect((await grant('sandbox: { hard_limits: false }', 'sandbox: { hard_limits: true }')).hardLimits).toBe(true);
  });

  test('takes the kinds that both accept, in the order of the child', async () => {
    expect((await grant('sandbox: { kinds: [process, container] }', 'sandbox: { kinds: [container, gvisor, process] }')).kinds).toEqual(['process', 'container']);
    expect(await problems('name: p\nextends: q\nsandbox: { kinds: [process] }', { q: 'name: q\nsandbox: { kinds: [gvisor, container] }' })).toEqual([
      'p/policy.yaml:3: sandbox.kinds: expected a kind that the policies above accept (q: gvisor, container), found process',
    ]);
  });

  test('refuses an image that a policy above does not accept', async () => {
    expect((await grant('sandbox: { image: node }', 'sandbox: { images: [node, base] }')).image).toBe('node');
    expect(await problems('name: p\nextends: q\nsandbox: { image: python }', { q: 'name: q\nsandbox: { image: node }' })).toEqual([
      'p/policy.yaml:3: sandbox.image: expected one of node (q), found python',
    ]);
    expect(await problems('name: p\nsandbox: { images: [node] }')).toEqual([
      'p/policy.yaml:2: sandbox.images: expected sandbox.image beside it, because the default image base is not in it, found none',
    ]);
  });

  test('never goes in a circle, nor on for ever', async () => {
    expect(await problems('name: p\nextends: q', { q: 'name: q\nextends: p' })).toEqual([
      'q/policy.yaml:2: extends: expected a policy that does not extend this one, found a circle: p extends q extends p',
    ]);
    expect(await problems('name: p\nextends: p')).toEqual(['p/policy.yaml:2: extends: expected a policy that does not extend this one, found a circle: p extends p']);
    const chain = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`l${i}`, `name: l${i}\nextends: l${i + 1}`]));
    expect(await problems('name: p\nextends: l0', chain)).toEqual(['l6/policy.yaml:2: extends: expected at most 8 policies above one another, found more']);
  });

  test('asks every policy of the chain that speaks', async () => {
    const policy = await policyOf('extends: q\nnetwork: [{ host: a.test }, { host: c.test }]\ntools: { allow: [shell, edit] }\ncommands: { deny: [{ program: curl }] }', {
      q: 'name: q\nnetwork: [{ host: a.test }, { host: b.test }]\ntools: { allow: [shell, submit] }\ncommands: { deny: [{ program: wget }] }',
    });
    const reaches = (host: string) => policy.decide({ action: 'network.connect', scheme: 'https', host, port: 443 });
    expect(['a.test', 'b.test', 'c.test'].map((host) => reaches(host).effect)).toEqual(['allow', 'deny', 'deny']);
    expect(reaches('c.test').reason.file).toMatch(/q\/policy\.yaml$/);
    expect(reaches('c.test').lost).toEqual([expect.objectContaining({ effect: 'allow', rule: 'network[1]' })]);
    expect(['shell', 'edit', 'submit'].map((tool) => policy.decide({ action: 'tool.call', tool, version: '1' }).effect)).toEqual(['allow', 'deny', 'deny']);
    expect(['curl', 'wget', 'ls'].map((program) => policy.decide({ action: 'command.exec', argv: [program], cwd: '/' }).effect)).toEqual(['deny', 'deny', 'allow']);
  });
});
