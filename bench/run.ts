import { parseArgs } from 'node:util';
import { GloveboxError, describeError } from '../src/contracts/index.ts';
import type { Report } from './report.ts';

const BENCHES: Readonly<Record<string, () => Promise<{ default: (quick: boolean, full: boolean) => Promise<Report> }>>> = {
  exec: () => import('./exec.ts'),
  contexts: () => import('./contexts.ts'),
  acquire: () => import('./acquire.ts'),
  burst: () => import('./burst.ts'),
  files: () => import('./files.ts'),
  decide: () => import('./decide.ts'),
  density: () => import('./density.ts'),
  soak: () => import('./soak.ts'),
  isolate: () => import('./isolate.ts'),
  egress: () => import('./egress.ts'),
  resume: () => import('./resume.ts'),
  replay: () => import('./replay.ts'),
  journal: () => import('./journal.ts'),
  api: () => import('./api.ts'),
  scale: () => import('./scale.ts'),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false }, full: { type: 'boolean', default: false } },
});
const load = BENCHES[positionals[0] ?? ''];
if (load === undefined) {
  console.error(`usage: npm run --silent bench -- <${Object.keys(BENCHES).join('|')}> [--json] [--quick | --full]`);
  process.exit(2);
}
try {
  const report = await (await load()).default(values.quick, values.full);
  if (values.json) console.log(JSON.stringify(report));
  else print(report);
  process.exit(0);
} catch (error) {
  console.error(`bench: ${describeError(error)}`);
  process.exit(error instanceof GloveboxError ? error.exitCode : 1);
}

function print(report: Report): void {
  console.log(`${report.bench} on ${report.machine['cpu']}, ${report.machine['cores']} cores, kernel ${report.machine['kernel']}, Node ${report.machine['node']}`);
  for (const [name, value] of Object.entries(report.figures)) console.log(`  ${name.padEnd(28)} ${typeof value === 'string' ? value : JSON.stringify(value)}`);
  for (const [name, value] of Object.entries(report.ratios)) console.log(`  ratio ${name.padEnd(22)} ${value}×`);
}
