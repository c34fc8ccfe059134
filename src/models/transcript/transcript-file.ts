import { readFile } from 'node:fs/promises';
import { isNode, LineCounter, parseDocument, type Document } from 'yaml';
import { z } from 'zod';
import { describeError, GloveboxError } from '../../contracts/index.ts';

const pattern = z.string().transform((text, context) => {
  try {
    return new RegExp(text, 'ms');
  } catch (error) {
    context.addIssue({ code: 'custom', message: `expected a regular expression: ${describeError(error)}` });
    return z.NEVER;
  }
});

const transcriptSchema = z.strictObject({
  description: z.string(),
  /** Nobody may take a transcript for what a model said. */
  written_by_hand: z.literal(true),
  /** Who is playing: shown beside the answers. */
  model: z.string().min(1),
  replies: z
    .array(
      z.strictObject({
        text: z.string().default(''),
        calls: z.array(z.strictObject({ name: z.string().min(1), input: z.record(z.string(), z.unknown()) })).default([]),
        /** What must have happened before this reply makes sense. Patterns are JavaScript's, with the flags m and s. */
        expect: z
          .strictObject({
            outcome: pattern.optional().describe('matches the text of the last tool outcomes'),
            message: pattern.optional().describe('matches the last user message'),
            ok: z.boolean().optional().describe('whether all of the last tool outcomes were good'),
          })
          .optional(),
      }),
    )
    .min(1),
});

export type Transcript = z.output<typeof transcriptSchema>;
export type TranscriptReply = Transcript['replies'][number];

/** Reads a transcript, YAML or JSON. Errors: `transcript_invalid` with file, line and what was expected. */
export async function readTranscript(file: string): Promise<Transcript> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new GloveboxError('transcript_invalid', `Cannot read the transcript ${file}: ${describeError(error)}`, { details: { file } });
  });
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [syntax] = document.errors;
  if (syntax !== undefined) throw invalid(file, lines.linePos(syntax.pos[0]).line, syntax.message.split('\n')[0] ?? syntax.message);
  const parsed = transcriptSchema.safeParse(document.toJS());
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = issue?.path ?? [];
  throw invalid(file, lineOf(document, lines, path), `${path.join('.') || 'the transcript'}: ${issue?.message ?? 'invalid'}`);
}

function invalid(file: string, line: number, what: string): GloveboxError {
  return new GloveboxError('transcript_invalid', `${file}:${line}: ${what}`, { details: { file, line } });
}

/** Of what is at the path, or of the nearest thing around it that is there. */
function lineOf(document: Document, lines: LineCounter, path: readonly PropertyKey[]): number {
  for (let length = path.length; length >= 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}
