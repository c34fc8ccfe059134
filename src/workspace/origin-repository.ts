import { realpath } from 'node:fs/promises';
import { describeError, GloveboxError, type RepositoryName } from '../contracts/index.ts';
import { UserRepository } from './user-repository.ts';
import { type FetchProtocol, parseSource, type RepositorySource } from './repository-source.ts';
import { quoted } from './tree-path.ts';

const OWNER_AND_REPO = /^\/?([^/]+)\/([^/]+?)(?:\.git)?\/?$/;

/** What a repository is called where it came from: by its address, or by the remote `origin` of a checkout. Undefined where that has no owner and name: a folder, a group in a group. */
export async function originOf(source: RepositorySource): Promise<RepositoryName | undefined> {
  if (source.kind === 'url') return nameIn(source.url);
  const address = await originAddress(source.path);
  return address === undefined ? undefined : nameIn(address);
}

/** Where a repository is at home. Errors: `usage` for a checkout whose `origin` is none that we speak to. */
export async function remoteAddress(source: RepositorySource, protocols: readonly FetchProtocol[]): Promise<string> {
  if (source.kind === 'url') return source.url;
  const address = await originAddress(source.path);
  const pushYourself = 'have the patch as a branch (--branch), and push that yourself';
  if (address === undefined) throw new GloveboxError('usage', `${quoted(source.path)} has no remote "origin" to push to: ${pushYourself}`);
  const origin = await parseSource(address, protocols).catch((cause: unknown) => {
    throw new GloveboxError('usage', `the remote "origin" of ${quoted(source.path)} cannot be pushed to from here (${describeError(cause)}): ${pushYourself}`, { cause });
  });
  if (origin.kind === 'folder') throw new GloveboxError('usage', `the remote "origin" of ${quoted(source.path)} is a folder of this machine: ${pushYourself}`);
  return origin.url;
}

async function originAddress(path: string): Promise<string | undefined> {
  const folder = await realpath(path).catch(() => path);
  return (await UserRepository.find(folder, () => undefined))?.origin();
}

/** `https://host/owner/repo.git`, `ssh://git@host/owner/repo`, `git@host:owner/repo.git`. */
function nameIn(address: string): RepositoryName | undefined {
  const url = URL.parse(address);
  const path = url === null || url.host === '' ? /^(?:[^/@:]+@)?[^/@:]+:(?!\/\/)(.+)$/.exec(address)?.[1] : url.pathname;
  const [, owner, repo] = OWNER_AND_REPO.exec(path ?? '') ?? [];
  return owner === undefined || repo === undefined ? undefined : { owner, repo };
}
