import { isolateSuite, sandboxedIsolateSuite } from './isolates.suite.ts';

isolateSuite('process');
sandboxedIsolateSuite('process');
