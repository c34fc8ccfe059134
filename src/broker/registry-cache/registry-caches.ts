import { hash } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type TenantCaches, unlessMissing } from '../../contracts/index.ts';

/** Where answers of registries are kept, a folder for each tenant. */
export class RegistryCaches implements TenantCaches {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  folderOf(tenant: string): string {
    return join(this.#folder, hash('sha256', tenant, 'hex'));
  }

  async size(tenant: string): Promise<{ readonly files: number; readonly bytes: number }> {
    let [files, bytes] = [0, 0];
    for (const name of (await unlessMissing(readdir(this.folderOf(tenant)))) ?? []) {
      const seen = await unlessMissing(stat(join(this.folderOf(tenant), name)));
      files += seen === undefined ? 0 : 1;
      bytes += seen?.size ?? 0;
    }
    return { files, bytes };
  }

  async forget(tenant: string): Promise<void> {
    await rm(this.folderOf(tenant), { recursive: true, force: true });
  }
}
