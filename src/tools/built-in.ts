import { applyPatch } from './apply-patch.ts';
import { edit } from './edit/edit.ts';
import { ContextTool } from './context-tool.ts';
import { ToolRegistry } from './registry.ts';
import { RunJavaScript } from './run-js.ts';
import { Shell } from './shell/shell.ts';
import { submit } from './submit.ts';

/** The tools that every agent has, as far as its policy lets it call them. */
export function builtInTools(): ToolRegistry {
  const registry = new ToolRegistry().add(new Shell()).add(edit).add(applyPatch);
  const interpreters = [new ContextTool('python'), new ContextTool('javascript')];
  for (const interpreter of interpreters) registry.add(interpreter);
  return registry.add(new RunJavaScript((context) => registry.forPrograms(context))).add(submit);
}
