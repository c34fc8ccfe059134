import { BubblewrapWorld } from '../support/sandbox-bubblewrap.ts';
import { hasControlGroups } from './bubblewrap.harness.ts';
import { sandboxSuite } from './sandbox.suite.ts';

const soft = 'no control groups can be made here, so limits are soft';
const notRun = {
  ...((await hasControlGroups())
    ? {}
    : {
        'of a memory hog says so, and the sandbox lives': soft,
        'of a memory hog is blamed on nobody alone while another command runs': soft,
        'of a shell whose grandchild was the memory hog says so, too': soft,
        'of a fork bomb comes with its time, and says what it ran into': soft,
      }),
  ...(process.getuid?.() === 0 ? {} : { 'gives each sandbox a user of its own': 'only root can: an ordinary user has no ids to give' }),
};

sandboxSuite('processes in bubblewrap', async () => new BubblewrapWorld(), { notRun });
