import { z } from 'zod';

const positive = z.number().positive();

/** OpenAI's shell, Anthropic's bash and a plain function call, in one shape. Providers send null for what is left out. */
export const shellInput = z
  .object({
    command: z.string().nullish().describe('one shell command'),
    commands: z.array(z.string()).nullish().describe('several commands, run one after the other, each in a shell of its own'),
    timeout_s: positive.nullish().describe('seconds until the command is killed; policy may allow less'),
    timeout_ms: positive.nullish().describe('the same in milliseconds'),
    max_output_length: positive.nullish().describe('characters of output to be shown; the middle is cut'),
    restart: z.boolean().nullish().describe('not needed: every command has a shell of its own'),
  })
  .refine((given) => given.restart === true || texts(given).length > 0, {
    message: 'give "command" (one shell command) or "commands" (a list of them)',
    path: ['command'],
  })
  .refine((given) => given.restart === true || texts(given).every((text) => text.trim() !== '' && !text.includes('\0')), {
    message: 'a command is empty or holds a NUL',
    path: ['command'],
  });
export type ShellInput = z.output<typeof shellInput>;

/** The commands that are asked for, in order. */
export function texts(input: { command?: string | null | undefined; commands?: readonly string[] | null | undefined }): readonly string[] {
  return [...(input.command == null ? [] : [input.command]), ...(input.commands ?? [])];
}

/** Undefined: as policy says. */
export function wallMs(input: ShellInput): number | undefined {
  if (input.timeout_ms != null) return input.timeout_ms;
  return input.timeout_s == null ? undefined : input.timeout_s * 1000;
}
