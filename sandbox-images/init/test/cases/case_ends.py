"""How commands end, and whoever tries not to."""

import os
import time

from harness import ARGUMENTS, Session, equal, sh, test, wait_until
from wire import *  # noqa: F403


@test()
def leaves_nothing_of_a_tree(place):
    with Session(place) as wire:
        marks = "glovebox-%d" % os.getpid()
        before = wire.ping()["processes"]
        started = time.monotonic()
        it = sh(wire, "(setsid sh -c 'sleep 1000; : %s' &) ; (sh -c 'trap \"\" TERM HUP; (sleep 1000 &); sleep 1000' &); echo done" % marks)
        assert time.monotonic() - started < 2
        equal((it["out"][1], it["end"]["cause"], it["end"]["tree"], it["end"]["marker_lost"]), (b"done\n", "exited", 1, 0))
        if place.name != "direct":
            wait_until(lambda: wire.ping()["processes"] == before)


@test()
def ends_though_somebody_else_holds_the_pipe(place):
    with Session(place) as wire:
        keeper = wire.start("sh", "-c", "while [ ! -e %s/pid ]; do sleep 0.02; done; exec 9> /proc/$(cat %s/pid)/fd/1; echo held; yes intruder >&9" % (place.workspace, place.workspace))
        holder = wire.start("sh", "-c", "echo $$ > %s/pid; echo mine; sleep 0.5" % place.workspace)
        wire.until(holder, "end")
        equal((wire.streams[holder]["end"]["cause"], wire.streams[holder]["end"]["tree"]), ("exited", 1))
        assert wire.streams[holder]["out"][1].startswith(b"mine\n")
        wire.send(CANCEL, keeper, u32(0))
        wire.until(keeper, "end")
        assert b"held" in wire.streams[keeper]["out"][1] or wire.streams[keeper]["out"][2], wire.streams[keeper]
        sh(wire, "rm %s/pid" % place.workspace)


@test()
def stops_at_the_deadline(place):
    with Session(place) as wire:
        started = time.monotonic()
        it = sh(wire, "echo a; sleep 1000", wall_ms=300)
        assert 0.25 < time.monotonic() - started < 1
        equal((it["out"][1], it["end"]["cause"], it["end"]["signal"], it["end"]["tree"]), (b"a\n", "timeout", 9, 1))
        it = sh(wire, "trap 'echo term; exit 3' TERM; while :; do sleep 0.02; done", wall_ms=200, grace_ms=5000)
        equal((it["out"][1], it["end"]["cause"], it["end"]["code"]), (b"term\n", "timeout", 3))
        started = time.monotonic()
        it = sh(wire, "trap '' TERM; while :; do sleep 0.05; done", wall_ms=200, grace_ms=300)
        assert 0.45 < time.monotonic() - started < 1.5
        equal((it["end"]["cause"], it["end"]["signal"], it["end"]["tree"]), ("timeout", 9, 1))
        it = sh(wire, "kill -STOP $$", wall_ms=200)
        equal((it["end"]["cause"], it["end"]["tree"]), ("timeout", 1))


@test()
def is_cancelled(place):
    with Session(place) as wire:
        stream = wire.start("sleep", "1000")
        wire.send(CANCEL, stream, u32(0))
        wire.until(stream, "end")
        equal((wire.streams[stream]["end"]["cause"], wire.streams[stream]["end"]["tree"]), ("cancelled", 1))
        stream = wire.start("sh", "-c", "trap 'exit 0' TERM; echo ready; while :; do sleep 0.02; done")
        while not wire.streams[stream]["out"][1]:
            wire.step()
        wire.send(CANCEL, stream, u32(5000))
        wire.until(stream, "end")
        equal((wire.streams[stream]["end"]["cause"], wire.streams[stream]["end"]["code"]), ("cancelled", 0))
        stream = wire.start("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.02; done")
        while not wire.streams[stream]["out"][1]:
            wire.step()
        wire.send(CANCEL, stream, u32(60000))
        wire.send(CANCEL, stream, u32(0))
        wire.until(stream, "end", 2)


@test()
def counts_the_cpu_time_of_the_tree(place):
    with Session(place) as wire:
        started = time.monotonic()
        it = sh(wire, "for i in 1 2; do sh -c 'while :; do :; done' & done; wait", cpu_ms=600, timeout=20)
        equal((it["end"]["cause"], it["end"]["tree"]), ("cpu_time", 1))
        used = it["end"]["user_us"] + it["end"]["system_us"]
        assert 500000 < used < 1200000, used
        it = sh(wire, "i=0; while [ $i -lt 60 ]; do sh -c 'i=0; while [ $i -lt 9000 ]; do i=$((i+1)); done'; i=$((i+1)); done", cpu_ms=200)
        equal(it["end"]["cause"], "cpu_time")
        assert time.monotonic() - started < 15


@test()
def limits_output(place):
    with Session(place) as wire:
        it = sh(wire, "yes", output_bytes=100000)
        equal((it["end"]["cause"], it["end"]["stdout"], len(it["out"][1]), it["end"]["tree"]), ("output", 100000, 100000, 1))
        assert it["end"]["dropped"] > 0
        it = sh(wire, "head -c 5000000 /dev/zero; echo end >&2", output_bytes=100000, flags=8, window=4096)
        equal((it["end"]["cause"], it["end"]["code"], it["end"]["stdout"], it["end"]["dropped"]), ("exited", 0, 100000, 4900004))
        it = sh(wire, "head -c 1000 /dev/zero", output_bytes=1000)
        equal((it["end"]["cause"], it["end"]["stdout"], it["end"]["dropped"]), ("exited", 1000, 0))
        for _ in range(20):
            it = sh(wire, "head -c 1001 /dev/zero", output_bytes=1000)
            equal((it["end"]["cause"], it["end"]["stdout"], it["end"]["dropped"]), ("output", 1000, 1))
        it = sh(wire, "trap '' PIPE TERM; while :; do echo flood; done", output_bytes=1000, grace_ms=200)
        equal((it["end"]["cause"], it["end"]["signal"]), ("output", 9))


@test()
def keeps_to_the_window(place):
    with Session(place) as wire:
        wire.auto_ack = False
        flood = wire.start("yes", window=8192)
        it = wire.streams[flood]
        while it["offsets"][1] < 8192:
            wire.step()
        other = wire.run("echo", "alive")
        equal(other["out"][1], b"alive\n")
        equal(it["offsets"][1], 8192)
        try:
            wire.step(0.3)
            raise AssertionError("beyond the window")
        except Timeout:
            pass
        for _ in range(50):
            before = it["offsets"][1]
            wire.ack(flood, 1)
            while it["offsets"][1] < before + 8192:
                wire.step()
            equal(it["offsets"][1], before + 8192)
        assert it["out"][1] == b"y\n" * (len(it["out"][1]) // 2)
        wire.send(CANCEL, flood, u32(0))
        # What the pipe held still comes, window by window.
        while it["end"] is None:
            wire.ack(flood, 1)
            wire.step()
        equal((it["end"]["cause"], it["end"]["stdout"]), ("cancelled", it["offsets"][1]))


@test()
def stays_small_while_nobody_reads(place):
    with Session(place) as wire:
        idle = wire.ping()["resident"]
        streams = [wire.start("yes", "%d" % i) for i in range(8)]
        time.sleep(1)  # a reader that is not there
        for stream in streams:
            while wire.streams[stream]["offsets"][1] < 4000000:
                wire.step()
        busy = wire.ping()["resident"]
        for stream in streams:
            wire.send(CANCEL, stream, u32(0))
        for stream in streams:
            wire.until(stream, "end")
            equal(wire.streams[stream]["end"]["cause"], "cancelled")
            wire.send(DONE, stream)
        after = wire.ping()["resident"]
        print("   resident: idle %d KiB, eight floods %d KiB, after %d KiB" % (idle >> 10, busy >> 10, after >> 10))
        if not ARGUMENTS.sanitized:
            assert idle < 1 << 20 and busy < 5 << 20 and after < 2 << 20


@test()
def a_thousand_commands_leave_no_zombie(place):
    with Session(place) as wire:
        before = wire.ping()["processes"]
        for i in range(0, 1000, 20):
            streams = [wire.start("/bin/true") for _ in range(20)]
            for stream in streams:
                wire.until(stream, "end")
                equal(wire.streams[stream]["end"]["code"], 0)
                wire.send(DONE, stream)
        if place.name != "direct":
            wait_until(lambda: wire.ping()["processes"] == before)
        zombies = sh(wire, "for f in /proc/[0-9]*/stat; do read -r s < $f && echo \"$s\"; done 2>/dev/null | grep -c '(true) Z'")
        equal(zombies["out"][1].strip(), b"0")
        pong = wire.ping()
        print("   resident after it: %d KiB" % (pong["resident"] >> 10))


@test()
def notices_that_a_marker_was_killed(place):
    with Session(place) as wire:
        neighbour = wire.start("sh", "-c", "sleep 1.5; echo alive")
        wire.until(neighbour, "started")
        started = time.monotonic()
        it = sh(wire, "(setsid sleep 1000 &) ; echo x; kill -9 $PPID; sleep 1000")
        assert time.monotonic() - started < 2
        equal((it["out"][1], it["end"]["cause"], it["end"]["marker_lost"], it["end"]["tree"]), (b"x\n", "signalled", 1, 1))
        if place.name != "direct":
            equal(wire.ping()["processes"], 4)  # init, and the neighbour's marker, shell and sleep
        wire.until(neighbour, "end")
        equal((wire.streams[neighbour]["end"]["cause"], wire.streams[neighbour]["out"][1]), ("exited", b"alive\n"))


@test()
def notices_that_a_marker_was_stopped(place):
    with Session(place) as wire:
        it = sh(wire, "kill -STOP $PPID; sleep 0.1; echo x", timeout=5)
        equal((it["end"]["cause"], it["end"]["code"], it["end"]["marker_lost"], it["end"]["tree"]), ("exited", 0, 0, 1))
        it = sh(wire, "kill -STOP $PPID; sleep 0.2; kill -STOP $PPID; sleep 1000", timeout=5)
        equal((it["end"]["cause"], it["end"]["marker_lost"], it["end"]["tree"]), ("signalled", 1, 1))


@test("container", "bubblewrap")
def survives_a_command_that_kills_everything_it_can(place):
    with Session(place) as wire:
        neighbour = wire.start("sleep", "1000")
        wire.until(neighbour, "started")
        it = sh(wire, "kill -9 -1; sleep 0.2; echo still here")
        assert it["end"]["cause"] in ("signalled", "exited"), it
        wire.until(neighbour, "end")
        end = wire.streams[neighbour]["end"]
        # Its status may go down with its marker.
        equal((end["cause"], end.get("signal", 9), end["marker_lost"], end["tree"]), ("signalled", 9, 1, 1))
        equal(wire.run("echo", "next")["out"][1], b"next\n")
        wait_until(lambda: wire.ping()["processes"] == 1)


@test("container")
def survives_a_fork_bomb(place):
    bomb = "b() { b | b & }; b; sleep 1000"
    with Session(place) as wire:
        for options, cause in (({"wall_ms": 1500}, "timeout"), ({"nproc": 100, "wall_ms": 1500}, "timeout")):
            started = time.monotonic()
            it = sh(wire, bomb, timeout=60, output_bytes=65536, flags=8, **options)
            took = time.monotonic() - started
            equal((it["end"]["cause"], it["end"]["tree"]), (cause, 1))
            print("   over after %.2f s, hits %d" % (took, it["end"]["hits"]))
            if "nproc" not in options and wire.hello["features"] & 8:
                assert it["end"]["hits"] & 1
            assert took < 8, took
        it = sh(wire, "trap '' TERM; b() { trap '' TERM; (setsid sh -c \"$0\" &); b & b; }; b", wall_ms=1000, timeout=60, output_bytes=65536, flags=8)
        equal(it["end"]["tree"], 1)
        wait_until(lambda: wire.ping()["processes"] == 1)
        equal(wire.run("echo", "next")["out"][1], b"next\n")


HOPPER = r"""
use POSIX; open(STDOUT, '>/dev/null'); $| = 1;
for (1..40) { my $p = fork(); next if !defined($p) || $p; POSIX::setsid(); while (1) { my $q = fork(); POSIX::_exit(0) if $q; } }
%s sleep 1000;
"""


@test("container", "bubblewrap")
def catches_processes_that_hop_from_pid_to_pid(place):
    with Session(place) as wire:
        neighbour = wire.start("perl", "-e", "select(undef, undef, undef, 0.1) for 1..20; print 'alive'")
        wire.until(neighbour, "started")
        it = wire.run("perl", "-e", HOPPER % "", wall_ms=1000, timeout=60)
        equal((it["end"]["cause"], it["end"]["tree"]), ("timeout", 1))
        it = wire.run("perl", "-e", HOPPER % "select(undef, undef, undef, 0.3); kill 9, getppid();", wall_ms=1000, timeout=60)
        print("   without its marker: %s after %.2f s, tree %d" % (it["end"]["cause"], it["end"]["wall_us"] / 1e6, it["end"]["tree"]))
        equal((it["end"]["marker_lost"], it["end"]["tree"]), (1, 1))
        wire.until(neighbour, "end")
        equal((wire.streams[neighbour]["end"]["cause"], wire.streams[neighbour]["out"][1]), ("exited", b"alive"))
        wait_until(lambda: wire.ping()["processes"] == 1)
