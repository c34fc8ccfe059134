import type { components, paths } from './api.ts';

export type Shape<K extends keyof components['schemas']> = components['schemas'][K];

/** What a route takes as its JSON body. */
export type BodyOf<P extends keyof paths, M extends keyof paths[P]> = paths[P][M] extends { requestBody?: { content: { 'application/json': infer Body } } } ? Body : never;

/** Of everything that takes time. */
export interface Waiting {
  /** Ends the waiting, and whatever was asked where nobody has answered yet. */
  readonly signal?: AbortSignal | undefined;
}

/** Bytes, as platforms have them. A stream is sent as it comes where the platform can do that. */
export type Bytes = Uint8Array<ArrayBuffer> | Blob | string;

/** For spreading: leaves out what is undefined, which the compiler would take for a value. */
export function given<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as { [K in keyof T]: Exclude<T[K], undefined> };
}

/** What `openapi-fetch` gives of an answer whose success was looked at already. */
export function dataOf<T>(answer: { readonly data?: T | undefined }): T {
  // Without success it has thrown; the shape is what the document says.
  return answer.data as T;
}
