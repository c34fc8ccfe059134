import type { Services } from './services.ts';
import type { Terminal } from './terminal.ts';

/** `glovebox images list`: ours, and those that were built from the operator's Dockerfiles. */
export async function listImages(services: Services, terminal: Terminal, options: { json?: boolean }, signal: AbortSignal): Promise<number> {
  const [images, built] = await Promise.all([services.images.list(signal), services.images.listBuilt(signal)]);
  if (options.json === true) {
    await terminal.json({ images, built });
    return 0;
  }
  for (const image of images) await terminal.data(row(image.name, image.sizeBytes, image.id ?? (image.onDemand ? 'built when it is first asked for' : 'not built')));
  for (const { reference, source, sizeBytes } of built) await terminal.data(row(reference, sizeBytes, source));
  return 0;
}

/** Builds or pulls what is named, all of ours where nothing is. The references go to stdout, a line each. */
export async function buildImages(services: Services, terminal: Terminal, names: readonly string[], { json }: { json?: boolean }, signal: AbortSignal): Promise<number> {
  const references = await services.images.build(names, { onProgress: (line) => terminal.note(line, 'dim'), signal });
  if (json === true) await terminal.json({ images: references });
  else for (const reference of references) await terminal.data(`${reference}\n`);
  return 0;
}

export async function removeImages(services: Services, terminal: Terminal, references: readonly string[], { json }: { json?: boolean }): Promise<number> {
  services.require('administer');
  for (const reference of references) await services.images.remove(reference);
  if (json === true) await terminal.json({ removed: references });
  return 0;
}

function row(name: string, sizeBytes: number | undefined, detail: string): string {
  const size = sizeBytes === undefined ? '' : `${Math.round(sizeBytes / 1e6)} MB`;
  return `${name.padEnd(10)} ${size.padStart(8)}  ${detail}\n`;
}
