// The images of sandbox-images/, and the engine that they are built on.
export { DEBIAN_IMAGE, SandboxImages, type BuildOptions, type ImageState } from './images.ts';
export { IMAGE_NAMES, type ImageName } from './image-source.ts';
export { findEngine, type EngineSearch } from './find-engine.ts';
