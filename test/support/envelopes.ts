import { MasterEnvelopes, MasterKey } from '../../src/broker/index.ts';

/** Under a master key of the test's own: 32 bytes, base64. */
export class TestEnvelopes extends MasterEnvelopes {
  constructor(masterKey = Buffer.alloc(32, 7).toString('base64')) {
    super(new MasterKey({ env: { GLOVEBOX_MASTER_KEY: masterKey }, stateDir: '/nowhere' }));
  }
}
