// A process that works on a run, for tests that kill it: `runs.worker.ts <folder> <run>`.
import { parseId } from '../../src/contracts/index.ts';
import { ScriptedModel } from '../unit/runs/rig.ts';
import { EFFECTS, openParts } from './runs.parts.ts';

const [folder = '', run = ''] = process.argv.slice(2);
const id = parseId('run', run);
if (id === undefined) throw new Error(`not a run: ${run}`);
await openParts(folder).runsWith(new ScriptedModel(EFFECTS)).execute(id);
