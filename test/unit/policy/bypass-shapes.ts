/** Ways, published elsewhere, to run a program under a list that denies it. The program is `sudo`; here it only leaves a mark. */
export interface Shapes {
  readonly family: string;
  /** Where such shapes were told of: a CVE, a list, a manual. */
  readonly source: string;
  /** `bash` where nothing is said. */
  readonly shell?: 'bash' | 'dash' | 'busybox';
  /** Programs without which none of them runs. */
  readonly needs?: readonly string[];
  /** They would ask for a terminal, a host or more than a test should do: only what is decided is looked at. */
  readonly unrun?: true;
  readonly deny?: readonly string[];
  readonly ask?: readonly string[];
}

const AGENTS = 'deny lists of coding agents';
const GTFOBINS = 'GTFOBins';
const INJECTION = 'command injection cheat sheets';
const RESTRICTED = 'ways out of restricted shells';

export const SHAPES: readonly Shapes[] = [
  {
    family: 'a list of commands',
    source: `${AGENTS} that look at the first word`,
    deny: [
      'true && sudo id', 'false || sudo id', 'true; sudo id', 'true | sudo id', 'true |& sudo id', 'true & sudo id', 'true\nsudo id', 'true;sudo id', '\tsudo id',
      '! sudo id', 'time sudo id', 'time -p -- sudo id',
    ],
  },
  {
    family: 'compound commands',
    source: 'the Bash manual',
    deny: [
      '(sudo id)', '{ sudo id; }', 'if sudo id; then :; fi', 'if false; then :; elif sudo id; then :; fi', 'while sudo id; do break; done',
      'until sudo id; do break; done', 'for x in 1; do sudo $x; done', 'for ((;;)); do sudo id; break; done', 'case a in a) sudo id;; esac',
      'case a in (a) ;& b) sudo id;; esac', 'select x in a; do sudo id; break; done <<< 1', 'coproc sudo id; wait', 'coproc P { sudo id; }; wait', '( (sudo id) )',
      '[[ -v a[$(s""udo)] ]]',
    ],
  },
  {
    family: 'compound commands',
    source: 'the POSIX shell language',
    shell: 'dash',
    deny: [
      '(sudo id)', '((sudo id))', '[[ a && sudo id ]]; sudo id', '[[ a || sudo ]]', 'echo a &>/dev/null sudo id', 'function f {\nsudo id\n}',
      'time\\\n -p sudo id; sudo id', 'x=1 && sudo id',
    ],
  },
  {
    family: 'functions',
    source: RESTRICTED,
    deny: [
      'f() { sudo id; }; f', 'f() ( sudo id ); f', 'function f { sudo id; }; f', 'ls() { sudo id; }; ls', 'cd() { sudo id; }; cd /',
      'command_not_found_handle() { sudo id; }; no-such-program', 'f() if sudo id; then :; fi; f', 'f() { $1; }; f sudo',
    ],
    ask: [
      'f() { "$@"; }; f su""do id',
    ],
  },
  {
    family: 'quotes',
    source: INJECTION,
    deny: [
      '"sudo" id', "'sudo' id", 's"ud"o id', "s'u'd'o' id", 's\\udo id', '\\s\\u\\d\\o id', 's""udo id', "su''do id", "$'sudo' id", "$'\\x73udo' id", "$'\\163udo' id",
      '"s"\'u\'\\d"o" id', '$"sudo" id',
    ],
    ask: [
      "$'\\u0073udo' id",
    ],
  },
  {
    family: 'expansions in a name',
    source: INJECTION,
    deny: [
      'x=sudo; $x id', 'a=(id sudo); ${a[1]} id', 'y=sudo; x=y; ${!x} id', 'set -- sudo id; "$@"', 'set -- sudo id; $1 $2', 'read x <<< sudo; $x id', '$(echo sudo) id',
      '`echo sudo` id', '{sudo,id}', 'declare -n r=y; y=sudo; $r id', "x=sudo; eval '$x id'", 'x=bash; ${x/bash/sudo} id', 'IFS=,; x=sudo,id; $x', '$(<<< sudo cat) id',
    ],
    ask: [
      's$@udo id', 'su$*do id', 'su${x}do id', 'su$(:)do id', 'su`:`do id', 'su${x:-d}o id', 'x=su; ${x}do id', 'x=odus; "${x:3:1}${x:2:1}${x:1:1}${x:0:1}" id',
      'x=xsudo; ${x#x} id', 'x=SUDO; ${x,,} id', 'x=abdo; ${x/ab/su} id', 'printf -v x %s%s su do; $x id', '$(printf "\\163\\165\\144\\157") id', '$(rev <<< odus) id',
      '$(tr a-z n-za-m <<< fhqb) id', '{s,}udo',
    ],
  },
  {
    family: 'patterns',
    source: 'filters of web applications',
    deny: [
      'shopt -s extglob\nbin/@(sudo) id',
    ],
    ask: [
      'bin/su?o id', 'bin/s*o id', 'bin/[s]udo id', 'bin/su[a-z]o id', '$PWD/bin/sud? id', './bin/{s,}udo', 'cd bin; ./s??o id',
      'echo bin/sud* | while read x; do $x id; done', 'for x in bin/s*o; do $x id; done',
    ],
  },
  {
    family: 'blanks',
    source: 'CVE-2025-66032',
    deny: [
      'sudo<<<id', 'sudo\tid', 'true;\tsudo\tid', 'sudo>/dev/null', '>/dev/null sudo id', '2>&1 sudo id', '</dev/null sudo id', '{fd}</dev/null sudo id', 'sudo$IFS',
      'X=$IFS; ${X:0:0}sudo id',
    ],
  },
  {
    family: 'ends of lines',
    source: INJECTION,
    deny: [
      'su\\\ndo id', 'true \\\n; sudo id', 's\\\nu\\\nd\\\no id', 'true\r\nsudo id\r\n', '# a comment \\\nsudo id', 'true # sudo\nsudo id', ": '\n' ; sudo id",
      'echo "\n"; sudo id', '\n\n\n sudo id',
    ],
  },
  {
    family: 'words of earlier lines',
    source: 'the Bash manual',
    deny: ['set -o history -o histexpand\n: sudo id\n!!:1-2', 'set -o history; set -H\n: sudo id\n!!:1 id'],
  },
  {
    family: 'look-alike blanks and names',
    source: INJECTION,
    unrun: true,
    deny: [
      'sudo\u00a0id', '\u2003sudo id', 'sudo\r\n', '\u200bsudo id', '\ufeffsudo id',
    ],
  },
  {
    family: 'substitutions',
    source: 'CVE-2025-54131',
    deny: [
      'echo $(sudo id)', 'echo `sudo id`', 'echo "$(sudo id)"', 'echo "`sudo id`"', 'x=$(sudo id)', 'export x=$(sudo id)', 'local_x=`sudo id` true', 'cat <(sudo id)',
      'true > >(sudo id); wait; sleep 0.1', 'x=($(sudo id))', 'echo "$(echo "$(sudo id)")"', 'echo ${x:-$(sudo id)}', 'echo "${x:=`sudo id`}"', ': ${x+a}${x-$(sudo id)}',
      'echo {a,$(sudo id)}', 'case $(sudo id) in *) ;; esac', 'for x in $(sudo id); do :; done', '[ "$(sudo id)" ]', '[[ -z $(sudo id) ]]', 'cat <<< "$(sudo id)"',
      'cat <<EOF\n$(sudo id)\nEOF', 'cat <<EOF\n`sudo id`\nEOF', '> "/dev/null$(sudo id)"', 'echo "a" "$(:; sudo id)" #"', 'echo \'a\'"$(sudo id)"\'b\'',
    ],
  },
  {
    family: 'arithmetic',
    source: 'arithmetic evaluation in Bash as code injection',
    deny: [
      'echo $((1 + $(sudo id)))', '(( $(sudo id) ))', 'echo $[ $(sudo id) ]', 'a[$(sudo id)]=1', 'echo ${a[$(sudo id)]}', 'echo ${PATH:$(sudo id)}',
      "x='a[$(sudo id)]'; echo $((x))", "x='a[$(sudo id)]'; (( x ))", "x='a[$(sudo id)]'; [[ x -eq 0 ]]", "x='a[$(sudo id)]'; [[ $x -eq 0 ]]",
      "x='a[$(sudo id)]'; let y=x", "x='a[$(sudo id)]'; declare -i y=x", "x='a[$(sudo id)]'; echo ${b[x]}", "x='a[$(sudo id)]'; echo ${PATH:x}",
      "y=x; x='a[$(sudo id)]'; echo $((y))", "read x <<< 'a[$(sudo id)]'; echo $((x))", "echo 'a[$(sudo id)]' | while read x; do echo $((x)); done",
      "printf -v x '%s' 'a[$(sudo id)]'; echo $((x))", "set -- 'a[$(sudo id)]'; echo $(( $1 ))", "[ -v 'a[$(sudo id)]' ]", "test -v 'a[$(sudo id)]'",
      "printf -v 'a[$(sudo id)]' 1", "read 'a[$(sudo id)]' <<< 1", "a=1; unset 'a[$(sudo id)]'", "x='b[$(sudo id)]'; : ${!x}",
    ],
    ask: [
      "x='a[$(su'; x+='do id)]'; echo $((x))", "for x in 'a[$(su''do)]'; do echo $((x)); done",
    ],
  },
  {
    family: 'texts that a shell reads',
    source: INJECTION,
    deny: [
      'eval "sudo id"', 'eval s"ud"o id', 'eval -- sudo id', 'builtin eval sudo id', 'command eval "sudo id"', 'bash -c "sudo id"', "sh -c 'sudo id'",
      'bash -ec "sudo id"', 'bash -o posix -c "sudo id"', 'bash --norc -c "sudo id"', 'bash -c \'bash -c "sudo id"\'', 'echo "sudo id" | sh', 'echo sudo id | bash -s',
      'bash <<< "sudo id"', 'sh <<EOF\nsudo id\nEOF', "bash <<'EOF'\nsudo id\nEOF", 'bash <(echo sudo id)', 'source <(echo sudo id)', '. /dev/stdin <<< "sudo id"',
      'trap "sudo id" EXIT', 'trap -- "sudo id" EXIT', 'trap "sudo id" DEBUG; :', 'mapfile -C sudo -c 1 x <<< a', 'compgen -C sudo >/dev/null', "compgen -W '$(sudo id)'",
      'x=\'$(sudo id)\'; : "${x@P}"', "PS4='$(sudo id)'; set -x; :", 'bash --rcfile bin/sudo -ic : 2>/dev/null', 'exec sudo id', 'exec -a ls sudo id', 'command sudo id',
      'command -p sudo id; sudo id',
    ],
    ask: [
      'echo c3VkbyBpZAo= | base64 -d | sh', "printf '\\x73\\x75\\x64\\x6f' | sh", 'echo 7375646f206964 | xxd -r -p | sh',
      'echo "vqxr vg" | tr a-z d-za-c | sh; s\'u\'d"$x"o id', 'bash -c "$(echo c3VkbyBpZAo= | base64 -d)"', 'eval "$(echo c3VkbyBpZAo= | base64 -d)"',
      'x=do; eval "su$x id"', 'bash -c \'"$@"\' _ su"$x"do id', "bash -c '$0 id' su''do",
    ],
  },
  {
    family: 'here-documents',
    source: 'the Bash manual',
    deny: [
      'cat <<A\nA\nsudo id', "cat <<'A B'\ntext\nA B\nsudo id", 'cat <<-A\n\ttext\n\tA\nsudo id', 'cat <<A <<B\na\nA\nb\nB\nsudo id', 'cat <<\\A\n$(x)\nA\nsudo id',
      'cat <<A; sudo id\na\nA', 'cat <<A && (\na\nA\nsudo id\n)', 'echo $(cat <<A\na\nA\nsudo id)',
    ],
  },
  {
    family: 'other names',
    source: RESTRICTED,
    deny: [
      './bin/sudo id', '$PWD/../$(basename $PWD)/bin/sudo id; bin/sudo', 'bin/../bin/sudo id', 'bin//sudo id', "alias q='sudo id'; shopt -s expand_aliases\nq",
      'hash -p bin/sudo ls; ls', 'BASH_CMDS[ls]=bin/sudo; ls', 'BASH_ALIASES[ls]=sudo; shopt -s expand_aliases\nls', 'builtin command sudo id',
      'enable -n echo; x=sudo; $x',
    ],
    ask: [
      'cd bin && ln -s sudo x && ./x', 'cp bin/sudo x; ./x id', 'cat bin/sudo > ./y; chmod +x ./y; ./y',
    ],
  },
  {
    family: 'files that it writes',
    source: `${AGENTS}: a script file`,
    ask: [
      "echo 'sudo id' > x; sh x", "echo 'sudo id' > x; . ./x", "printf 'sudo id\\n' > x.sh; source x.sh", "cat > x.sh <<'EOF'\nsudo id\nEOF\nbash x.sh",
      "cat > x.sh <<'EOF'\n#!/bin/sh\nsudo id\nEOF\nchmod +x x.sh; ./x.sh", "echo 'sudo id' | tee x >/dev/null; sh ./x",
    ],
  },
  {
    family: 'variables that choose programs',
    source: 'CVE-2014-6271 and manuals',
    deny: [
      "env 'BASH_FUNC_ls%%=() { sudo id; }' bash -c ls", 'BASH_ENV=<(echo sudo id) bash -c :', 'env BASH_ENV=bin/sudo bash -c :',
      'ENV=bin/sudo; export ENV; BASH_ENV=$ENV bash -c :', 'PROMPT_COMMAND="sudo id"; eval "$PROMPT_COMMAND"',
    ],
    ask: [
      'mkdir p; cp bin/s?do p/ls; PATH=p ls', 'mkdir p; cp bin/s?do p/ls; export PATH=p:$PATH; ls', 'mkdir p; cp bin/s?do p/ls; env PATH=p ls',
      'mkdir p; cp bin/s?do p/ls; declare -x PATH=p; ls', 'mkdir p; cp bin/s?do p/ls; for PATH in p; do ls; done', 'mkdir p; cp bin/s?do p/ls; read PATH <<< p; ls',
      'mkdir p; cp bin/s?do p/ls; printf -v PATH p; ls', 'mkdir p; cp bin/s?do p/ls; unset PATH; : ${PATH:=p}; ls',
    ],
  },
  {
    family: 'variables that choose programs',
    source: 'manuals of the dynamic linker, git, less and others',
    unrun: true,
    deny: [
      "PS4='$(sudo id)' bash -xc :", 'GIT_PAGER="sudo id" git log', 'PAGER="sudo id" man ls', 'GIT_SSH_COMMAND="sudo id" git fetch', 'GIT_EXTERNAL_DIFF=sudo git diff',
      'EDITOR="sudo id" crontab -e', 'export GIT_EDITOR="sudo id"; git commit', 'LESSOPEN="|sudo %s" less x', 'env GIT_ASKPASS=sudo git fetch', 'VISUAL=sudo visudo',
      'SHELL=sudo script -q',
    ],
    ask: [
      'LD_PRELOAD=./x.so ls', 'env LD_PRELOAD=./x.so ls', 'export LD_LIBRARY_PATH=.; ls', 'LD_AUDIT=./x.so ls', 'PERL5OPT=-Mx perl x.pl',
      'NODE_OPTIONS="--require ./x.js" npm test', 'MAKEFLAGS=--eval=x make', 'GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.pager GIT_CONFIG_VALUE_0=x git log',
      'GIT_EXEC_PATH=. git x', 'npm_config_script_shell=./x npm test', 'RUBYOPT=-rx ruby y', 'TAR_OPTIONS=--to-command=x tar xf a',
    ],
  },
  {
    family: 'wrappers',
    source: GTFOBINS,
    deny: [
      'env sudo id', 'env -i A=1 $PWD/bin/sudo; sudo id', 'env -u A -C . sudo id', 'env -- sudo id', 'nice -n 5 sudo id', 'nohup sudo id', 'timeout 5 sudo id',
      'timeout -s KILL 5 sudo id', 'setsid -w sudo id', 'stdbuf -o0 sudo id', 'ionice -c 3 sudo id', 'xargs sudo </dev/null', 'echo id | xargs -n 1 sudo',
      'echo a | xargs -I{} sudo {}', 'find bin -name sudo -exec sudo {} \\;', 'find . -maxdepth 0 -exec sh -c "sudo id" \\;', 'find . -maxdepth 0 -exec env sudo {} +',
      'find . -maxdepth 0 -execdir sudo \\; ; sudo', 'nice nohup timeout 5 env sudo id', 'xargs -a /dev/null sudo', 'flock x sudo id', 'flock x -c "sudo id"',
      'taskset 1 sudo id', 'chrt -b 0 sudo id; sudo', 'setarch -R sudo id', 'prlimit --nofile=100 sudo id', 'setpriv --no-new-privs sudo id', 'env -S "sudo id"',
      'env --split-string="sudo id"', 'ld.so bin/sudo; sudo', 'echo sudo | xargs -I{} env {} id', 'echo bin/sudo | xargs env', "env -S 's\\udo id'; x=sudo; $x",
    ],
    ask: [
      'find bin -name sud? -exec {} \\;', 'echo "bin/su""do id" | xargs -I% sh -c %',
    ],
  },
  {
    family: 'wrappers',
    source: GTFOBINS,
    unrun: true,
    deny: [
      'busybox sudo', 'toybox sudo', 'chroot / sudo id', 'unshare -r sudo id', 'nsenter -t 1 -m sudo id', 'su -c "sudo id"', 'su root -c sudo',
      'runuser -u root -- sudo id', 'pkexec sudo id', 'doas sudo id', 'fakeroot sudo id', 'npx sudo', 'npm exec -- sudo id', 'npm exec -c "sudo id"', 'pnpm dlx sudo',
      'yarn dlx sudo', 'bunx sudo', 'uv run sudo id', 'poetry run sudo id', 'bundle exec sudo', 'conda run -n x sudo id', 'pipx run sudo', 'perf stat sudo id',
      '/lib64/ld-linux-x86-64.so.2 /usr/bin/sudo id', 'watch sudo', 'fd -x sudo id', 'ssh-agent sudo id', 'ssh-agent bash -c "sudo id"', 'busybox sh -c "sudo id"',
      'firejail sudo id', 'npx -c "sudo id"',
    ],
    ask: [
      'watch "x y"', 'flock x -c "$y"', 'su -c "$y"',
    ],
  },
  {
    family: 'code for an interpreter',
    source: GTFOBINS,
    needs: ['python3', 'perl', 'awk', 'sed', 'git', 'tar', 'make', 'sort', 'split'],
    ask: [
      'python3 -c \'import os; os.system("sudo id")\'', 'python3 -Sc \'import os; os.execlp("sudo", "sudo")\'', "python3 <<'EOF'\nimport os\nos.system('sudo id')\nEOF",
      'echo \'import os; os.system("sudo id")\' | python3', 'echo \'import os; os.system("sudo id")\' > x.py; python3 x.py', 'perl -e \'exec "sudo"\'',
      'perl -we \'system "sudo id"\'', 'perl <<< \'exec "sudo"\'', 'awk \'BEGIN { system("sudo id") }\'', 'awk \'BEGIN { "sudo id" | getline }\'',
      'awk \'BEGIN { print "" | "sudo id" }\'', "echo | sed '1e sudo id'", "echo sudo id | sed 's/$//e'", "echo sudo id | perl -ne 'system $_'",
      "echo sudo id | awk '{ system($0) }'", 'echo sudo id | python3 -c "import os; os.system(input())"', "echo a | sed -n 's/a/sudo id/ep'",
      'git -c core.pager="sudo id" -p help -g >/dev/null; git -c alias.x="!sudo id" x', "git -c alias.x='!sudo id' x",
      'git init -q .; git -c core.fsmonitor="sudo id;false" status', 'git -c protocol.ext.allow=always clone "ext::sudo id" x',
      'git init -q .; git config alias.x "!sudo id"; git x', 'tar cf /dev/null bin --checkpoint=1 --checkpoint-action=exec=sudo',
      'tar cf x.tar bin; tar xf x.tar --to-command=sudo', 'tar cf x.tar bin; tar xf x.tar --to-com=sudo', 'tar cf x.tar -I sudo bin',
      "make -s --eval='$(shell sudo id)' -f /dev/null", "make -f - <<< '$(shell sudo id)'", "echo '$(shell sudo id)' > Makefile; make -f Makefile",
      'seq 1 200000 | sort -S 1k --compress-program=sudo >/dev/null', 'seq 1 200000 | sort -S 1k --compress-prog=sudo >/dev/null', "echo a | split --filter='sudo id'",
    ],
  },
  {
    family: 'code for an interpreter',
    source: GTFOBINS,
    unrun: true,
    ask: [
      "vim -c ':!sudo id'", "vim '+!sudo id'", "ex -c '!sudo id'", 'vi --cmd \'call system("sudo id")\'', "less +'!sudo id' x", "man -P 'sudo id' ls",
      "man --html='sudo id' ls", "ssh -o ProxyCommand='sudo id' x", 'ssh x sudo id', 'scp -S sudo a b:', "rsync -e 'sudo id' a b:", 'zip x.zip x -T -TT "sudo id #"',
      "gdb -nx -ex '!sudo id' -ex quit", 'ruby -e \'exec "sudo"\'', 'node -e \'require("child_process").execSync("sudo id")\'', 'php -r \'system("sudo id");\'',
      'lua -e \'os.execute("sudo id")\'', 'make SHELL=sudo x', 'go test -exec sudo ./...', 'gcc -wrapper sudo,-s x.c', 'npm --script-shell=sudo test',
      'socat - EXEC:sudo', 'nc -e /bin/sudo x 1', "tmux new-session -d 'sudo id'", "sqlite3 /dev/null '.shell sudo id'", "script -c 'sudo id' /dev/null",
      'strace -o x sudo id', 'wget --use-askpass=sudo x', 'tcpdump -z sudo -w x', "git rebase -x 'sudo id' HEAD~1", 'git bisect run sudo id',
      "git submodule foreach 'sudo id'", "git fetch --upload-pack='sudo id' x", "git ls-remote --upload-pa='sudo id' x", "git grep -O'sudo id' x",
      "git difftool --extcmd='sudo id'", 'rg --pre sudo x', 'apt-get -o APT::Update::Pre-Invoke::=sudo update', 'emacs --batch --eval \'(shell-command "sudo id")\'',
      'docker run x sudo', "hg --config alias.x='!sudo id' x", 'Rscript -e \'system("sudo id")\'', "psql -c '\\! sudo id'", "expect -c 'spawn sudo id'",
    ],
  },
];
