import type { Services } from './services.ts';
import type { Terminal } from './terminal.ts';

export async function listImages(services: Services, terminal: Terminal, options: { json?: boolean }, signal: AbortSignal): Promise<number> {
  const images = await services.images.list(signal);
  if (options.json === true) await terminal.json({ images });
  else for (const image of images) await terminal.data(`${image.name.padEnd(10)} ${image.present ? (image.id ?? 'present') : 'not built'}\n`);
  return 0;
}

/** Builds what is missing; all of ours when none is named. */
export async function buildImages(services: Services, terminal: Terminal, names: readonly string[], signal: AbortSignal): Promise<number> {
  await services.images.build(names, { onProgress: (line) => terminal.note(line, 'dim'), signal });
  return 0;
}
