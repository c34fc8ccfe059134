"""What cgroups and full disks say."""

from harness import Session, equal, sh, test
from wire import *  # noqa: F403


HOG = "my @a; push @a, 'x' x 1000000 while 1;"


@test("container")
def says_when_memory_ran_out(place):
    with Session(place) as wire:
        it = wire.run("perl", "-e", HOG, timeout=60)
        equal((it["end"]["cause"], it["end"]["oom_kills"], it["end"]["oom_shared"], it["end"]["tree"]), ("memory", 1, 0, 1))
        assert it["end"]["max_rss"] > 100 << 20
        it = wire.run("sh", "-c", "perl -e '%s'; exit $?" % HOG.replace("'", "\"").replace('"x"', "chr(120)"), timeout=60)
        equal((it["end"]["cause"], it["end"]["code"]), ("memory", 137))
        neighbour = wire.start("sleep", "1000")
        it = wire.run("perl", "-e", HOG, timeout=60)
        equal((it["end"]["cause"], it["end"]["oom_shared"]), ("memory", 1))
        assert wire.streams[neighbour]["end"] is None
        it = wire.run("sh", "-c", "kill -9 $$")
        equal((it["end"]["cause"], it["end"]["oom_kills"]), ("signalled", 0))


@test("container")
def says_which_limits_were_hit(place):
    with Session(place) as wire:
        it = sh(wire, "i=0; while [ $i -lt 300 ]; do sleep 5 & i=$((i+1)); done 2>/dev/null; exit 0")
        assert it["end"]["hits"] & 1, it["end"]
        it = sh(wire, "head -c 100000000 /dev/zero > fill; exit 0", cwd="/workspace")
        equal(it["end"]["hits"] & 4, 4)
        it = sh(wire, "rm fill; i=0; while [ $i -lt 5000 ]; do : > f$i || exit 3; i=$((i+1)); done", cwd="/workspace")
        equal((it["end"]["hits"] & 8, it["end"]["code"] != 0), (8, True))
        it = sh(wire, "rm -f f*; exec head -c 100000 /dev/zero > big", cwd="/workspace", fsize=4096)
        equal((it["end"]["cause"], it["end"]["signal"], it["end"]["hits"]), ("signalled", 25, 16))
        equal(sh(wire, "true")["end"]["hits"], 0)
