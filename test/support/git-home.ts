import { chmodSync, writeFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { dirname, join } from 'node:path';
import { newCredentials } from '../../src/broker/index.ts';
import { GitWorkspace } from '../../src/workspace/index.ts';
import { repositoryOf, temporaryFolder, userGit } from '../unit/workspace/support.ts';
import { gitServer } from './git-server.ts';
import { httpsServer } from './https-server.ts';

export const TOKEN = 'tok-1f9c7d52';

/** A repository over https that nobody sees without a login, and an operator whose git knows one. `failing` may cut off an answer to a push that was taken. */
export async function gitHome(files: Readonly<Record<string, string>>, failing: () => boolean = () => false) {
  const folder = repositoryOf(files);
  userGit(folder, ['config', 'http.receivepack', 'true']);
  const wanted = `Basic ${Buffer.from(`bot:${TOKEN}`).toString('base64')}`;
  const git = gitServer(dirname(folder));
  const pushes: string[] = [];
  const answer: RequestListener = (request, response) => {
    if (request.headers.authorization !== wanted) return response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    if (request.method === 'POST' && request.url?.endsWith('git-receive-pack') === true) {
      pushes.push(request.url);
      if (failing()) response.write = () => (response.destroy(), false);
    }
    return git(request, response);
  };
  const { address, certificate } = await httpsServer(answer);
  const operator = temporaryFolder();
  const helper = join(operator, 'helper');
  writeFileSync(helper, `#!/bin/sh\n[ "$1" = get ] && printf 'username=bot\\npassword=${TOKEN}\\n'\n`);
  chmodSync(helper, 0o755);
  writeFileSync(join(operator, '.gitconfig'), `[credential]\n\thelper = ${helper}\n[user]\n\tname = Bot\n\temail = bot@example.test\n`);
  const environment = { PATH: process.env['PATH'], HOME: operator, GIT_SSL_CAINFO: certificate };
  return { folder, url: `${address}/repository/.git`, pushes, environment, workspaceIn: (storeDir: string) => new GitWorkspace({ credentials: newCredentials, storeDir, environment }) };
}
