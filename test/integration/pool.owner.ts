// Keeps two sandboxes ready, says so, and waits to be killed.
import { PooledSandboxes } from '../../src/sandbox/pool/index.ts';
import { AvailableSandboxes } from '../../src/sandbox/sandboxes.ts';
import { bubblewrapDriver } from '../support/sandbox-bubblewrap.ts';
import { specOf } from '../support/sandbox-commands.ts';
import { DockerWorld } from '../support/sandbox-docker.ts';

const [kind = '', stateDir = ''] = process.argv.slice(2);
const driver = kind === 'process' ? bubblewrapDriver(stateDir) : new DockerWorld('container', { stateDir }).driver;
const pool = new PooledSandboxes({ sandboxes: new AvailableSandboxes([driver]) });
await pool.warm([driver.kind], specOf(), { floor: 2 });
process.stdout.write('ready\n');
setInterval(() => {}, 60_000);
