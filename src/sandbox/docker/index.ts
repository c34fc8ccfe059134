export { DockerDriver } from './driver.ts';
export { Engine } from './engine.ts';
export { engineAccount } from './engine-account.ts';
export { extractInit } from './extract-init.ts';
