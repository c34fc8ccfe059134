/** What becomes of a key of devcontainer.json: used; without effect here, with the reason; or refused, with what to do instead. */
export type KeyRule = 'used' | { readonly ignored: string } | { readonly refused: string };

const ONE_CONTAINER = 'a sandbox is one container: give `image`, or `build` with a Dockerfile';
const NOT_RUN = 'nothing is run when a sandbox is opened: put it into a Dockerfile, or into the command that you run';
const NO_RIGHTS = 'a sandbox never has more rights than its unprivileged user';
const NO_HOST = 'a sandbox has no folder of the host: files are copied in (`--workspace`, `--repo`)';
const FOR_EDITORS = { ignored: 'is for editors' };
const NO_PORTS = { ignored: 'no port of a sandbox can be reached' };
const OWN_USER = { ignored: 'every sandbox has an unprivileged user of its own, whatever the image or this file says' };

/**
 * Every key of the format (containers.dev, metadata reference). Refused is what would change what a program sees or does; what only an editor
 * looks at is said and left alone.
 */
export const KEYS: ReadonlyMap<string, KeyRule> = new Map<string, KeyRule>([
  ['$schema', 'used'],
  ['image', 'used'],
  ['build', 'used'],
  ['build.dockerfile', 'used'],
  ['build.context', 'used'],
  ['build.args', 'used'],
  ['build.target', 'used'],
  ['build.cacheFrom', { ignored: 'the engine uses the cache that it has' }],
  ['build.options', { refused: 'options of `docker build` are not passed on: build it with `docker build` and give the image\'s name' }],
  ['containerEnv', 'used'],
  ['remoteEnv', 'used'],
  ['workspaceFolder', 'used'],
  ['overrideCommand', 'used'],
  ['dockerFile', { refused: 'is an old name: write `build.dockerfile`' }],
  ['context', { refused: 'is an old name: write `build.context`' }],
  ['dockerComposeFile', { refused: ONE_CONTAINER }],
  ['service', { refused: ONE_CONTAINER }],
  ['runServices', { refused: ONE_CONTAINER }],
  ['features', { refused: 'features are scripts that are fetched and run as root: install what they bring in a Dockerfile' }],
  ['mounts', { refused: NO_HOST }],
  ['workspaceMount', { refused: NO_HOST }],
  ['runArgs', { refused: 'arguments of `docker run` are not passed on: what a sandbox gets is said by its policy' }],
  ['privileged', { refused: NO_RIGHTS }],
  ['capAdd', { refused: NO_RIGHTS }],
  ['securityOpt', { refused: NO_RIGHTS }],
  ['initializeCommand', { refused: 'it would run on this machine, outside of every sandbox' }],
  ['onCreateCommand', { refused: NOT_RUN }],
  ['updateContentCommand', { refused: NOT_RUN }],
  ['postCreateCommand', { refused: NOT_RUN }],
  ['postStartCommand', { refused: NOT_RUN }],
  ['postAttachCommand', { refused: NOT_RUN }],
  ['name', FOR_EDITORS],
  ['customizations', FOR_EDITORS],
  ['settings', FOR_EDITORS],
  ['extensions', FOR_EDITORS],
  ['shutdownAction', FOR_EDITORS],
  ['userEnvProbe', FOR_EDITORS],
  ['waitFor', { ignored: 'there is no command to wait for' }],
  ['overrideFeatureInstallOrder', { ignored: 'there are no features' }],
  ['forwardPorts', NO_PORTS],
  ['appPort', NO_PORTS],
  ['portsAttributes', NO_PORTS],
  ['otherPortsAttributes', NO_PORTS],
  ['remoteUser', OWN_USER],
  ['containerUser', OWN_USER],
  ['updateRemoteUserUID', OWN_USER],
  ['init', { ignored: 'every sandbox has an init' }],
  ['hostRequirements', { ignored: 'what a sandbox gets is said by its policy' }],
  ['secrets', { ignored: 'secrets are lent by the policy, never by an image' }],
]);

/** A key that asks for nothing is not refused: `"features": {}`, `"privileged": false`. */
export function asksForNothing(value: unknown): boolean {
  if (value == null || value === false || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
