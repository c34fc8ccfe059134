import { WORKSPACE } from '../../../contracts/index.ts';

const VARIABLE = /\$\{([^}]*)\}/g;
const IMAGE_VARIABLE = /^containerEnv:([^:]+)(?::(.*))?$/;

/** The first `${…}` in a text that means nothing in a sandbox: what is of the host stays there. */
export function foreignVariable(text: string): string | undefined {
  for (const [whole, name = ''] of text.matchAll(VARIABLE)) {
    if (name !== 'containerWorkspaceFolder' && !IMAGE_VARIABLE.test(name)) return whole;
  }
  return undefined;
}

/** Puts in the workspace's folder and the environment that the container has. */
export function fillVariables(text: string, container: Readonly<Record<string, string>>): string {
  return text.replaceAll(VARIABLE, (whole: string, name: string) => {
    if (name === 'containerWorkspaceFolder') return WORKSPACE;
    const [, variable, fallback = ''] = IMAGE_VARIABLE.exec(name) ?? [];
    return variable === undefined ? whole : (container[variable] ?? fallback);
  });
}
