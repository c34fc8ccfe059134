/** Ways to run a command `X` from a shell text; some do not in every shell, and some do not at all. */
export const WAYS: readonly string[] = [
  '(X)', '{ X; }', '((X))', '((X) )', 'echo $((X) )', 'if X; then :; fi', 'if true; then X; fi', 'for i in a b; do X; done', 'for i in $(X); do :; done', 'for((;;)) { X; break; }', 'for i do X; done', 'for i\nin a\ndo X\ndone',
  'while X; do break; done', 'until X; do break; done', 'case a in a) X;; esac', 'case a in (a|b) X;& *) :;; esac', 'case $(X) in *) :;; esac', '! X', '! ! X', '!(X)', 'time -p X', 'time -- X', 'time { X; }', ':; X', ':\nX', ': | X', ': |& X', ': || X', 'false || X', ': && X',
  'X &\nwait', 'x=1 X', 'x=$(X)', 'x=(a $(X))', 'x=(y=$(X))', 'x=(y=$(X)):', 'export x=(a)$(X)', 'export x=$(X)', 'export "x=$(X)"', 'x+=a X', 'x[0]=a X', 'x[$(X)]=1', 'echo "$(X)"', 'echo `X`', 'echo "`X`"', 'echo "`echo \\"$(X)\\"`"', 'echo "${x:-`X`}"', 'echo ${x:-$(X)}', 'echo "${x:-\'$(X)\'}"',
  "echo ${x:-'$(X)'}", 'echo ${x-"}$(X)"}', "echo ${x:+'}'} X", 'echo $((1+$(X)))', 'echo $[1+$(X)]', 'echo $((x[$(X)]))', 'echo ${y[$(X)]}', 'echo ${y[$(X)a}b]}', 'echo ${x:$(X)}', 'echo ${x/a/$(X)}', '[ "$(X)" ]', '[[ a && $(X) ]]', '[[ a =~ (b|c) ]]; X', '[[ a =~ x|X ]]', '[[ a && X ]]', '[[ a\n&& b ]]; X',
  "[[ a =~ #' ]]\nX #' ]]", '>/dev/null X', '2>&1 X', '2>/dev/null >x X', '{fd}>x X', '&>/dev/null X', 'echo a &>/dev/null X', 'echo a &>>x; X', '>& "a[$(X)]" :', 'cat <(X)', 'cat > >(X)', 'cat 3<(X)', '2>(X)', 'cat {x}<(X)', 'cat <<EOF\n$(X)\nEOF', 'cat <<EOF\n`X`\nEOF', 'cat <<EOF\n\\$(X)\nEOF', 'cat <<EOF\ntext\nEOF\nX',
  "cat <<'E F'\ntext\nE F\nX", 'cat <<\\EOF\n$(X)\nEOF\n', 'cat <<-A <<B\n\t1\n\tA\n2\nB\nX', 'cat <<A; X\nA\n', 'cat <<A && (\na\nA\nX\n)', 'cat <<A\na\\\nA\nX\nA\n', 'cat <<"A"\na\\\nA\nX\nA\n', 'echo $(cat <<A\na\nA\nX)', 'echo "$(cat <<A\n"\nA\nX)"', 'echo $(cat <<A\na\nA\n:; case X in X) ;; esac)',
  'eval "X"', 'eval X', 'trap "X" 0', 'trap -- "X" EXIT', '. /dev/stdin <<< "X"', 'bash <<< "X"', 'bash <<A\nX\nA\n', 'bash X', '. X', 'exec X', 'command X', 'command -p X', 'builtin eval X', 'env -u A a=b X', 'env --u A a=b X', 'env --unset A X', 'xargs --max-lines X </dev/null', '>&- X', '>&-X', 'bash -c "X"', "sh -c 'X'", 'xargs X </dev/null', 'echo a | xargs -n 1 X', 'coproc X; wait',
  'coproc Y { X; }; wait', 'select i in a; do X; break; done <<< 1', '>/dev/null [[ a && false || X ]]', 'x=1 [[ a || X ]]', 'echo $(x=1 case; X)', '2>&1 for; X', 'echo X | sh', 'alias q=X\nq', 'echo "a #b"; X', "echo $'a\\'b'; X", 'echo "$\'a\\\'"; X #\'', 'echo "a\\"b"; X', 'echo ${#x}; X', 'echo $#X',
  'echo "${x%\\"}"; X', 'echo ${x#\\}}; X', "echo \"${x#'}\"; X #'", "echo ${x#'}'}; X", 'echo \\"; X', 'echo a #b\nX', 'echo a#b; X', "echo 'a\\'; X #'", 'echo $(echo a # ) \n X)', 'echo $(case a in a) X;; esac)', 'echo `case a in a) X;; esac`', '{ echo; } X', 'x=a; $x X', 'echo \\\nX', '\\\nX',
  '$\\\n(X)', 'echo a &\\\n& X', '<\\\n(X)', 'cat <\\\n<EOF\n$(X)\nEOF\n', ': ;\n\n\nX', 'echo @(a|$(X))', '{a,X}', '{X,a}', '~/X', '~+/X', 'p="X"; $p', 'p=(X); "${p[@]}"', 'set -- X; "$@"', '"$(echo X)"', 'X=1', 'echo X', "echo 'X'", '# X', 'for X in a; do :; done', 'case X in X) :;; esac',
  "x='a[$(X)]'; echo $((x))", "x='a[$(X)]'; [[ $x -eq 0 ]]", "x='a[$(X)]'; ((x))", "x='a[$(X)]'; declare -i y=x", "x='a[$(X)]'; let y=x", "x='a[$(X)]'; echo ${z[x]}", "x='a[$(X)]'; echo ${z:x}", "x='a[$(X)]'; z=([x]=1)", "x='b[$(X)]'; : ${!x}", 'read "a[\\$(X)]" <<< 1', 'printf -v "a[\\$(X)]" 1',
  'a=1; unset "a[\\$(X)]"', 'test -v "a[\\$(X)]"', 'declare -a "y=(\\$(X))"', 'x="\\$(X)"; echo "${x@P}"', 'x="\\$(X)"; echo >&$x', 'PS4="\\$(X)"; set -x; :', 'mapfile -C X -c 1 y <<< a', 'compgen -C X', 'jobs -x X', 'bash --rcfile <(echo X) -i', 'BASH_ENV=<(echo X) bash -c :', 'hash -p $P/X cat; cat',
  'BASH_CMDS[cat]=$P/X; cat </dev/null', 'shopt -s expand_aliases\nalias cat=X\ncat', 'shopt -s extglob\necho @(X)\nX', 'set -k; X',
];

/** The same; what these define may call itself, so that they stay as they are. */
export const FUNCTIONS: readonly string[] = ['f() { X; }; f', 'f () ( X ); f', 'function f { X; }; f', 'f() if X; then :; fi; f', 'X() { :; }', 'function X { :; }'];

/** How `sudo` may be written: `$S` is it, `$D` its end, `$P` the folder that it is in. */
export const NAMES: readonly string[] = [
  'sudo', '"sudo"', 's\\udo', 'su"d"o', "'su'do", 'su\\\ndo', '$S', '${S}', 'su$D', "$'sudo'", "$'\\x73udo'", '$"sudo"', '"su\\\ndo"', "su''do", 'su$@do', 'su${x}do', 'su`:`do', '{,}sudo', 'su[d]o', './bin/sudo', '$P/sudo', 'bin/s?do',
];

/** What a text can be made of, or be broken with. */
export const TOKENS: readonly string[] = [
  'sudo', 'sudo', 'echo', ' ', ' ', ' ', '\n', ';', '|', '&', '&&', '||', '(', ')', '{', '}', '$', '`', '"', "'", '\\', '<<', 'A', '\nA\n', '<', '>', '>&', '&>', '[[', ']]', '[', ']', 'case', 'esac', 'in', 'for', 'do', 'done', 'if', 'then', 'fi', 'else', 'while', 'time', 'coproc', '!', 'x=', 'x=(',
  '#', ' #', '*', '?', '$((', '))', '$(', '${', '${x:-', '<(', '>(', "$'", '$"', '\\\n', ';;', '<<<', '<<-', '((', '~', '%', '@', '+', '-', '1', '2>', 'eval', 'exec', '\t', '\r', '"$(', '{x}', '!(', '@(', '=~', '|&', '&>>', 'export', '$[', ';&', '-eq', '${#', '${!',
];
