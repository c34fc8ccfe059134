import fc from 'fast-check';

/** CI judges every commit by the same cases. Whoever runs the tests by hand has others tried each time, and is told the seed of those that fail. */
const CI_SEED = 20_261_121;

if (process.env['CI']) fc.configureGlobal({ seed: CI_SEED });
