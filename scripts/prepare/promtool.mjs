// Prometheus's own checker, for the tests: taken out of Debian's package, which is not installed, because that would start a server.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, say, Stop } from '../node24.mjs';
import { asRoot, findProgram, isDebian, run } from './packages.mjs';

const FOLDER = join(ROOT, 'node_modules/.cache/glovebox');

/** Where it is; undefined where there is none and none is to be fetched. */
export function ensurePromtool({ install }) {
  const found = findProgram('promtool') ?? join(FOLDER, 'promtool');
  if (existsSync(found)) return found;
  if (!install || !isDebian()) {
    say("promtool would be needed for the tests: it is in Debian's package prometheus");
    return undefined;
  }
  say(`fetching promtool out of Debian's package prometheus (19 MB), into ${FOLDER}`);
  mkdirSync(FOLDER, { recursive: true });
  const folder = mkdtempSync(join(FOLDER, 'promtool-'));
  try {
    fetchInto(folder);
    renameSync(join(folder, 'x/usr/bin/promtool'), join(FOLDER, 'promtool'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return join(FOLDER, 'promtool');
}

function fetchInto(folder) {
  try {
    run(['apt-get', 'download', 'prometheus'], { cwd: folder });
  } catch {
    // Lists of packages that are none, or old.
    const update = asRoot(['apt-get', 'update']);
    if (update === undefined) throw new Stop('promtool cannot be fetched: apt-get update needs root');
    run(update);
    run(['apt-get', 'download', 'prometheus'], { cwd: folder });
  }
  const [file] = readdirSync(folder).filter((name) => name.endsWith('.deb'));
  run(['dpkg-deb', '-x', join(folder, file ?? ''), join(folder, 'x')]);
}
