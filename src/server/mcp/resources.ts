import { isUtf8 } from 'node:buffer';
import { type McpServer, type ReadResourceResult, ResourceTemplate } from '@modelcontextprotocol/server';
import { parseId } from '../../contracts/index.ts';
import type { Runs } from '../../runs/index.ts';
import { runBody, runId } from '../run-shapes.ts';
import { absolute } from './inputs.ts';
import type { Workplace } from './workplace.ts';

const LISTED = 50;
const MOST_FILE_BYTES = 8 * 1_048_576;
/** In the place of an id: the sandbox that is always there. */
const OWN = 'own';

export function runUri(id: string): string {
  return `glovebox://runs/${id}`;
}

/** What a client may look at and show: runs, what they came to, and files of its sandboxes. */
export function addResources(server: McpServer, workplace: Workplace, runs: Runs): void {
  const listed = async () => ({
    resources: (await runs.list({ limit: LISTED })).map(({ id, state }) => ({ uri: runUri(id), name: id, title: firstLine(state.task), mimeType: 'application/json' })),
  });
  server.registerResource('run', new ResourceTemplate(runUri('{id}'), { list: listed }), { title: 'A run', description: 'What has become of it.', mimeType: 'application/json' }, async (uri, { id }) => {
    const known = runId(String(id));
    return text(uri, 'application/json', JSON.stringify(runBody(known, await runs.show(known), await runs.isRunning(known))));
  });
  server.registerResource('patch', new ResourceTemplate(`${runUri('{id}')}/patch`, { list: undefined }), { title: 'The patch of a run', mimeType: 'text/x-diff' }, async (uri, { id }) => text(uri, 'text/x-diff', (await runs.patch(runId(String(id)))).text.toString('utf8')));
  const files = new ResourceTemplate('glovebox://sandboxes/{sandbox}/files/{+path}', { list: undefined });
  server.registerResource('file', files, { title: 'A file of a sandbox', description: `The sandbox is an id that create_sandbox gave, or "${OWN}".` }, async (uri, { sandbox, path }): Promise<ReadResourceResult> => {
    const id = String(sandbox);
    const place = await workplace.sandbox(id === OWN ? undefined : (parseId('sbx', id) ?? id));
    const bytes = await place.files.read(absolute(decodeURIComponent(String(path))), { length: MOST_FILE_BYTES, signal: AbortSignal.timeout(60_000) });
    return isUtf8(bytes)
      ? text(uri, 'text/plain', bytes.toString('utf8'))
      : { contents: [{ uri: uri.href, mimeType: 'application/octet-stream', blob: bytes.toString('base64') }] };
  });
}

function text(uri: URL, mimeType: string, content: string): ReadResourceResult {
  return { contents: [{ uri: uri.href, mimeType, text: content }] };
}

function firstLine(task: string): string {
  return task.split('\n', 1)[0]?.slice(0, 120) ?? '';
}
