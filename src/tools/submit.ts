import { z } from 'zod';
import type { Tool } from './tool.ts';

const submitInput = z.object({
  summary: z.string().min(1).describe('what was wrong and what you changed, in a few sentences'),
});

/** Ends the loop. A tool and not a word in some output, since a repository's output could forge a word. */
export const submit: Tool<z.output<typeof submitInput>> = {
  name: 'submit',
  version: '1',
  description: 'Say that the task is done. Call it once, when you have checked your change. The difference to the files you were given is your answer.',
  input: submitInput,
  run: ({ summary }) => Promise.resolve({ ok: true, text: 'Submitted.', submitted: summary }),
};
