// tools: what a model may call, each as a typed contract (tool.ts), and the registry that judges a call before anything runs.
// A call that is unknown, malformed, invalid or denied has an outcome, too: it tells the model what was expected, and the step is charged.
// Built in: shell, edit, apply_patch, with the shapes of the providers' native tools; python and node, which remember; run_js, a program over the others; submit.
// A tool touches the sandbox through the session's governed commands and files alone; what an output says is never believed to be ours.
// Contract: tool.ts (Tool, ToolContext, ToolResult), registry.ts (ToolRegistry), built-in.ts (the set an agent gets).
export { builtInTools } from './built-in.ts';
export { ToolRegistry, type CalledTool } from './registry.ts';
export type { Tool, ToolContext, ToolResult } from './tool.ts';
