import { describe, expect, test } from 'vitest';
import type { DecisionRequest, Effect, SandboxLimits } from '../../../src/contracts/index.ts';
import { policyOf } from './policies.ts';

const LIMITS: SandboxLimits = { cpu: 1, memoryBytes: 2 ** 29, pids: 256, diskBytes: 2 ** 29, inodes: 100_000, openFiles: 1024 };

type Row = readonly [request: DecisionRequest, effect: Effect, rule: string];

/** A policy, and what it answers. */
function table(name: string, policy: string, rows: readonly Row[]): void {
  describe(name, () => {
    test.each(rows)('%j → %s by %s', async (request, effect, rule) => {
      const decision = (await policyOf(policy)).decide(request);
      expect({ effect: decision.effect, rule: decision.reason.rule, text: decision.reason.text }).toEqual({ effect, rule, text: expect.any(String) });
      if (rule !== 'default') expect(decision.reason).toMatchObject({ file: expect.stringMatching(/policy\.yaml$/), line: expect.any(Number) });
    });
  });
}

const run = (...argv: string[]): DecisionRequest => ({ action: 'command.exec', argv, cwd: '/workspace' });
const sh = (text: string): DecisionRequest => run('sh', '-c', text);
const file = (action: 'read' | 'write' | 'delete' | 'list', path: string): DecisionRequest => ({ action: `file.${action}`, path });
const get = (url: string, method = 'GET'): DecisionRequest => {
  const [, scheme, host = '', port, path = ''] = /^(\w+):\/\/([^/]*?)(?::(\d+))?(\/.*)?$/.exec(url) ?? [];
  return { action: 'network.connect', scheme: scheme as 'http' | 'https', host, port: Number(port ?? (scheme === 'http' ? 80 : 443)), method, path };
};
const lend = (credential: string, url: string, { method = 'GET', place = 'header' } = {}): DecisionRequest =>
  ({ ...get(url, method), action: 'credential.use', credential, place }) as DecisionRequest;
const inPrivate = (request: DecisionRequest): DecisionRequest => ({ ...request, private: true }) as DecisionRequest;
const tcp = (host: string, port: number): DecisionRequest => ({ action: 'network.connect', scheme: 'tcp', host, port });
const tool = (name: string): DecisionRequest => ({ action: 'tool.call', tool: name, version: '1' });
const model = (provider: string, name: string, spent = {}, worstCase = {}): DecisionRequest => ({
  action: 'model.call',
  provider,
  model: name,
  spent: { usd: 0, tokens: 0, steps: 0, ...spent },
  worstCase: { usd: 0, tokens: 0, steps: 1, ...worstCase },
});
const patch = (paths: readonly string[], bytes = 100): DecisionRequest => ({ action: 'export.patch', paths, bytes });
const program = (...functions: ('files' | 'tools')[]): DecisionRequest => ({ action: 'javascript.run', language: 'javascript', source: 'sha256:0', functions });
const session = (kinds: readonly string[], image: string, limits = {}): DecisionRequest =>
  ({ action: 'session.open', kinds, image, limits: { ...LIMITS, ...limits } }) as DecisionRequest;

const code = (language: 'python' | 'javascript', text: string): DecisionRequest => ({ action: 'context.run', language, code: text, cwd: '/workspace' });

table('code in a context is judged as the command that would run it', 'commands: { deny: [{ program: python3 }], ask: [{ program: node, args: ["-e"] }] }', [
  [code('python', '1 + 1'), 'deny', 'commands.deny[0]'],
  [code('javascript', '1 + 1'), 'ask', 'commands.ask[0]'],
]);

table('a policy that says nothing of code', '', [[code('python', '1 + 1'), 'allow', 'default']]);

table('a policy that says nothing', '', [
  [session(['gvisor', 'container'], 'base'), 'allow', 'default'],
  [session(['process'], 'base'), 'deny', 'default'],
  [session([], 'base'), 'deny', 'default'],
  [session(['container'], 'node'), 'allow', 'default'],
  [session(['container'], 'debian:bookworm'), 'deny', 'default'],
  [run('rm', '-rf', '/'), 'allow', 'default'],
  [sh('eval "$X"'), 'allow', 'default'],
  [run(), 'deny', 'default'],
  [run(''), 'deny', 'default'],
  [run('a', 'b\0c'), 'deny', 'default'],
  [file('read', '/etc/passwd'), 'allow', 'default'],
  [file('list', '/'), 'allow', 'default'],
  [file('write', '/workspace/a'), 'allow', 'default'],
  [file('write', '/workspace'), 'allow', 'default'],
  [file('write', '/tmp/a/b'), 'allow', 'default'],
  [file('write', '/etc/passwd'), 'deny', 'default'],
  [file('write', '/workspaces/a'), 'deny', 'default'],
  [file('delete', '/usr/bin/env'), 'deny', 'default'],
  [get('https://example.com/'), 'deny', 'default'],
  [lend('github', 'https://api.github.com/'), 'deny', 'default'],
  [tool('shell'), 'deny', 'default'],
  [model('openai', 'any'), 'allow', 'default'],
  [patch([]), 'deny', 'default'],
  [{ action: 'moon.fly' } as unknown as DecisionRequest, 'deny', 'default'],
]);

table(
  'a sandbox',
  `
sandbox: { image: node, images: [node, "registry.test/**"], kinds: [container] }
limits: { memory: 1GiB }
`,
  [
    [session(['container'], 'node'), 'allow', 'sandbox.images[0]'],
    [session(['container'], 'registry.test/team/tool:1@sha256:00'), 'allow', 'sandbox.images[1]'],
    [session(['container'], 'base'), 'deny', 'sandbox.images'],
    [session(['container', 'process'], 'node'), 'deny', 'sandbox.kinds'],
    [session(['container'], 'node', { memoryBytes: 2 ** 30 }), 'allow', 'sandbox.images[0]'],
    [session(['container'], 'node', { memoryBytes: 2 ** 30 + 1 }), 'deny', 'limits.memory'],
    [session(['container'], 'node', { memoryBytes: Number.NaN }), 'deny', 'limits.memory'],
  ],
);

test('an image that alone is named is the only one', async () => {
  const policy = await policyOf('sandbox: { image: node }');
  expect(policy.grant.image).toBe('node');
  expect(policy.decide(session(['container'], 'node')).effect).toBe('allow');
  expect(policy.decide(session(['container'], 'base')).reason).toMatchObject({ effect: 'deny', rule: 'sandbox.image' });
});

test('a limit that nobody states is ours, and the answer says so without a file', async () => {
  const { reason } = (await policyOf('')).decide(session(['container'], 'base', { pids: 300 }));
  expect(reason).toEqual({ effect: 'deny', rule: 'limits.pids', text: 'pids of 300 is more than 256' });
});

table(
  'commands by deny and ask',
  `
commands:
  ask:
    - { program: git, args: [push] }
    - { program: /opt/deploy }
  deny:
    - { program: [sudo, mount] }
`,
  [
    [run('git', 'status'), 'allow', 'default'],
    [run('git', 'push', 'origin'), 'ask', 'commands.ask[0]'],
    [run('/usr/bin/git', 'push'), 'ask', 'commands.ask[0]'],
    [run('git', '-C', 'there', 'push'), 'ask', 'commands.ask[0]'],
    [run('git', 'commit', '-m', 'push'), 'allow', 'default'],
    [run('/opt/deploy', 'now'), 'ask', 'commands.ask[1]'],
    [run('/usr/local/deploy'), 'allow', 'default'],
    [run('sudo', 'git', 'push'), 'deny', 'commands.deny[0]'],
    [run('/usr/bin/sudo'), 'deny', 'commands.deny[0]'],
    [run('grep', '-r', 'sudo', '.'), 'allow', 'default'],
    // Wrappers.
    [run('env', 'A=1', '-u', 'B', 'sudo', 'id'), 'deny', 'commands.deny[0]'],
    [run('timeout', '-s', 'KILL', '5', 'nice', '-n', '5', 'sudo', 'id'), 'deny', 'commands.deny[0]'],
    [run('env', '-S', 'sudo id'), 'deny', 'commands.deny[0]'],
    [run('env', '-S', 'ls'), 'ask', 'commands'],
    [run('find', '.', '-exec', 'sudo', 'rm', '{}', ';'), 'deny', 'commands.deny[0]'],
    [run('find', '.', '-exec', '{}', ';'), 'ask', 'commands'],
    [run('xargs', 'git'), 'ask', 'commands.ask[0]'],
    [run('xargs', 'env'), 'ask', 'commands'],
    [run('xargs', '-n', '1', 'grep', 'x'), 'allow', 'default'],
    [run('busybox', 'mount'), 'deny', 'commands.deny[0]'],
    [run('xargs', '-I', '{}', 'cp', '{}', '/tmp'), 'allow', 'default'],
    // Shells.
    [run('bash', '-euo', 'pipefail', '-c', 'sudo id'), 'deny', 'commands.deny[0]'],
    [run('bash', '-lc', 'npm test 2>&1 | tail -n 50; exit ${PIPESTATUS[0]}'), 'allow', 'default'],
    [run('bash', '--norc', 'script.sh'), 'allow', 'default'],
    [run('sh'), 'ask', 'commands'],
    [run('sh', '-c', 'sh -c "bash -c \'sudo id\'"'), 'deny', 'commands.deny[0]'],
    [sh('cd src && grep -rn "mount" . | head'), 'allow', 'default'],
    [sh('a=1 sudo id'), 'deny', 'commands.deny[0]'],
    [sh('ls; sudo id'), 'deny', 'commands.deny[0]'],
    [sh('ls\nsudo id'), 'deny', 'commands.deny[0]'],
    [sh('ls & sudo id'), 'deny', 'commands.deny[0]'],
    [sh('(cd /; sudo id)'), 'deny', 'commands.deny[0]'],
    [sh('((sudo id))'), 'deny', 'commands.deny[0]'],
    [sh('{ sudo id; }'), 'deny', 'commands.deny[0]'],
    [sh('if true; then sudo id; fi'), 'deny', 'commands.deny[0]'],
    [sh('for x in a b; do sudo $x; done'), 'deny', 'commands.deny[0]'],
    [sh('for sudo in a b; do echo $sudo; done'), 'allow', 'default'],
    [sh('case $x in a|b) sudo id;; *) ls;; esac'), 'deny', 'commands.deny[0]'],
    [sh('case $x in sudo) ls;; esac'), 'allow', 'default'],
    [sh('while read -r l; do echo "$l"; done < file'), 'allow', 'default'],
    [sh('f() { sudo id; }; f'), 'deny', 'commands.deny[0]'],
    [sh('! sudo id'), 'deny', 'commands.deny[0]'],
    [sh('time -p sudo id'), 'deny', 'commands.deny[0]'],
    [sh('time { sudo id; }'), 'deny', 'commands.deny[0]'],
    [sh('echo "$(sudo id)"'), 'deny', 'commands.deny[0]'],
    [sh('echo `sudo id`'), 'deny', 'commands.deny[0]'],
    [sh('echo "a `sudo id` b"'), 'deny', 'commands.deny[0]'],
    [sh('cat <(sudo id)'), 'deny', 'commands.deny[0]'],
    [sh('x=($(sudo id))'), 'deny', 'commands.deny[0]'],
    [sh('x=(y=$(sudo id))'), 'deny', 'commands.deny[0]'],
    [sh('"su"do id'), 'deny', 'commands.deny[0]'],
    [sh("su'd'o id"), 'deny', 'commands.deny[0]'],
    [sh('s\\udo id'), 'deny', 'commands.deny[0]'],
    [sh('su\\\ndo id'), 'deny', 'commands.deny[0]'],
    [sh('exec sudo id'), 'deny', 'commands.deny[0]'],
    [sh('command -p sudo id'), 'deny', 'commands.deny[0]'],
    [sh('eval "sudo id"'), 'deny', 'commands.deny[0]'],
    [sh("trap 'sudo id' EXIT"), 'deny', 'commands.deny[0]'],
    [sh('2>/dev/null sudo id'), 'deny', 'commands.deny[0]'],
    [sh('>out sudo id'), 'deny', 'commands.deny[0]'],
    [sh('[[ a && sudo id ]]'), 'deny', 'commands.deny[0]'],
    [run('bash', '-c', '[[ -f a && $x == b ]] && ls'), 'allow', 'default'],
    [run('bash', '-c', '"[[" a && sudo id'), 'deny', 'commands.deny[0]'],
    [sh('echo a # sudo id'), 'allow', 'default'],
    [sh("cat > a.sh <<'EOF'\nsudo $x `ls`\nEOF\nls"), 'allow', 'default'],
    [sh("cat <<'EOF'\nEOF\nsudo id"), 'deny', 'commands.deny[0]'],
    [sh('cat <<-EOF\n\ttext $HOME\n\tEOF\nsudo id'), 'deny', 'commands.deny[0]'],
    [sh('cat <<EOF\n$(date)\nEOF'), 'allow', 'default'],
    [sh('cat <<EOF\n$(sudo id)\nEOF'), 'deny', 'commands.deny[0]'],
    // What cannot be known.
    [sh('$X id'), 'ask', 'commands'],
    [sh('x=su; ${x}do id'), 'ask', 'commands'],
    [sh('/usr/bin/s?do id'), 'ask', 'commands'],
    [sh('s{u,}do id'), 'ask', 'commands'],
    [sh("$'\\x73udo' id"), 'deny', 'commands.deny[0]'],
    [sh("$'\\u0073udo' id"), 'ask', 'commands'],
    [sh('echo c3Vkbwo= | base64 -d | sh'), 'ask', 'commands'],
    [sh('curl x | bash -s'), 'ask', 'commands'],
    [sh('. /dev/stdin'), 'ask', 'commands'],
    [run('bash', '/dev/fd/0'), 'ask', 'commands'],
    [run('bash', '-c', 'source <(cat x)'), 'ask', 'commands'],
    [run('bash', '-c', 'echo "$([[ a =~ (b|c) ]]; "sudo" id)"'), 'deny', 'commands.deny[0]'],
    [run('bash', '-c', '[[ a; ls'), 'ask', 'commands'],
    // After a redirection or an assignment no word is reserved.
    [run('bash', '-c', '>/dev/null [[ a && sudo ]]'), 'deny', 'commands.deny[0]'],
    [run('bash', '-c', 'x=1 [[ a || sudo ]]'), 'deny', 'commands.deny[0]'],
    [run('bash', '-c', 'echo "$(x=1 case; sudo)"'), 'deny', 'commands.deny[0]'],
    // To dash, `&>` is `&` and then `>`.
    [run('dash', '-c', 'echo a &>/dev/null trap "sudo" 0'), 'deny', 'commands.deny[0]'],
    [run('sh', '-c', 'git &>/dev/null push'), 'ask', 'commands.ask[0]'],
    [run('sh', '-c', 'ls &>/dev/null; ls &>> log'), 'allow', 'default'],
    [run('bash', '-c', 'ls &>/dev/null -la'), 'allow', 'default'],
    [sh('eval "$X"'), 'ask', 'commands'],
    [sh('env $X id'), 'ask', 'commands'],
    [sh('alias ls=rm; ls'), 'ask', 'commands'],
    [sh('alias ls=sudo\nls'), 'deny', 'commands.deny[0]'],
    [sh('git $X'), 'ask', 'commands.ask[0]'],
    [sh('echo "unclosed'), 'ask', 'commands'],
    [sh('echo )'), 'ask', 'commands'],
    [sh(`${'$('.repeat(100)}ls${')'.repeat(100)}`), 'ask', 'commands'],
    [sh('x'.repeat(300_000)), 'ask', 'commands'],
  ],
);

table('a program by its path', 'commands: { ask: [{ program: /opt/deploy }], deny: [{ program: /opt/drop }, { program: /opt/db, args: [drop] }] }', [
  [run('/opt/deploy'), 'ask', 'commands.ask[0]'],
  [run('/opt/drop', 'now'), 'deny', 'commands.deny[0]'],
  [run('/opt//x/../drop'), 'deny', 'commands.deny[0]'],
  [run('/usr/bin/drop'), 'allow', 'default'],
  // Where it is looked for, or begins, is not known.
  [run('drop'), 'ask', 'commands.deny[0]'],
  [sh('cd /opt && ./drop'), 'ask', 'commands.deny[0]'],
  [sh('cd /opt && ./deploy'), 'ask', 'commands.ask[0]'],
  [sh('cd /opt && ./db drop'), 'ask', 'commands.deny[1]'],
  [sh('cd /opt && ./db list'), 'allow', 'default'],
]);

table('texts that a parser, or a shell, reads otherwise than one would think', 'commands: { deny: [{ program: sudo }] }', [
  // The parser has a word or a value where bash has a list or a substitution.
  ...['x=(y=$(sudo)):', 'export x=(a)$(sudo)', '2>(sudo)', 'cat {x}<(sudo)', 'cat 3<(sudo)', '[[ a && $(cat 3<(sudo)) ]]', '[[ 3<(sudo) ]]', '[[ a == 2>(sudo) ]]', 'echo ${a[$(sudo)x}b]}'].map((text): Row => [run('bash', '-c', text), 'deny', 'commands.deny[0]']),
  // To busybox it is a $'…' quote.
  [run('busybox', 'sh', '-c', "$\\\n'su\\x64o'"), 'ask', 'commands'],
  // Bash loses count behind a here-document in a substitution, and expands what is behind >& twice.
  [run('bash', '-c', 'echo $(cat <<A\na\nA\n:; case su""do in su""do) ;; esac)'), 'ask', 'commands'],
  [run('bash', '-c', `>& '$(su"do")' :`), 'ask', 'commands'],
  [run('bash', '-c', 'git commit -m "$(cat <<\'EOF\'\nIt\'s "done": $(sudo)\nEOF\n)"'), 'allow', 'default'],
  // What it computes with may be code, unless it is a number.
  [run('bash', '-c', 'n=$(cat f); echo $((n / 2))'), 'ask', 'commands'],
  [run('bash', '-c', 'n=$(git ls-files | wc -l); s=$(date +%s); echo $((n / 2)) $((s + 1))'), 'allow', 'default'],
  [run('bash', '-c', 'n=$(wc -l f); echo $((n / 2))'), 'ask', 'commands'],
  [run('bash', '-c', 'wc() { cat f; }; n=$(wc); echo $((n / 2))'), 'ask', 'commands'],
  [run('bash', '-c', 'for i in $(seq 1 3) {4..6}; do x=$((i * 2)); n=${#x}; echo $((x + n)) "${x:n:1}"; done'), 'allow', 'default'],
  // An option cut short, one whose value is joined only, and a descriptor that is closed.
  [run('env', '--un', 'A', 'sudo'), 'deny', 'commands.deny[0]'],
  [run('xargs', '--max-lines', 'sudo'), 'deny', 'commands.deny[0]'],
  [run('bash', '-c', '>&-su"do"'), 'ask', 'commands'],
  [run('bash', '-c', 'ls >&- 2>&1'), 'allow', 'default'],
  [run('busybox', 'sh', '-c-c', 'su""do'), 'ask', 'commands'],
  // What was put behind it changes nothing of what is found in PATH before.
  [sh('export PATH="$PATH:/opt/go/bin"; go version'), 'allow', 'default'],
  [sh('export PATH="/opt/go/bin:$PATH"; go version'), 'ask', 'commands'],
  [sh('NODE_OPTIONS=--max-old-space-size=4096 GIT_PAGER=cat npm test'), 'allow', 'default'],
  // Whatever zsh makes of it.
  [run('zsh', '-c', 'ls'), 'ask', 'commands'],
  [run('zsh', '-c', '=sudo id'), 'deny', 'commands.deny[0]'],
  // Code of other languages is searched for names.
  [run('python3', '-c', 'print("a")'), 'allow', 'default'],
  [run('awk', '{ print $1 }', 'sudo.txt'), 'allow', 'default'],
  [sh('grep -c sudo f; python3 -c "print(1)"'), 'allow', 'default'],
  [sh('command -v sudo'), 'allow', 'default'],
  [sh(`${'a <<A;'.repeat(30_000)}`), 'ask', 'commands'],
]);

table('commands by allow', `commands: { allow: [{ program: [npm, ls] }, { program: git, args: [status] }], deny: [{ program: npm, args: [publish] }] }`, [
  [run('npm', 'test'), 'allow', 'commands.allow[0]'],
  [run('npm', 'publish'), 'deny', 'commands.deny[0]'],
  [run('git', 'status', '-s'), 'allow', 'commands.allow[1]'],
  [run('git', '-c', 'x', 'status'), 'deny', 'commands.allow'],
  [run('git', 'log'), 'deny', 'commands.allow'],
  [run('curl', 'x'), 'deny', 'commands.allow'],
  [run('bash', '-lc', 'cd src && npm test > out'), 'allow', 'commands.allow'],
  [run('bash', '-lc', 'npm test; curl x'), 'deny', 'commands.allow'],
  [run('timeout', '5', 'npm', 'test'), 'allow', 'commands.allow'],
  [run('sudo', 'npm', 'test'), 'deny', 'commands.allow'],
  [run('bash', 'script.sh'), 'deny', 'commands.allow'],
  [run('bash', '-lc', '$X'), 'ask', 'commands'],
]);

table(
  'files',
  `
files:
  read: ["/workspace/**", "/usr/**"]
  write: ["/workspace/src/**", "/workspace/{a,b}?.txt"]
  deny: ["/workspace/src/secret/**", "**/.env"]
`.replace('"**/.env"', '"/**/.env"'),
  [
    [file('read', '/workspace/a'), 'allow', 'files.read[0]'],
    [file('read', '/etc/passwd'), 'deny', 'files.read'],
    [file('list', '/usr'), 'allow', 'files.read[1]'],
    [file('read', '/workspace/deep/.env'), 'deny', 'files.deny[1]'],
    [file('read', '/workspace/.env.example'), 'allow', 'files.read[0]'],
    [file('write', '/workspace/src/a.ts'), 'allow', 'files.write[0]'],
    [file('write', '/workspace/src/.hidden/a.ts'), 'allow', 'files.write[0]'],
    [file('write', '/workspace/src/secret'), 'deny', 'files.deny[0]'],
    [file('write', '/workspace/SRC/a.ts'), 'deny', 'files.write'],
    [file('write', '/workspace/a1.txt'), 'allow', 'files.write[1]'],
    [file('write', '/workspace/a/.txt'), 'deny', 'files.write'],
    [file('write', '/tmp/a'), 'deny', 'files.write'],
    [file('delete', '/workspace/src/a.ts'), 'allow', 'files.write[0]'],
    [file('delete', '/workspace/src'), 'deny', 'files.deny[0]'],
    ...['a', '', '/workspace/../etc', '/workspace/./a', '/workspace//a', '/workspace/', '/workspace/a\0', '/..', '//'].map(
      (path): Row => [file('read', path), 'deny', 'default'],
    ),
    [file('read', '/workspace/..a'), 'allow', 'files.read[0]'],
  ],
);

table(
  'the network',
  `
network:
  - { host: api.test, methods: [GET, head], paths: ["/v1/*", "/files/**"] }
  - { host: "*.cdn.test" }
  - { host: plain.test, port: 80 }
  - { host: odd.test, port: 8080 }
  - { host: db.test, tcp: 5432 }
  - { host: 192.0.2.1 }
  - { host: "2001:db8::1" }
  - registries: [npm]
  - { host: bound.test, paths: ["/repos/{owner}/{repo}/**"] }
  - { host: chat.test, websocket: true }
  - { host: odd.test, port: 8081, websocket: true }
  - { host: git.corp, private: true }
  - { host: db.corp, tcp: 5432, private: true }
`,
  [
    [get('https://api.test/v1/users?a=/../b'), 'allow', 'network[0]'],
    [get('https://api.test/v1/users', 'HEAD'), 'allow', 'network[0]'],
    [get('https://api.test/v1/users', 'POST'), 'deny', 'network'],
    [get('https://api.test/v1/users', 'get'), 'deny', 'network'],
    [get('https://api.test/v1/a/b'), 'deny', 'network'],
    [get('https://api.test/files/a/b'), 'allow', 'network[0]'],
    [get('https://api.test:8443/v1/users'), 'deny', 'network'],
    [get('http://api.test:443/v1/users'), 'deny', 'network'],
    [get('http://api.test/v1/users'), 'deny', 'network'],
    [{ action: 'network.connect', scheme: 'https', host: 'api.test', port: 443 }, 'deny', 'network'],
    [{ action: 'network.connect', scheme: 'https', host: 'a.cdn.test', port: 443 }, 'allow', 'network[1]'],
    [get('https://a.b.cdn.test/'), 'allow', 'network[1]'],
    [get('https://cdn.test/'), 'deny', 'network'],
    [get('https://evilcdn.test/'), 'deny', 'network'],
    [get('https://.cdn.test/'), 'deny', 'default'],
    [get('http://plain.test/'), 'allow', 'network[2]'],
    [get('https://plain.test:80/'), 'deny', 'network'],
    [get('http://odd.test:8080/'), 'allow', 'network[3]'],
    [get('https://odd.test:8080/'), 'allow', 'network[3]'],
    [tcp('db.test', 5432), 'allow', 'network[4]'],
    [tcp('db.test', 22), 'deny', 'network'],
    [get('https://db.test:5432/'), 'deny', 'network'],
    [tcp('api.test', 443), 'deny', 'network'],
    [get('https://192.0.2.1/'), 'allow', 'network[5]'],
    [get('https://192.0.2.2/'), 'deny', 'network'],
    [{ action: 'network.connect', scheme: 'https', host: '2001:db8::1', port: 443 }, 'allow', 'network[6]'],
    [get('https://packages.test/react'), 'deny', 'network'],
    [get('https://bound.test/repos/a/b/issues'), 'deny', 'network'],
    [get('wss://chat.test:443/room'), 'allow', 'network[9]'],
    [get('https://chat.test/room'), 'allow', 'network[9]'],
    [get('ws://chat.test:443/room'), 'deny', 'network'],
    [get('wss://api.test:443/v1/users'), 'deny', 'network'],
    [get('ws://plain.test:80/'), 'deny', 'network'],
    [get('ws://odd.test:8081/'), 'allow', 'network[10]'],
    [get('wss://odd.test:8081/'), 'allow', 'network[10]'],
    [get('ws://odd.test:8080/'), 'deny', 'network'],
    [get('https://git.corp/'), 'allow', 'network[11]'],
    [inPrivate(get('https://git.corp/')), 'allow', 'network[11]'],
    [inPrivate(tcp('db.corp', 5432)), 'allow', 'network[12]'],
    [inPrivate(tcp('db.test', 5432)), 'deny', 'network'],
    [inPrivate(get('https://api.test/v1/users')), 'deny', 'network'],
    ...['API.test', 'api.test.', 'a pi.test', '', '-a.test', '127.1', '0x7f.0.0.1', '2130706433', '[::1]', 'fe80::1%eth0', 'ＡＰＩ.test', 'a..test', `${'a'.repeat(64)}.test`].map(
      (host): Row => [{ action: 'network.connect', scheme: 'https', host, port: 443, method: 'GET', path: '/' }, 'deny', 'default'],
    ),
    ...['/files/../x', '/files/%2e%2e/x', '/files//x', '/files/..', '/files\\..\\x', '/files/%2Fx', '/files/%5Cx', 'files', '', '/files/\t', '/files/a#b'].map(
      (path): Row => [{ action: 'network.connect', scheme: 'https', host: 'api.test', port: 443, method: 'GET', path }, 'deny', 'default'],
    ),
  ],
);

table(
  'credentials, each where it is bound and nowhere else',
  `
credentials:
  - { id: github, placeholder: GITHUB_TOKEN, bind: { host: api.github.com, methods: [GET, post], paths: ["/repos/acme/**"] } }
  - { id: maps, placeholder: MAPS_KEY, bind: [{ host: maps.test, port: 8443, in: [query] }, { host: tiles.test, in: [header, query] }] }
  - { id: later, placeholder: LATER, bind: { host: api.github.com, paths: ["/repos/{owner}/**"] } }
`,
  [
    [lend('github', 'https://api.github.com/repos/acme/widgets/pulls?state=open'), 'allow', 'credentials[0].bind[0]'],
    [lend('github', 'https://api.github.com/repos/acme/widgets', { method: 'POST' }), 'allow', 'credentials[0].bind[0]'],
    [lend('github', 'https://api.github.com/repos/acme/widgets', { method: 'DELETE' }), 'deny', 'credentials'],
    [lend('github', 'https://api.github.com/repos/other/widgets'), 'deny', 'credentials'],
    [lend('github', 'https://api.github.com/repos/acme/../other/widgets'), 'deny', 'default'],
    [lend('github', 'https://api.github.com/repos/acme%2f..%2fother'), 'deny', 'default'],
    [lend('github', 'https://api.github.com:8443/repos/acme/widgets'), 'deny', 'credentials'],
    [lend('github', 'http://api.github.com:443/repos/acme/widgets'), 'deny', 'credentials'],
    [lend('github', 'https://api.github.com/repos/acme/widgets', { place: 'query' }), 'deny', 'credentials'],
    [lend('github', 'https://api.github.com/repos/acme/widgets', { place: 'body' }), 'deny', 'credentials'],
    [lend('github', 'https://uploads.github.com/repos/acme/widgets'), 'deny', 'credentials'],
    [lend('github', 'https://API.github.com/repos/acme/widgets'), 'deny', 'default'],
    [lend('maps', 'https://maps.test:8443/tile', { place: 'query' }), 'allow', 'credentials[1].bind[0]'],
    [lend('maps', 'http://maps.test:8443/tile', { place: 'query' }), 'deny', 'credentials'],
    [lend('maps', 'https://maps.test:8443/tile'), 'deny', 'credentials'],
    [lend('maps', 'https://tiles.test/'), 'allow', 'credentials[1].bind[1]'],
    [lend('maps', 'https://api.github.com/repos/acme/widgets'), 'deny', 'credentials'],
    [lend('later', 'https://api.github.com/repos/acme/widgets'), 'deny', 'credentials'],
    [lend('unknown', 'https://api.github.com/repos/acme/widgets'), 'deny', 'credentials'],
    [lend('a\ud800', 'https://api.github.com/'), 'deny', 'default'],
  ],
);

test('a policy that extends another lends only what both do, where both say', async () => {
  const above = 'name: above\ncredentials: [{ id: a, placeholder: A, bind: { host: a.test, paths: ["/v1/**"] } }, { id: b, placeholder: B, bind: { host: b.test } }]';
  const policy = await policyOf('extends: above\ncredentials: [{ id: a, placeholder: TOKEN, bind: [{ host: a.test }, { host: c.test }] }, { id: c, placeholder: C, bind: { host: c.test } }]', { above });
  expect(policy.grant.credentials).toEqual([{ id: 'a', variable: 'TOKEN', inBody: false }]);
  expect(['https://a.test/v1/x', 'https://a.test/v2', 'https://c.test/v1/x'].map((url) => policy.decide(lend('a', url)).effect)).toEqual(['allow', 'deny', 'deny']);
  expect(policy.decide(lend('b', 'https://b.test/')).effect).toBe('deny');
  expect(policy.decide(lend('c', 'https://c.test/')).effect).toBe('deny');
});

table('tools', 'tools: { allow: [shell, "github/*"], deny: ["github/delete_*"] }', [
  [tool('shell'), 'allow', 'tools.allow[0]'],
  [tool('Shell'), 'deny', 'tools.allow'],
  [tool('github/create_issue'), 'allow', 'tools.allow[1]'],
  [tool('github/delete_repository'), 'deny', 'tools.deny[0]'],
  [tool('github'), 'deny', 'tools.allow'],
]);

table('models', 'models: { allow: ["anthropic:claude-*", "openai-chat:**"] }\nbudget: { usd: 3, tokens: 1000, steps: 2 }', [
  [model('anthropic', 'claude-x'), 'allow', 'models.allow[0]'],
  [model('openai-chat', 'vendor/model:free'), 'allow', 'models.allow[1]'],
  [model('openai', 'gpt'), 'deny', 'models.allow'],
  [model('anthropic', 'claude-x', { usd: 2.9 }, { usd: 0.1 }), 'allow', 'models.allow[0]'],
  [model('anthropic', 'claude-x', { usd: 2.9 }, { usd: 0.100001 }), 'deny', 'budget.usd'],
  [model('anthropic', 'claude-x', { tokens: 900 }, { tokens: 100 }), 'allow', 'models.allow[0]'],
  [model('anthropic', 'claude-x', { tokens: 900 }, { tokens: 101 }), 'deny', 'budget.tokens'],
  [model('anthropic', 'claude-x', { steps: 1 }), 'allow', 'models.allow[0]'],
  [model('anthropic', 'claude-x', { steps: 2 }), 'deny', 'budget.steps'],
  [model('anthropic', 'claude-x', {}, { usd: Number.NaN }), 'deny', 'budget.usd'],
  [model('anthropic', 'claude-x', {}, { usd: -100 }), 'deny', 'budget.usd'],
]);

const modelAt = (host?: string): DecisionRequest => ({ ...(model('anthropic', 'claude-x') as Extract<DecisionRequest, { action: 'model.call' }>), ...(host === undefined ? {} : { host }) });

table('where models are', 'models: { hosts: ["api.eu.example.com", "*.eu-west-1.amazonaws.com", "eu-?.example.org"] }', [
  [modelAt('api.eu.example.com'), 'allow', 'default'],
  [modelAt('bedrock.eu-west-1.amazonaws.com'), 'allow', 'default'],
  [modelAt('eu-1.example.org'), 'allow', 'default'],
  [modelAt('api.example.com'), 'deny', 'models.hosts'],
  [modelAt('bedrock.us-east-1.amazonaws.com'), 'deny', 'models.hosts'],
  [modelAt('api.eu.example.com.evil.test'), 'deny', 'models.hosts'],
  [modelAt('eu-10.example.org'), 'deny', 'models.hosts'],
  // Nothing leaves this machine.
  [modelAt(''), 'allow', 'default'],
  // As an older version recorded it.
  [modelAt(), 'deny', 'models.hosts'],
]);

test('a policy that extends another lets calls of models go only where both do', async () => {
  const policy = await policyOf('extends: above\nmodels: { hosts: ["*.eu.test"] }', { above: 'name: above\nmodels: { hosts: ["a.eu.test", "b.us.test"] }' });
  expect(['a.eu.test', 'b.us.test', 'c.eu.test'].map((host) => policy.decide(modelAt(host)).effect)).toEqual(['allow', 'deny', 'deny']);
  await expect(policyOf('models: { hosts: ["API.example.com"] }')).rejects.toThrow(/a host in lower case and without a port/);
});

test('a call that would break the budget is told what is spent and what it may use', async () => {
  const policy = await policyOf('budget: { usd: 3 }');
  expect(policy.decide(model('a', 'b', { usd: 2.5 }, { usd: 0.75 })).reason).toMatchObject({
    rule: 'budget.usd',
    line: 2,
    text: 'this call could bring the session to 3.25 usd of 3: 2.5 are spent, and it may use 0.75',
  });
});

table(
  'exports',
  `
files: { review: ["infra/**"] }
export: { max_files: 2, max_bytes: 1KiB, ask: [".github/**"], deny: ["**/*.pem"] }
`,
  [
    [patch(['src/a.ts', 'b']), 'allow', 'default'],
    [patch([]), 'allow', 'default'],
    [patch(['a', 'b', 'c']), 'deny', 'export.max_files'],
    [patch(['a'], 1025), 'deny', 'export.max_bytes'],
    [patch(['.github/workflows/ci.yml']), 'ask', 'export.ask[0]'],
    [patch(['infra/main.tf']), 'ask', 'files.review[0]'],
    [patch(['.github/a', 'deep/key.pem']), 'deny', 'export.deny[0]'],
    ...['/etc/passwd', '../a', 'a/../b', 'a//b', '', 'a/', '.git/hooks/x', 'sub/.GIT/config', 'a\0'].map((path): Row => [patch([path]), 'deny', 'default']),
  ],
);

table('programs: none without a section', 'commands: { deny: [{ program: node }] }', [[program(), 'deny', 'default']]);
table('programs: a section that is empty gives them nothing of the host', 'javascript: {}', [
  [program(), 'allow', 'default'],
  [program('files'), 'deny', 'default'],
]);
table('programs: what is listed may be given', 'javascript: { functions: [files] }', [
  [program(), 'allow', 'default'],
  [program('files'), 'allow', 'javascript.functions[0]'],
  [program('files', 'tools'), 'deny', 'javascript.functions'],
]);

test('a policy that extends another gives programs no more than both list, and the lesser memory', async () => {
  const above = 'name: above\njavascript: { functions: [files], memory: 64MiB, place: sandbox }\n';
  const policy = await policyOf('extends: above\njavascript: { functions: [tools, files], memory: 1GiB, place: host }', { above });
  expect(policy.decide(program('files')).effect).toBe('allow');
  expect(policy.decide(program('tools')).effect).toBe('deny');
  expect(policy.grant.javascript).toEqual({ memoryBytes: 64 * 2 ** 20, place: 'sandbox', functions: ['files'] });
});

test('a decision names its rule with file and line, the policy that decided, and what lost', async () => {
  const policy = await policyOf(`commands:
  allow:
    - { program: git }
  ask:
    - program: git
      args: [push]
      reason: a push leaves
  deny:
    - { program: git, args: [push, --force], reason: history stays }
`);
  const decision = policy.decide(run('git', 'push', '--force'));
  const file = expect.stringMatching(/p\/policy\.yaml$/) as string;
  expect(decision).toEqual({
    effect: 'deny',
    reason: { effect: 'deny', rule: 'commands.deny[0]', file, line: 10, text: 'history stays' },
    lost: [
      { effect: 'ask', rule: 'commands.ask[0]', file, line: 6, text: 'a push leaves' },
      { effect: 'allow', rule: 'commands.allow[0]', file, line: 4, text: 'it runs git' },
    ],
    policy: policy.hash,
  });
});
