import { DockerWorld } from '../support/sandbox-docker.ts';
import { networkSuite } from './network.suite.ts';

networkSuite('the network of containers on runc', async () => new DockerWorld('container'));
