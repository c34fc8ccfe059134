"""tar both ways."""

import io
import re
import tarfile

from files import *  # noqa: F403
from harness import Session, equal, sh, test
from wire import *  # noqa: F403


@test()
def packs_and_unpacks(place):
    root = place.workspace + "/tar"
    deep = "/".join(["d" * 60] * 3) + "/" + "n" * 120
    with Session(place) as wire:
        sh(wire, "mkdir -p %s/in %s/out && cd %s/in && mkdir -p $(dirname %s) .git && echo deep > %s && echo hi > run.sh && chmod 4751 run.sh && touch -d '2020-01-02 03:04:05Z' run.sh && ln -s %s long && ln -s ../../etc link && mkfifo p && mkdir ro && echo x > ro/f && touch -d 2001-01-01Z ro && chmod 555 ro && echo secret > .git/config && : > empty && printf u > 'gr\u00fcn'" % (root, root, root, deep, deep, "t" * 150))
        archive = wire.run(root + "/in", "--exclude=.git", builtin=PACK)
        equal((archive["end"]["code"], archive["out"][2]), (0, b""))
        archive = archive["out"][1]
        members = {member.name: member for member in tarfile.open(fileobj=io.BytesIO(archive))}
        assert deep in members and "gr\u00fcn" in members and ".git" not in members and "p" not in members
        equal((members["run.sh"].mode, members["run.sh"].mtime, members["long"].linkname, members["link"].linkname), (0o751, 1577934245, "t" * 150, "../../etc"))
        it = wire.run(root + "/out", builtin=UNPACK, stdin=archive)
        equal((it["end"]["code"], it["out"][2]), (0, b""))
        listing = "cd %s/%s && find . -path ./.git -prune -o ! -name p ! -path . -printf '%%y %%m %%s %%l %%P %%Ts\\n' | sed '/^d/s/ [0-9]* /  /2' | sort"
        before, after = sh(wire, listing % (root, "in"))["out"][1].replace(b"4751", b"751"), sh(wire, listing % (root, "out"))["out"][1]
        strip = lambda text: sorted(line for line in text.splitlines() if not re.match(rb"[dl] .*  \d+$", line))
        equal(strip(before), strip(after))
        assert b"d 555" in after
        it = wire.run(root + "/in", "--paths", builtin=PACK, stdin=b"run.sh\0ro/f\0long\0")
        equal(tarfile.open(fileobj=io.BytesIO(it["out"][1])).getnames(), ["run.sh", "ro/f", "long"])
        fails(wire.run(root + "/in", "--paths", builtin=PACK, stdin=b"run.sh\0none\0"), "ENOENT none")
        for path in (b"/etc/passwd", b"../out", b"ro/../../out", b"a//b", b""):
            fails(wire.run(root + "/in", "--paths", builtin=PACK, stdin=path + b"\0"), "EINVAL " + path.decode())
        fails(wire.run(root + "/in", "--paths", builtin=PACK, stdin=b"link/passwd\0"), "ELOOP link/passwd")
        sh(wire, "chmod -R u+w %s; rm -r %s" % (root, root))


@test()
def packs_what_changes_under_it(place):
    root = place.workspace + "/moving"
    with Session(place) as wire:
        sh(wire, "mkdir %s; cd %s; for i in $(seq 50); do head -c 100000 /dev/zero > f$i; done" % (root, root))
        mover = wire.start("sh", "-c", "cd %s; while :; do for i in $(seq 50); do : > f$i; head -c 150000 /dev/zero > f$i; done; done" % root)
        for _ in range(10):
            archive = wire.run(root, builtin=PACK)
            equal(archive["end"]["code"], 0)
            members = tarfile.open(fileobj=io.BytesIO(archive["out"][1]))
            equal(len(members.getnames()), 50)
        wire.send(CANCEL, mover, u32(0))
        wire.until(mover, "end")
        sh(wire, "rm -r " + root)


def tar_of(*members, form=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for name, kind, extra in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            info.mode = 0o755
            data = b""
            if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                info.linkname = extra
            else:
                data = extra.encode()
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


@test()
def unpacks_nothing_outside(place):
    root = place.workspace + "/hostile"
    file, directory, symlink = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE
    with Session(place) as wire:
        sh(wire, "mkdir -p %s/in %s/out" % (root, root))
        for members, error in [
            ([("../out/x", file, "bad")], "EINVAL ../out/x"),
            ([("a/../../out/x", file, "bad")], "EINVAL a/../../out/x"),
            ([(root + "/out/x", file, "bad")], "EINVAL %s/out/x" % root),
            ([("l", symlink, "../out"), ("l/x", file, "bad")], "ELOOP l/x"),
            ([("l", symlink, root + "/out/x"), ("h", tarfile.LNKTYPE, "l")], "EINVAL h"),
            ([("p", tarfile.FIFOTYPE, "")], "EINVAL p"),
            ([("c", tarfile.CHRTYPE, "")], "EINVAL c"),
        ]:
            fails(wire.run(root + "/in", builtin=UNPACK, stdin=tar_of(*members)), error)
        # A link in the way is replaced, never followed.
        sh(wire, "cd %s/in; rm -rf *; ln -s ../out/x f; ln -s ../out d" % root)
        equal(wire.run(root + "/in", builtin=UNPACK, stdin=tar_of(("f", file, "good"), ("d", directory, ""), ("d/g", file, "good")))["end"]["code"], 0)
        equal(sh(wire, "cd %s/in; cat f d/g; ls ../out" % root)["out"][1], b"goodgood")
        for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
            name = "e" * 90 + "/" + "n" * (90 if form == tarfile.USTAR_FORMAT else 150)
            equal(wire.run(root + "/in", builtin=UNPACK, stdin=tar_of(("./", directory, ""), (name, file, "good"), form=form))["end"]["code"], 0)
            equal(sh(wire, "cat %s/in/%s" % (root, name))["out"][1], b"good")
        whole = tar_of(("f1", file, "x" * 2000), ("f2", file, "y"))
        for cut in (0, 100, 512, 1000, 2560, 3000, 3584):
            it = wire.run(root + "/in", builtin=UNPACK, stdin=whole[:cut])
            equal((cut, it["end"]["code"], it["out"][2][:6]), (cut, 1, b"EINVAL"))
        equal(sh(wire, "ls %s/out" % root)["out"][1], b"")
        sh(wire, "rm -r " + root)
