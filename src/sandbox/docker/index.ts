export { DockerDriver } from './driver.ts';
export { Engine } from './engine.ts';
export { extractInit } from './extract-init.ts';
