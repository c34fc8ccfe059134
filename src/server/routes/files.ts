import { Readable } from 'node:stream';
import { z } from 'zod';
import { type FileEntry, GloveboxError } from '../../contracts/index.ts';
import { answeredAs, answeredByEvents, binary, errorEvent, streamOf } from '../media.ts';
import { page } from '../pages.ts';
import { flag, pageOf, pageQuery, path } from '../shapes.ts';
import { type ServerSentEvent, sendEvents } from '../sse.ts';
import { type Api, clientGone, type RouteParts } from './route.ts';

const params = z.object({ id: z.string() });
const tags = ['files'];
const at = z.object({ path });
const nothing = z.null();
const OCTETS = 'application/octet-stream';
const TAR = 'application/x-tar';
/** A file is written whole or not at all, from memory; more goes as an archive. */
const MOST_WRITTEN_BYTES = 64 * 1_048_576;
const mode = z.string().regex(/^[0-7]{3,4}$/, 'octal, such as 644').transform((text) => Number.parseInt(text, 8));

const fileEntry = z
  .object({
    path: z.string(),
    type: z.enum(['file', 'directory', 'symlink', 'fifo', 'socket', 'block', 'character']),
    mode: z.int().describe('permissions, as a number'),
    sizeBytes: z.number(),
    modifiedMs: z.number(),
    target: z.string().optional(),
  })
  .meta({ id: 'FileEntry' });

const changeEvent = z
  .discriminatedUnion('event', [z.object({ event: z.literal('change'), data: z.object({ kind: z.enum(['created', 'changed', 'removed', 'overflow']), path: z.string() }) }), errorEvent])
  .meta({ id: 'ChangeEvent' });

/** Files of a sandbox, and whole trees of them. */
export function fileRoutes(api: Api, parts: RouteParts): void {
  readingRoutes(api, parts);
  writingRoutes(api, parts);
  archiveRoutes(api, parts);
}

function readingRoutes(api: Api, { sandboxes, demand }: RouteParts): void {
  const whole = at.extend({ offset: z.coerce.number().int().min(0).optional(), length: z.coerce.number().int().min(0).max(MOST_WRITTEN_BYTES).optional() });
  api.get('/sandboxes/:id/files', { schema: { operationId: 'readFile', tags, summary: 'What is in a file, or in a part of it', params, querystring: whole, response: { 200: answeredAs(OCTETS, 'Its bytes') } } }, async (request, reply) => {
    demand(request.principal, 'read');
    const { path: file, offset, length } = request.query;
    const options = { maxBytes: MOST_WRITTEN_BYTES, signal: clientGone(reply), ...(offset === undefined ? {} : { offset }), ...(length === undefined ? {} : { length }) };
    const bytes = await sandboxes.get(request.params.id, request.principal).governed.files.read(file, options);
    return reply.type(OCTETS).send(bytes);
  });
  api.get('/sandboxes/:id/files/stat', { schema: { operationId: 'statFile', tags, summary: 'What a path is', params, querystring: at, response: { 200: fileEntry } } }, async (request) => {
    demand(request.principal, 'read');
    return entryBody(await sandboxes.get(request.params.id, request.principal).governed.files.stat(request.query.path));
  });
  const listing = at.extend({ recursive: flag, limit: z.coerce.number().int().min(1).max(10_000).default(1000), cursor: pageQuery.shape.cursor });
  api.get('/sandboxes/:id/files/list', { schema: { operationId: 'listFiles', tags, summary: 'What is in a directory', params, querystring: listing, response: { 200: pageOf(fileEntry) } } }, async (request, reply) => {
    demand(request.principal, 'read');
    const { path: directory, recursive } = request.query;
    const entries = await sandboxes.get(request.params.id, request.principal).governed.files.list(directory, { recursive, signal: clientGone(reply) });
    const { items, ...more } = page(entries, request.query, (entry) => entry.path);
    return { items: items.map(entryBody), ...more };
  });
  const watching = at.extend({ recursive: flag });
  api.get('/sandboxes/:id/files/watch', { schema: { operationId: 'watchFiles', tags, summary: 'Names that come, change and go, as server-sent events `change`', params, querystring: watching, response: { 200: answeredByEvents(changeEvent, 'What happens to names, for as long as somebody listens') } } }, (request, reply) => {
    demand(request.principal, 'read');
    const { files } = sandboxes.get(request.params.id, request.principal).governed;
    return sendEvents(reply, async function* (signal): AsyncGenerator<ServerSentEvent> {
      for await (const change of await files.watch(request.query.path, { recursive: request.query.recursive, signal })) yield { event: 'change', data: change };
    });
  });
}

function writingRoutes(api: Api, { sandboxes, demand }: RouteParts): void {
  const writing = at.extend({ mode: mode.optional(), parents: flag });
  api.put('/sandboxes/:id/files', { bodyLimit: MOST_WRITTEN_BYTES, schema: { operationId: 'writeFile', tags, summary: 'Write a file, whole or not at all', params, querystring: writing, consumes: [OCTETS], body: binary, response: { 204: nothing } } }, async (request, reply) => {
    demand(request.principal, 'start');
    const { path: file, mode: permissions, parents } = request.query;
    const served = sandboxes.get(request.params.id, request.principal);
    const bytes = await wholeBody(streamOf(request.body, OCTETS), MOST_WRITTEN_BYTES);
    await served.governed.files.write(file, bytes, { parents, signal: clientGone(reply), ...(permissions === undefined ? {} : { mode: permissions }) });
    return reply.code(204).send(null);
  });
  api.delete('/sandboxes/:id/files', { schema: { operationId: 'removeFile', tags, summary: 'Remove a file, or with `recursive` a tree', params, querystring: at.extend({ recursive: flag }), response: { 204: nothing } } }, async (request, reply) => {
    demand(request.principal, 'start');
    await sandboxes.get(request.params.id, request.principal).governed.files.remove(request.query.path, { recursive: request.query.recursive });
    return reply.code(204).send(null);
  });
  api.post('/sandboxes/:id/files/mkdir', { schema: { operationId: 'makeDirectory', tags, summary: 'Make a directory', params, body: z.strictObject({ path, parents: z.boolean().default(false) }), response: { 204: nothing } } }, async (request, reply) => {
    demand(request.principal, 'start');
    await sandboxes.get(request.params.id, request.principal).governed.files.mkdir(request.body.path, { parents: request.body.parents });
    return reply.code(204).send(null);
  });
  api.post('/sandboxes/:id/files/rename', { schema: { operationId: 'renameFile', tags, summary: 'Move a file or a directory', params, body: z.strictObject({ from: path, to: path }), response: { 204: nothing } } }, async (request, reply) => {
    demand(request.principal, 'start');
    await sandboxes.get(request.params.id, request.principal).governed.files.rename(request.body.from, request.body.to);
    return reply.code(204).send(null);
  });
}

function archiveRoutes(api: Api, { sandboxes, demand }: RouteParts): void {
  api.get('/sandboxes/:id/archive', { schema: { operationId: 'downloadArchive', tags, summary: 'A tree as a tar stream', params, querystring: at, response: { 200: answeredAs(TAR, 'A tar stream') } } }, async (request, reply) => {
    demand(request.principal, 'read');
    const tar = await sandboxes.get(request.params.id, request.principal).governed.files.pack(request.query.path, { signal: clientGone(reply), timeoutMs: ARCHIVE_MS });
    return reply.type(TAR).send(Readable.from(tar, { objectMode: false }));
  });
  api.put('/sandboxes/:id/archive', { bodyLimit: MOST_ARCHIVE_BYTES, schema: { operationId: 'uploadArchive', tags, summary: 'Unpack a tar stream into a directory', params, querystring: at, consumes: [TAR], body: binary, response: { 204: nothing } } }, async (request, reply) => {
    demand(request.principal, 'start');
    const { files } = sandboxes.get(request.params.id, request.principal).governed;
    await files.unpack(request.query.path, streamOf(request.body, TAR), { signal: clientGone(reply), timeoutMs: ARCHIVE_MS });
    return reply.code(204).send(null);
  });
}

/** A GiB over a slow line. */
const ARCHIVE_MS = 30 * 60_000;
const MOST_ARCHIVE_BYTES = 16 * 2 ** 30;

async function wholeBody(body: AsyncIterable<Buffer>, most: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of body) {
    length += piece.length;
    if (length > most) throw new GloveboxError('usage', `a file that is written at once has at most ${most} bytes: send an archive`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function entryBody({ path: name, type, mode: permissions, sizeBytes, modifiedNs, target }: FileEntry): z.output<typeof fileEntry> {
  return { path: name, type, mode: permissions, sizeBytes, modifiedMs: Number(modifiedNs / 1_000_000n), ...(target === undefined ? {} : { target }) };
}
