"""Watching a directory."""

import itertools

from files import *  # noqa: F403
from harness import Session, equal, sh, test
from wire import *  # noqa: F403


def changes(wire, stream):
    return wire.streams[stream]["out"][1].decode().split("\0")[:-1]


def watch(wire, *arguments):
    stream = wire.start(*arguments, builtin=WATCH)
    while changes(wire, stream)[:1] != ["w ."]:
        wire.step()
    return stream


def told(wire, stream, *wanted):
    while not set(wanted) <= set(changes(wire, stream)):
        wire.step()


def stop(wire, stream):
    wire.send(CANCEL, stream, u32(0))
    wire.until(stream, "end")


@test()
def watches_a_directory(place):
    root = place.workspace + "/watched"
    with Session(place) as wire:
        sh(wire, "mkdir -p %s/sub" % root)
        stream = watch(wire, root, "--exclude=hidden")
        sh(wire, "cd %s && echo 1 > a && echo 2 >> a && touch hidden && touch sub/unseen && chmod 700 a && mv a b && rm b && echo end > z" % root)
        told(wire, stream, "m z")
        # How many changes are told of one that follows another depends on who is quicker.
        equal([change for change, _ in itertools.groupby(changes(wire, stream))], ["w .", "c a", "m a", "r a", "c b", "r b", "c z", "m z"])
        sh(wire, "rm -r " + root)
        wire.until(stream, "end")
        equal((wire.streams[stream]["end"]["code"], changes(wire, stream)[-1]), (0, "r ."))
        fails(wire.run(root, builtin=WATCH), "ENOENT " + root)
        fails(wire.run("/etc/passwd", builtin=WATCH), "ENOTDIR /etc/passwd")
        sh(wire, "ln -s / " + root)
        fails(wire.run(root, builtin=WATCH), "ELOOP " + root)
        sh(wire, "rm " + root)


@test()
def watches_what_comes_to_be_below(place):
    root = place.workspace + "/deep"
    with Session(place) as wire:
        sh(wire, "mkdir -p %s/old/er %s/node_modules" % (root, root))
        stream = watch(wire, root, "--recursive", "--exclude=node_modules")
        sh(wire, "cd %s; mkdir -p new/and/deeper; echo 1 > new/and/deeper/f; echo 2 > old/er/g; touch node_modules/x; mkdir outside" % root)
        told(wire, stream, "c new", "c new/and", "c new/and/deeper", "c new/and/deeper/f", "c old/er/g", "m old/er/g", "c outside")
        # One after the other: what is gone again before it was looked at is not told.
        sh(wire, "cd %s; mv new/and there" % root)
        told(wire, stream, "r new/and", "c there", "c there/deeper", "c there/deeper/f")
        sh(wire, "cd %s; echo 3 >> there/deeper/f" % root)
        told(wire, stream, "m there/deeper/f")
        sh(wire, "cd %s; mv there ../elsewhere; echo 4 >> ../elsewhere/deeper/f; rm -r old; touch last" % root)
        told(wire, stream, "r there", "r old/er/g", "r old/er", "r old", "c last")
        assert not any("node_modules/" in each or "elsewhere" in each for each in changes(wire, stream)), changes(wire, stream)
        equal(changes(wire, stream).count("m there/deeper/f"), 1)
        stop(wire, stream)
        sh(wire, "cd %s; for i in 1 2 3 4 5 6; do mkdir many$i; done; mkdir many1/x" % root)
        fails(wire.run(root, "--recursive", "--limit=5", builtin=WATCH), "ENOSPC " + root)
        stream = watch(wire, root, "--recursive", "--limit=12", "--exclude=node_modules")
        sh(wire, "cd %s; for i in a b c d e f g h i j k l m n o p; do mkdir more$i; done" % root)
        told(wire, stream, "o morep")
        stop(wire, stream)
        sh(wire, "rm -r %s %s/elsewhere" % (root, place.workspace))


@test()
def tells_what_it_missed(place):
    root = place.workspace + "/flood"
    with Session(place) as wire:
        sh(wire, "mkdir " + root)
        wire.auto_ack = False
        stream = watch(wire, root, "--recursive", "--limit=100")
        # Two by turns: the kernel puts the same event together with the one before.
        sh(wire, "cd %s; long=$(printf %%0120d 0); i=0; while [ $i -lt 40000 ]; do i=$((i + 1)); : > $long; : > x$long; done; mkdir new" % root, timeout=60)
        wire.auto_ack = True
        wire.ack(stream, 1)
        told(wire, stream, "o .")
        sh(wire, "touch %s/new/found" % root)
        told(wire, stream, "c new/found")
        stop(wire, stream)
        sh(wire, "rm -r " + root)
