// Imported before a program: writes the names of the packages that it loaded into the file LOADED_PACKAGES, a line each.
import { writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

const loaded = new Set();
registerHooks({
  load(url, context, next) {
    const [name] = /(?<=\/node_modules\/)(?:@[^/]+\/)?[^/]+(?!.*\/node_modules\/)/.exec(url) ?? [];
    if (name !== undefined) loaded.add(name);
    return next(url, context);
  },
});
process.on('exit', () => writeFileSync(process.env.LOADED_PACKAGES, [...loaded].join('\n')));
