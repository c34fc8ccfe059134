/** Of something in a file system: undefined where it is not there. Errors: any other. */
export async function unlessMissing<T>(asking: Promise<T>): Promise<T | undefined> {
  try {
    return await asking;
  } catch (error) {
    return missing(error);
  }
}

/** The same for who does not wait. */
export function unlessMissingSync<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    return missing(error);
  }
}

function missing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}
