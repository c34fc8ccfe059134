import { DockerWorld } from '../support/sandbox-docker.ts';
import { checksSuite } from './checks.suite.ts';

checksSuite('containers on runc', async () => new DockerWorld('container'));
