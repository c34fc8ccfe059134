// The images that sandboxes start from, and the engine that has them: our own (sandbox-images/), and whatever an operator names: a reference,
// a Dockerfile, a devcontainer.json (docs/images.md).
export { ENGINE_FULL } from './engine-full.ts';
export { DEBIAN_IMAGE, SandboxImages, type BuildOptions } from './images.ts';
export { OperatorImages } from './operator-images.ts';
export { IMAGE_NAMES, type ImageName } from './image-source.ts';
export { findEngine, type EngineSearch } from './find-engine.ts';
