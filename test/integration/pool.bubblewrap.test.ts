import { SandboxState } from '../../src/sandbox/state.ts';
import { BubblewrapWorld } from '../support/sandbox-bubblewrap.ts';
import { processesWith } from './bubblewrap.harness.ts';
import { poolSuite } from './pool.suite.ts';

poolSuite('a pool of processes in bubblewrap', async () => new BubblewrapWorld(), {
  kill: async (world, id) => {
    const { folder = id } = SandboxState.read(world.stateDir, id).resource;
    for (const { pid } of processesWith(folder)) process.kill(pid, 'SIGKILL');
  },
});
