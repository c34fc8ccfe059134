import { BubblewrapWorld } from '../support/sandbox-bubblewrap.ts';
import { networkSuite } from './network.suite.ts';

networkSuite('the network of processes in bubblewrap', async () => new BubblewrapWorld());
