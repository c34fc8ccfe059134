import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { afterAll, afterEach, expect, test } from 'vitest';
import { buildOnEngine, type EngineBuild } from '../../../src/sandbox/images/engine-build.ts';

const folder = mkdtempSync(join(tmpdir(), 'glovebox-build-'));
let server: Server | undefined;
let sockets = 0;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});
afterAll(() => rmSync(folder, { recursive: true }));

const what: EngineBuild = { what: 'The image', parameters: { t: 'x' }, deadlineMs: 60_000, fill: async (context) => void context.entry({ name: 'a' }, 'a') };

async function engineThat(answer: RequestListener): Promise<Docker> {
  const socketPath = join(folder, `${sockets++}.sock`);
  server = createServer(answer).listen(socketPath);
  await once(server, 'listening');
  return new Docker({ socketPath });
}

/** An engine that waits for the whole of the context before it says anything; `ended` is how the request went away. */
async function patientEngine(): Promise<{ docker: Docker; ended: Promise<string> }> {
  const { promise: ended, resolve } = Promise.withResolvers<string>();
  const docker = await engineThat((request: IncomingMessage) => void request.resume().on('end', () => resolve('whole')).on('error', () => resolve('cut')));
  return { docker, ended };
}

/** Nobody is connected to the engine any more. */
async function allHungUp(): Promise<void> {
  const connections = (): Promise<number> => new Promise((resolve) => server?.getConnections((_, count) => resolve(count)));
  await expect.poll(connections).toBe(0);
}

test('a context that breaks off ends the build, and the engine is told', async () => {
  const { docker, ended } = await patientEngine();
  const fill: EngineBuild['fill'] = async (context) => {
    context.entry({ name: 'a' }, 'a');
    await once(server as Server, 'request');
    throw new Error('the disk is gone');
  };
  await expect(buildOnEngine(docker, { ...what, fill }, {})).rejects.toMatchObject({ code: 'image_build_failed', message: 'The image could not be built: the disk is gone' });
  expect(await ended).toBe('cut');
});

test('an entry that breaks off is an error of the build, and not of the process', async () => {
  const { docker } = await patientEngine();
  const gone = new Error('the disk is gone');
  const fill: EngineBuild['fill'] = async (context) => {
    const entry = context.entry({ name: 'a', size: 10 });
    entry.on('error', () => {}).destroy(gone);
    throw gone;
  };
  await expect(buildOnEngine(docker, { ...what, fill }, {})).rejects.toMatchObject({ code: 'image_build_failed', message: expect.stringContaining('the disk is gone') as string });
  await allHungUp();
});

test('a context that fails before it is sent leaves no request behind', async () => {
  const { docker } = await patientEngine();
  await expect(buildOnEngine(docker, { ...what, fill: () => Promise.reject(new Error('never began')) }, {})).rejects.toThrow('never began');
  await allHungUp();
});

test('an engine that says nothing is given up at the deadline', async () => {
  const docker = await engineThat((request) => void request.resume());
  await expect(buildOnEngine(docker, { ...what, deadlineMs: 100 }, {})).rejects.toMatchObject({ code: 'image_build_failed', message: expect.stringContaining('it took more than') as string });
});

test('a cancellation is the reason that was given', async () => {
  const { docker } = await patientEngine();
  const stop = new AbortController();
  const building = buildOnEngine(docker, { ...what, fill: () => new Promise(() => {}) }, { signal: stop.signal });
  stop.abort(new Error('enough'));
  await expect(building).rejects.toThrow('enough');
});

test('what goes wrong is told in the words of the engine, with its last lines', async () => {
  const said = Array.from({ length: 30 }, (_, i) => JSON.stringify({ stream: `line ${i}\n` }));
  const docker = await engineThat((request, response) => void request.resume().on('end', () => response.end(`${said.join('\r\n')}\r\n${JSON.stringify({ error: 'no space left on device' })}`)));
  const lines: string[] = [];
  const error = await buildOnEngine(docker, what, { onLine: (line) => lines.push(line) }).catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: 'image_build_failed', message: expect.stringContaining('could not be built: no space left on device') as string });
  expect((error as Error).message).not.toContain('| line 5\n');
  expect((error as Error).message).toContain('| line 29\n');
  expect(lines).toHaveLength(31);
});

test('an engine that refuses the build is quoted', async () => {
  const docker = await engineThat((request, response) => void request.resume().on('end', () => response.writeHead(400, { 'Content-Type': 'application/json' }).end('{"message":"dockerfile parse error"}')));
  await expect(buildOnEngine(docker, what, {})).rejects.toMatchObject({ message: 'The image could not be built: dockerfile parse error' });
});
