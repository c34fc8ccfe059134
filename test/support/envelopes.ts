import { MasterEnvelopes, MasterKeys } from '../../src/broker/index.ts';

/** 32 bytes, base64. */
const TEST_MASTER_KEY = Buffer.alloc(32, 7).toString('base64');

/** Under a master key of the test's own. */
export class TestEnvelopes extends MasterEnvelopes {
  constructor(masterKey = TEST_MASTER_KEY, env: Readonly<Record<string, string>> = {}) {
    super(new MasterKeys({ env: { ...env, GLOVEBOX_MASTER_KEY: masterKey }, stateDir: '/nowhere' }));
  }
}
