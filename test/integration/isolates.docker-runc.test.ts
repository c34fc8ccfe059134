import { isolateSuite, sandboxedIsolateSuite } from './isolates.suite.ts';

isolateSuite('container');
sandboxedIsolateSuite('container');
