// Opens a sandbox, writes to a command in it, and dies by SIGKILL in the middle of a frame that carries hidden ones.
import { Socket } from 'node:net';
import type { SandboxDriver } from '../../src/contracts/index.ts';
import { bubblewrapDriver } from '../support/sandbox-bubblewrap.ts';
import { ids, specOf } from '../support/sandbox-commands.ts';
import { DockerWorld } from '../support/sandbox-docker.ts';
import { hiddenExecs, secretsOf } from './hidden-exec.ts';

const MARK = Buffer.from('the upload begins');
const [kind = '', stateDir = ''] = process.argv.slice(2);
const driver: SandboxDriver = kind === 'process' ? bubblewrapDriver(stateDir) : new DockerWorld('container', { stateDir }).driver;
const sandbox = await driver.create(specOf());
const id = ids.next('cmd');
const command = sandbox.exec({ id, argv: ['/bin/sh', '-c', 'cat > /workspace/upload; echo whole'], limits: { wallMs: 60_000 }, stdin: 'pipe' });
await command.write(Buffer.from('first\n'));
process.stdout.write(`${JSON.stringify({ sandbox: sandbox.id, command: id })}\n`);

const hidden = hiddenExecs(secretsOf(stateDir, sandbox.id), '/workspace/hidden');
// Both kinds of transport are sockets in the end, and what is written to one is whole frames.
const write = Socket.prototype.write;
Socket.prototype.write = function (this: Socket, bytes: unknown, ...rest: unknown[]): boolean {
  const at = Buffer.isBuffer(bytes) ? bytes.indexOf(MARK) : -1;
  if (!Buffer.isBuffer(bytes) || at === -1) return Reflect.apply(write, this, [bytes, ...rest]) as boolean;
  return Reflect.apply(write, this, [bytes.subarray(0, at + MARK.length + hidden.length + 100), () => process.kill(process.pid, 'SIGKILL')]) as boolean;
};
await command.write(Buffer.concat([MARK, hidden, Buffer.alloc(20_000, 'x')]));
