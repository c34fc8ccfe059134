import { hasControlGroups } from '../integration/bubblewrap.harness.ts';
import { BubblewrapWorld } from '../support/sandbox-bubblewrap.ts';
import { checksSuite } from './checks.suite.ts';

const soft = 'no control groups can be made here, so limits are soft';
const notRun: Record<string, string> = (await hasControlGroups())
  ? {}
  : {
      'memory is held': soft,
      'CPU is held': soft,
      'a memory hog is reported as such, and nothing else dies': soft,
    };

checksSuite('processes in bubblewrap', async () => new BubblewrapWorld(), {
  notRun,
  notHeld: {
    'files without end come to one': 'bubblewrap cannot say how many files a tmpfs may have; they are held as memory, and whoever makes that many loses the sandbox',
  },
});
