import { Argument, type Command } from 'commander';
import type { Place } from './place.ts';
import type { Run } from './run-action.ts';
import type { Terminal } from './terminal.ts';
import { type Word, type Words, wordsAfter } from './words.ts';

const MOST_RUNS = 50;

/** Each asks us what may come next: a line a word, and after a tab what it is about. Where nothing may, files are offered. */
const SCRIPTS = {
  bash: `_glovebox() {
  local word about
  COMPREPLY=()
  while IFS=$'\\t' read -r word about; do COMPREPLY+=("$word"); done < <("\${COMP_WORDS[0]}" complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _glovebox glovebox
`,
  zsh: `#compdef glovebox
_glovebox() {
  local line
  local -a found
  for line in "\${(@f)$("\${words[1]}" complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] && found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  if (( $#found )); then _describe glovebox found; else _files; fi
}
compdef _glovebox glovebox
`,
  fish: `function __glovebox_words
  set -l typed (commandline -opc) (commandline -ct)
  set -l found (command $typed[1] complete -- $typed[2..-1] 2>/dev/null)
  if count $found >/dev/null
    printf '%s\\n' $found
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c glovebox -f -a '(__glovebox_words)'
`,
} as const;

/** `glovebox completion`, and what the scripts that it prints ask. */
export function addCompletion(root: Command, run: Run, terminal: Terminal): void {
  root
    .command('completion')
    .description('what makes a shell complete our commands: source <(glovebox completion bash)')
    .addArgument(new Argument('<shell>', 'which').choices(Object.keys(SCRIPTS)))
    .action((shell: keyof typeof SCRIPTS) => terminal.data(SCRIPTS[shell]));
  root
    .command('complete', { hidden: true })
    .argument('[words...]')
    .action(async (typed: readonly string[]) => {
      const { words, of } = wordsAfter(root, typed);
      const known = of === undefined ? [] : await knownWords(run, of);
      const begun = known.filter(({ word }) => word.startsWith(typed.at(-1) ?? ''));
      await terminal.data([...words, ...begun].map(({ word, about = '' }) => `${word}\t${about}\n`).join(''));
    });
}

/** None where nobody can be asked: a shell that waits for words shows no errors. */
async function knownWords(run: Run, of: NonNullable<Words['of']>): Promise<readonly Word[]> {
  let found: readonly Word[] = [];
  try {
    await run.anywhere(async (place) => {
      found = await wordsOf(place, of);
      return 0;
    });
  } catch {
    // As above.
  }
  return found;
}

async function wordsOf(place: Place, of: NonNullable<Words['of']>): Promise<readonly Word[]> {
  switch (of) {
    case 'policies':
      return (await place.policies.names()).map((word) => ({ word }));
    case 'runs':
      return (await place.runs().list({ limit: MOST_RUNS })).map(({ id, standing, state }) => ({ word: id, about: `${standing}: ${firstWords(state.task)}` }));
    case 'approvals':
      return (await place.approvals.list(place.principal)).map(({ id, question }) => ({ word: id, about: `${question.request.action}, asked by ${question.askedBy}` }));
    case 'secrets':
      return (await place.secrets.list()).map(({ name }) => ({ word: name }));
  }
}

/** Without anything that a terminal would obey. */
function firstWords(task: string): string {
  return task.replace(/[\p{C}\s]+/gu, ' ').slice(0, 60);
}
