import { z } from 'zod';
import { WORKSPACE } from '../../contracts/index.ts';
import { CutText, requestWords } from '../../session/index.ts';
import { SHOWN } from './command-tools.ts';
import { absolute, path, sandbox } from './inputs.ts';
import type { Toolbox } from './toolbox.ts';

const MOST_READ_BYTES = 1_048_576;
const MOST_FETCHED_BYTES = 8 * 1_048_576;
const MOST_ENTRIES = 2000;

const reading = z.object({ path, offset: z.number().int().min(0).default(0), length: z.number().int().positive().max(MOST_READ_BYTES).default(65_536), sandbox });
const writing = z.object({ path, content: z.string().max(8 * MOST_READ_BYTES), sandbox });
const listing = z.object({ path: path.default(WORKSPACE), recursive: z.boolean().default(false), sandbox });
const fetching = z.object({
  url: z.url({ protocol: /^https?$/ }).max(8192),
  ...requestWords,
  body: z.string().max(MOST_READ_BYTES).optional(),
});

/** Files of a sandbox, and what is fetched for one that has no network. */
export function addFileTools(tools: Toolbox): void {
  const { workplace } = tools;
  tools.add('read_file', { title: 'Read a file', description: 'Gives a text file, or a part of it.', input: reading, annotations: { readOnlyHint: true } }, async ({ path: file, offset, length, sandbox: id }, { signal }) => {
    const { files } = await workplace.sandbox(id);
    return { text: (await files.read(absolute(file), { offset, length, signal })).toString('utf8') };
  });
  tools.add('write_file', { title: 'Write a file', description: 'Writes a text file, whole, with the directories that it needs.', input: writing }, async ({ path: file, content, sandbox: id }, { signal }) => {
    const bytes = Buffer.from(content);
    const { files } = await workplace.sandbox(id);
    await files.write(absolute(file), bytes, { parents: true, signal });
    return { text: `${bytes.length} bytes are in ${absolute(file)}` };
  });
  tools.add('list_files', { title: 'List files', description: 'What is in a directory.', input: listing, annotations: { readOnlyHint: true } }, async ({ path: directory, recursive, sandbox: id }, { signal }) => {
    const { files } = await workplace.sandbox(id);
    const entries = await files.list(absolute(directory), { recursive, limit: MOST_ENTRIES, signal });
    return { text: entries.map(({ path: name, type, sizeBytes }) => `${type === 'directory' ? `${name}/` : name}\t${type === 'file' ? sizeBytes : type}`).join('\n') };
  });
  const description = 'Makes one HTTP request on the way out that policy leaves open; what it refuses is answered with 403 and why. Placeholders of credentials are replaced outside.';
  tools.add('fetch', { title: 'Fetch', description, input: fetching, annotations: { openWorldHint: true } }, async ({ url, method, headers, body }, { signal }) => {
    const session = await workplace.session();
    const answer = await session.request({ url, method: method.toUpperCase(), headers, mostBytes: MOST_FETCHED_BYTES, signal, body: body === undefined ? undefined : Buffer.from(body) });
    const shown = new CutText(SHOWN);
    shown.add(answer.body);
    return { text: `[${answer.status}${answer.headers['content-type'] === undefined ? '' : ` ${answer.headers['content-type']}`}]\n${shown.text()}`, failed: answer.status >= 400 };
  });
}
