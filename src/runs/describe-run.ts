import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type EventData, GloveboxError } from '../contracts/index.ts';
import { describeProject } from './project.ts';
import type { RunInput, RunOptions } from './run-input.ts';
import type { RunsPorts } from './runs-ports.ts';

export interface DescribeOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told what whoever asks should know: left-out submodules, a missing test command. */
  readonly onNote?: ((note: string) => void) | undefined;
}

/** Takes the repository in and finds out what was left unsaid. Errors: `usage`, those of Workspace.capture, Policies.load and Models.open. */
export async function describeRun(ports: RunsPorts, versions: RunOptions['versions'], input: RunInput, { signal, onNote }: DescribeOptions): Promise<{ readonly event: EventData['run.created']; readonly kept: RunOptions }> {
  const { principal } = ports;
  const workspace = ports.workspaces.of(principal.tenant);
  if (input.task.trim() === '') throw new GloveboxError('usage', 'the task is empty: say what should be done');
  const policy = await ports.policies.load(input.policy);
  for (const model of [input.model, ...(input.fallback ?? [])]) await ports.models.open(model);
  const notes: string[] = [];
  const note = (text: string): void => {
    notes.push(text);
    onNote?.(text);
  };
  const baseTree = await workspace.capture(input.repository, { ...(signal === undefined ? {} : { signal }), onNote: note });
  const origin = await workspace.origin(input.repository);
  const project = await describeProject(workspace, baseTree, signal);
  const testCommand = input.testCommand ?? project.testCommand;
  if (testCommand === undefined) note('no test command was found: the result will not be verified (give one with --test)');
  const { task, testCommand: _asked, repository, fallback, ...asked } = input;
  const kept: RunOptions = {
    ...asked,
    ...(fallback === undefined ? {} : { fallback: [...fallback] }),
    principal: { ...principal, roles: [...principal.roles] },
    policyHash: policy.hash,
    image: input.image ?? project.image,
    ...(origin === undefined ? {} : { variables: { ...origin } }),
    ...(testCommand === undefined || testCommand.trim() === '' ? {} : { testCommand }),
    notes,
    versions,
  };
  return { event: { task, repository: absolute(repository), baseTree, options: kept }, kept };
}

/** A resumed run may be resumed from another folder. */
export function absolute(repository: string): string {
  return existsSync(repository) ? resolve(repository) : repository;
}
