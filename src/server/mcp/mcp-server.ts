import { McpServer } from '@modelcontextprotocol/server';
import type { Redactor } from '../../contracts/index.ts';
import { addCodeTools } from './code-tools.ts';
import { addCommandTools } from './command-tools.ts';
import { addFileTools } from './file-tools.ts';
import { addResources } from './resources.ts';
import { addRunTools, type FixOptions } from './run-tools.ts';
import { Toolbox } from './toolbox.ts';
import type { Workplace } from './workplace.ts';

export interface McpParts {
  readonly version: string;
  readonly redactor: Redactor;
  readonly workplace: Workplace;
  readonly fix: FixOptions;
}

/** What a client of the Model Context Protocol is offered: everything is decided by policy and written down. */
export function mcpServer({ version, redactor, workplace, fix }: McpParts): McpServer {
  const server = new McpServer({ name: 'glovebox', title: 'glovebox', version }, { capabilities: { tools: {}, resources: {} }, inputRequired: { maxRounds: MOST_QUESTIONS } });
  const tools = new Toolbox(server, workplace, redactor);
  addCommandTools(tools);
  addCodeTools(tools);
  addFileTools(tools);
  addRunTools(tools, fix);
  addResources(server, workplace, fix.runs);
  return server;
}

/** That one call may come to; a session asks no more than that either. */
const MOST_QUESTIONS = 100;
