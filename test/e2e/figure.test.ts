import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Engine } from '../../src/sandbox/docker/index.ts';
import { findEngine, SandboxImages } from '../../src/sandbox/images/index.ts';
import { User } from './glovebox.ts';

const EXAMPLE = fileURLToPath(new URL('../../examples/figure.ts', import.meta.url));
const user = new User();
afterAll(() => user[Symbol.dispose]());

beforeAll(async () => {
  await new SandboxImages(await new Engine(() => findEngine()).client()).build(['data']);
});
afterEach(async () => {
  expect(await user.containers()).toEqual([]);
});

test('examples/figure.ts draws a figure in a python context, and goes on after an exception', async () => {
  const file = join(user.folder, 'figure.png');
  const { stdout } = await promisify(execFile)(process.execPath, [EXAMPLE, file], { env: user.env, cwd: user.folder });
  expect(stdout).toContain('[a table of year, runs: 3 rows]\n[finished, state kept]');
  expect(stdout).toContain('37.333333333333336\n[finished, state kept]');
  expect(stdout).toMatch(/Text\(0\.5, 1\.0, 'runs a year'\)\n<Figure size 640x480 with 1 Axes>\n\[a figure: .*figure\.png\]\n\[finished, state kept\]/);
  expect(stdout).toContain("KeyError: 'walks'\n[raised, state kept]");
  expect(stdout).toContain('still here: 6 rows\n[finished, state kept]');
  const png = readFileSync(file);
  expect(png.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
  expect(png.readUInt32BE(16)).toBeGreaterThan(300);
  expect(png.length).toBeGreaterThan(3000);
});
