"""Reading, writing and changing files."""

import os

from files import *  # noqa: F403
from harness import Session, equal, sh, test
from wire import *  # noqa: F403


@test()
def reads_and_writes_files(place):
    root = place.workspace + "/rw"
    data = os.urandom(300000)
    with Session(place) as wire:
        equal(wire.run(root + "/a/b/file", "--parents", "--mode=640", builtin=WRITE, stdin=data)["end"]["code"], 0)
        assert wire.run(root + "/a/b/file", builtin=READ)["out"][1] == data
        assert wire.run(root + "/a/b/file", "--offset=299990", builtin=READ)["out"][1] == data[299990:]
        assert wire.run(root + "/a/b/file", "--offset=10", "--length=5", builtin=READ)["out"][1] == data[10:15]
        equal(wire.run(root + "/a/b/file", "--offset=400000", builtin=READ)["out"][1], b"")
        equal(wire.run(root + "/a/b/file", builtin=WRITE, stdin=b"short")["end"]["code"], 0)
        entry = entries(wire.run(root + "/a/b/file", builtin=STAT)["out"][1])[0]
        equal((entry[0][0], entry[0][1], entry[0][2], entry[1]), ("f", "640", "5", root + "/a/b/file"))
        equal(wire.run(root + "/empty", builtin=WRITE, stdin=b"")["end"]["code"], 0)
        equal(sh(wire, "ls -A %s/a/b" % root)["out"][1], b"file\n")
        fails(wire.run(root + "/none", builtin=READ), "ENOENT %s/none" % root)
        fails(wire.run(root + "/a", builtin=READ), "EISDIR %s/a" % root)
        fails(wire.run(root + "/x/y", builtin=WRITE, stdin=b""), "ENOENT %s/x/y" % root)
        fails(wire.run(root + "/a", builtin=WRITE, stdin=b""), "EISDIR %s/a" % root)
        fails(wire.run(root + "/a", "--bad", builtin=READ), "EINVAL --bad")
        fails(wire.run(root + "/a", "--mode=8", builtin=WRITE, stdin=b""), "EINVAL --mode=8")
        sh(wire, "cd %s && mkfifo fifo && ln -s a/b/file link && ln -s a dir && ln -s /proc/self/root magic" % root)
        fails(wire.run(root + "/fifo", builtin=READ, timeout=3), "EINVAL %s/fifo" % root)
        fails(wire.run(root + "/fifo", builtin=WRITE, stdin=b"", timeout=3), "EINVAL %s/fifo" % root)
        fails(wire.run("/dev/null", builtin=READ), "EINVAL /dev/null")
        for name in ("link", "dir/b/file", "magic/etc/passwd"):
            fails(wire.run(root + "/" + name, builtin=READ), "ELOOP %s/%s" % (root, name))
            fails(wire.run(root + "/" + name, builtin=WRITE, stdin=b"x"), "ELOOP %s/%s" % (root, name))
        fails(wire.run(root + "/dir/c", "--parents", builtin=MKDIR), "ELOOP %s/dir/c" % root)
        fails(wire.run(root + "/dir", builtin=LIST), "ELOOP %s/dir" % root)
        sh(wire, "rm -r " + root)


@test()
def changes_the_tree_of_files(place):
    root = place.workspace + "/tree"
    with Session(place) as wire:
        fails(wire.run(root + "/a/b", builtin=MKDIR), "ENOENT %s/a/b" % root)
        equal(wire.run(root + "/a/b", "--parents", "--mode=750", builtin=MKDIR)["end"]["code"], 0)
        equal(wire.run(root + "/a/b", "--parents", builtin=MKDIR)["end"]["code"], 0)
        fails(wire.run(root + "/a/b", builtin=MKDIR), "EEXIST %s/a/b" % root)
        sh(wire, "cd %s; echo hello > a/b/f; ln -s ../b/f a/l; mkdir a/node_modules a/b/node_modules; touch a/node_modules/x; mkfifo a/p" % root)
        got = {path: (facts[0], target) for facts, path, target in entries(wire.run(root + "/a", "--recursive", "--exclude=node_modules", builtin=LIST)["out"][1])}
        equal(got, {"b": ("d", ""), "b/f": ("f", ""), "l": ("l", "../b/f"), "p": ("p", "")})
        equal(sorted(path for _, path, _ in entries(wire.run(root + "/a", builtin=LIST)["out"][1])), ["b", "l", "node_modules", "p"])
        equal(len(entries(wire.run(root, "--recursive", "--limit=3", builtin=LIST)["out"][1])), 3)
        facts = entries(wire.run(root + "/a/b", builtin=STAT)["out"][1])[0][0]
        equal((facts[0], facts[1]), ("d", "750"))
        equal(wire.run(root + "/a/b/f", root + "/g", builtin=RENAME)["end"]["code"], 0)
        fails(wire.run(root + "/none", root + "/h", builtin=RENAME), "ENOENT %s/none" % root)
        fails(wire.run(root + "/a", builtin=REMOVE), "ENOTEMPTY %s/a" % root)
        equal(wire.run(root + "/a/l", builtin=REMOVE)["end"]["code"], 0)
        equal(wire.run(root + "/g", builtin=READ)["out"][1], b"hello\n")
        sh(wire, "cd %s; mkdir outside; echo keep > outside/keep; ln -s ../outside a/away" % root)
        equal(wire.run(root + "/a", "--recursive", builtin=REMOVE)["end"]["code"], 0)
        equal(sh(wire, "cd %s; cat outside/keep; ls" % root)["out"][1], b"keep\ng\noutside\n")
        sh(wire, "cd %s; ln -s outside link; ln -s nowhere dangling; ln -s loop loop" % root)
        for path, expected in (("link/keep", "outside/keep"), ("link/new", "outside/new"), ("outside/../g", "g"), ("dangling", "dangling"), ("link/", "outside"), ("", "")):
            equal(wire.run(root + "/" + path, builtin=RESOLVE)["out"][1].decode(), (root + "/" + expected).rstrip("/") + "\0")
        equal(wire.run("/", builtin=RESOLVE)["out"][1], b"/\0")
        equal(wire.run("/nonesuch", builtin=RESOLVE)["out"][1], b"/nonesuch\0")
        fails(wire.run(root + "/no/new", builtin=RESOLVE), "ENOENT %s/no/new" % root)
        fails(wire.run(root + "/loop", builtin=RESOLVE), "ELOOP %s/loop" % root)
        equal(wire.run(root, "--recursive", builtin=REMOVE)["end"]["code"], 0)
