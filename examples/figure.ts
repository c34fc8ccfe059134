// A session with a python context that draws a figure. Run it with Node 24: node examples/figure.ts [file.png]
// It needs the image `data` (glovebox images build data), which has pandas and matplotlib.
import { writeFileSync } from 'node:fs';
import { openServices } from '../src/app.ts';
import { type Context, Session } from '../src/session/index.ts';

const CALLS = [
  'import pandas as pd\nframe = pd.DataFrame({"year": range(2019, 2025), "runs": [3, 14, 15, 92, 65, 35]})\nframe.tail(3)',
  'frame.runs.mean()',
  'import matplotlib.pyplot as plt\nplt.bar(frame.year, frame.runs)\nplt.title("runs a year")',
  'frame["walks"]',
  'print("still here:", len(frame), "rows")',
];

async function run(context: Context, code: string, file: string): Promise<void> {
  console.log(code.replaceAll(/^/gm, '>>> '));
  const call = await context.run(code, { limits: { wallMs: 60_000 } });
  for await (const event of call.events) {
    if (event.type === 'stdout' || event.type === 'stderr') process.stdout.write(event.bytes);
    else if (event.type === 'error') console.log(`${event.name}: ${event.message}`);
    else if (event.type === 'display' || event.type === 'result') {
      const { data, table } = event.display;
      console.log(data['text/plain']);
      if (table !== undefined) console.log(`[a table of ${table.columns.join(', ')}: ${table.rows.length} rows]`);
      const png = data['image/png'];
      if (png === undefined) continue;
      writeFileSync(file, Buffer.from(png, 'base64'));
      console.log(`[a figure: ${file}]`);
    }
  }
  const { cause, state } = await call.end;
  console.log(`[${cause}, state ${state}]\n`);
}

await using services = await openServices({ env: process.env, version: 'example' });
const policy = await services.policies.load('exec');
await using session = await Session.open(services.sessionPorts(), { principal: services.principal, policy, image: 'data', kinds: ['container'] });
const sandbox = await session.sandbox('a figure');
await using context = await sandbox.contexts.open({ language: 'python' });
for (const code of CALLS) await run(context, code, process.argv[2] ?? 'figure.png');
