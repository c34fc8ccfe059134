// Opens a sandbox, starts something in it, says so, and waits to be killed.
import type { DockerKind } from '../../src/sandbox/docker/driver.ts';
import { specOf, start } from './sandbox-commands.ts';
import { DockerWorld } from './sandbox-docker.ts';

const [kind = '', stateDir = '', graceMs = ''] = process.argv.slice(2);
const world = new DockerWorld(kind as DockerKind, { stateDir });
const sandbox = await world.driver.create(specOf({ graceMs: Number(graceMs) }));
const command = start(sandbox, ['/bin/sh', '-c', `echo ${sandbox.id}; sleep 600`], { limits: { wallMs: 0 } });
for await (const { bytes } of command.output) process.stdout.write(bytes);
