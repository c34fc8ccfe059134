import type { NetworkDestination, PolicyDocument } from '../contracts/index.ts';
import type { Layer } from './document/layer.ts';

export type NetworkRule = NonNullable<PolicyDocument['network']>[number];

/** What a rule without a port means. */
export const HTTPS_PORT = 443;
/** `{owner}`: a variable of the session, not a choice of one. */
const VARIABLE = /\{[a-z_]+\}/;

/** Why a rule cannot match anything yet; undefined where it can. */
export function unboundBy(rule: NetworkRule): string | undefined {
  if ('registries' in rule) return 'registries are not resolved yet';
  if (rule.paths?.some((path) => VARIABLE.test(path)) === true) return 'its variables are not bound yet';
  return rule.methods?.length === 0 || rule.paths?.length === 0 ? 'it names no method or no path' : undefined;
}

/** What a chain of layers names. What nothing can match yet is not among it. */
export function destinationsOf(layers: readonly Layer[]): readonly NetworkDestination[] {
  return layers.flatMap(({ document }) =>
    (document.network ?? []).flatMap((rule) => {
      if (!('host' in rule) || unboundBy(rule) !== undefined) return [];
      return [{ host: rule.host, port: rule.tcp ?? rule.port ?? HTTPS_PORT, tcp: rule.tcp !== undefined }];
    }),
  );
}
