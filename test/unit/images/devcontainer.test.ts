import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GloveboxError } from '../../../src/contracts/index.ts';
import { type Devcontainer, parseDevcontainer } from '../../../src/sandbox/images/devcontainer/devcontainer.ts';
import { asksForNothing, KEYS } from '../../../src/sandbox/images/devcontainer/keys.ts';
import { fillVariables } from '../../../src/sandbox/images/devcontainer/variables.ts';

const PATH = '/r/.devcontainer/devcontainer.json';
const read = (value: unknown): Devcontainer => parseDevcontainer(PATH, typeof value === 'string' ? value : JSON.stringify(value));

function refusal(value: unknown): GloveboxError {
  try {
    read(value);
  } catch (error) {
    if (error instanceof GloveboxError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('a devcontainer.json', () => {
  test('may have comments, trailing commas and a byte order mark', () => {
    expect(read('\uFEFF{ // the one\n "image": "debian:12", /* no more */ }').from).toEqual({ image: 'debian:12' });
  });

  test('gives a build with paths from its own folder', () => {
    const build = { dockerfile: '../docker/Dockerfile', context: '..', args: { VARIANT: '3' }, target: 'dev' };
    expect(read({ build }).from).toEqual({ dockerfile: '/r/docker/Dockerfile', context: '/r', args: { VARIANT: '3' }, target: 'dev' });
    expect(read({ build: { dockerfile: 'Dockerfile' } }).from).toEqual({ dockerfile: '/r/.devcontainer/Dockerfile', context: '/r/.devcontainer', args: {} });
  });

  test('gives the environment of the container and of commands', () => {
    expect(read({ image: 'x', containerEnv: { A: '1' }, remoteEnv: { B: '2' } })).toMatchObject({ containerEnv: { A: '1' }, remoteEnv: { B: '2' } });
  });

  test('notes what has no effect, once each, and why', () => {
    const { notes } = read({ name: 'x', image: 'x', forwardPorts: [1], customizations: { vscode: {} }, remoteUser: 'vscode', portsAttributes: {} });
    expect(notes.map((note) => note.split(' ')[0])).toEqual(['name', 'forwardPorts', 'customizations', 'remoteUser']);
    expect(notes.at(-1)).toContain('unprivileged user');
  });

  const refused = [...KEYS].flatMap(([key, rule]) => (rule !== 'used' && 'refused' in rule ? [[key, rule.refused] as const] : []));
  test.each(refused)('refuses %s, with its place and what to do', (key, why) => {
    const text = key.startsWith('build.') ? `{\n  "build": { "dockerfile": "d",\n    "options": ["--x"] }\n}` : `{\n  "image": "x",\n    ${JSON.stringify(key)}: ["something"]\n}`;
    const { message, code } = refusal(text);
    expect(code).toBe('config_invalid');
    expect(message).toBe(`${PATH}:3:5: ${key}: cannot be honoured: ${why}`);
  });

  test('does not refuse a key that asks for nothing', () => {
    expect(read({ image: 'x', features: {}, privileged: false, mounts: [], capAdd: null, runArgs: [], postCreateCommand: '' }).notes).toEqual([]);
  });

  test('refuses a key that nobody knows, because it may be a misspelt one', () => {
    expect(refusal({ image: 'x', contianerEnv: { A: '1' } }).message).toContain('contianerEnv: is not a key');
  });

  test.each([
    ['neither image nor build', {}],
    ['both of them', { image: 'x', build: { dockerfile: 'd' } }],
  ])('refuses %s', (_, value) => {
    expect(refusal(value).message).toContain('either `image` or `build`');
  });

  test('refuses another workspace than the one that every sandbox has', () => {
    expect(refusal({ image: 'x', workspaceFolder: '/workspaces/app' }).message).toContain('workspaceFolder: cannot be honoured');
    expect(read({ image: 'x', workspaceFolder: '/workspace' }).from).toEqual({ image: 'x' });
    expect(read({ image: 'x', workspaceFolder: '/workspace/' }).from).toEqual({ image: 'x' });
  });

  test("refuses to start the image's own command", () => {
    expect(refusal({ image: 'x', overrideCommand: false }).message).toContain('overrideCommand');
    expect(read({ image: 'x', overrideCommand: true }).from).toEqual({ image: 'x' });
  });

  test.each(['${localEnv:TOKEN}', '${env:TOKEN}', '${localWorkspaceFolder}', '${devcontainerId}', '${}'])('lets nothing of the host into the environment: %s', (text) => {
    expect(refusal({ image: 'x', remoteEnv: { A: `before ${text}` } }).message).toContain(`remoteEnv.A: ${text} cannot be honoured`);
    expect(refusal({ image: 'x', containerEnv: { A: text } }).code).toBe('config_invalid');
  });

  test.each([
    { image: 'x:${localEnv:TAG}' },
    { build: { dockerfile: '${localWorkspaceFolder}/Dockerfile' } },
    { build: { dockerfile: 'd', context: '${localWorkspaceFolder}' } },
    { build: { dockerfile: 'd', args: { A: '${localEnv:TOKEN}' } } },
    { build: { dockerfile: 'd', target: '${localEnv:STAGE}' } },
  ])('takes only literal values for what is built: %j', (value) => {
    expect(refusal(value).message).toContain('only literal values');
  });

  test('says all that is wrong, in the order of the file', () => {
    const { message, details } = refusal('{\n "image": 7,\n "features": {"a": {}},\n "remoteEnv": {"A": null}\n}');
    expect(message.split('\n').map((line) => line.slice(PATH.length).split(' ').slice(0, 2).join(' '))).toEqual([':2:2: image:', ':3:2: features:', ':4:16: remoteEnv.A:']);
    expect(details).toEqual({ path: PATH, line: 2, column: 2 });
  });

  test.each([
    ['', ':1:1: value expected'],
    ['{ "image": "x" "name": 1 }', ':1:16: comma expected'],
    ['{\n  "image": "x', ':2:12: unexpected end of string'],
    ['[]', ':1:1: '],
    ['"text"', ':1:1: '],
    ['['.repeat(100_000), ':1:1: the file is nested too deeply'],
  ])('says where a mistake is: %.30s', (text, said) => {
    const { message, code } = refusal(text);
    expect(code).toBe('config_invalid');
    expect(message).toContain(`${PATH}${said}`);
  });

  test('is read or refused, whatever it is', () => {
    const key = fc.constantFrom(...KEYS.keys(), 'else', '__proto__', 'constructor');
    const anything = fc.oneof(fc.string(), fc.dictionary(key, fc.jsonValue()).map((value) => JSON.stringify(value)));
    fc.assert(
      fc.property(anything, (text) => {
        try {
          expect(parseDevcontainer(PATH, text).from).toBeDefined();
        } catch (error) {
          expect(error).toBeInstanceOf(GloveboxError);
          expect((error as GloveboxError).message).toMatch(/devcontainer\.json:\d+:\d+: ./);
        }
      }),
    );
  });

  test('is never accepted with a key that would be refused', () => {
    const refusedKey = fc.constantFrom(...refused.map(([key]) => key).filter((key) => !key.includes('.')));
    fc.assert(
      fc.property(refusedKey, fc.jsonValue(), (key, value) => {
        if (asksForNothing(value)) return;
        expect(refusal({ image: 'x', [key]: value }).message).toContain(`${key}: cannot be honoured`);
      }),
    );
  });
});

test("variables of the container are its own, and the image's", () => {
  const container = { PATH: '/bin', A: '$& $1' };
  expect(fillVariables('${containerEnv:PATH}:/opt ${containerWorkspaceFolder}/x', container)).toBe('/bin:/opt /workspace/x');
  expect(fillVariables('${containerEnv:A}', container)).toBe('$& $1');
  expect(fillVariables('[${containerEnv:NONE}] [${containerEnv:NONE:else:where}]', container)).toBe('[] [else:where]');
});
