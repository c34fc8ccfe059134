import { z } from 'zod';

/** What providers send: every field for every command, null for what is left out. A schema with alternatives at the top is refused by some. */
const written = z.object({
  command: z.enum(['view', 'create', 'str_replace', 'insert']).describe('what to do'),
  path: z.string().min(1).describe('absolute, or relative to /workspace'),
  view_range: z.array(z.int()).length(2).nullish().describe('view: first and last line, from 1; -1 as last line means to the end'),
  file_text: z.string().nullish().describe('create: the whole content'),
  old_str: z.string().nullish().describe('str_replace: the text to be replaced; it must occur exactly once'),
  new_str: z.string().nullish().describe('str_replace: what to put there; leave out to delete'),
  insert_line: z.int().nullish().describe('insert: the line after which to insert; 0 for the beginning'),
  insert_text: z.string().nullish().describe('insert: the lines to insert'),
});

const path = z.string().refine((text) => !text.includes('\0'), 'a path cannot hold a NUL');
const line = z.int();

const meant = z.discriminatedUnion('command', [
  z.object({ command: z.literal('view'), path, view_range: z.tuple([line, line]).optional() }),
  z.object({ command: z.literal('create'), path, file_text: z.string() }),
  z.object({ command: z.literal('str_replace'), path, old_str: z.string().min(1, 'old_str is empty: use insert, or create'), new_str: z.string().default('') }),
  z.object({ command: z.literal('insert'), path, insert_line: line.min(0), insert_text: z.string() }),
]);

export const editInput = written
  // An older version of the provider's tool calls the inserted text `new_str`.
  .transform((given) => Object.fromEntries(Object.entries({ ...given, insert_text: given.insert_text ?? given.new_str }).filter(([, value]) => value != null)))
  .pipe(meant);
export type EditInput = z.output<typeof editInput>;
