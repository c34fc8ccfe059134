"""What a command gets, and what of it comes back."""

import os
import re

from harness import Session, equal, sh, test
from wire import *  # noqa: F403


@test()
def says_hello(place):
    with Session(place) as wire:
        equal(wire.hello["version"], 1)
        equal(wire.hello["commands"], 0)
        names = {1: "sub-reaper", 2: "proc", 4: "memory", 8: "pids", 16: "seccomp", 32: "not-dumpable", 64: "openat2", 128: "no-new-privs", 256: "cgroup-v2"}
        print("   features: " + " ".join(name for bit, name in names.items() if wire.hello["features"] & bit))
        assert wire.hello["features"] & (1 | 2 | 16 | 32 | 128) == 1 | 2 | 16 | 32 | 128


@test()
def runs_a_command(place):
    with Session(place) as wire:
        it = sh(wire, "echo out; echo err >&2; exit 7")
        equal((it["out"][1], it["out"][2]), (b"out\n", b"err\n"))
        equal((it["end"]["cause"], it["end"]["code"], it["end"]["tree"], it["end"]["stdout"], it["end"]["stderr"]), ("exited", 7, 1, 4, 4))
        assert it["started"][0] > 0 and it["started"][1] > 0
        it = sh(wire, "echo out; echo err >&2", flags=2)
        equal(sorted(it["out"][1].split()), [b"err", b"out"])
        it = sh(wire, "kill -USR1 $$")
        equal((it["end"]["cause"], it["end"]["signal"]), ("signalled", 10))
        equal(wire.run("printf", "%s|", "", "a b", "*")["out"][1], b"|a b|*|")


@test()
def says_why_it_did_not_start(place):
    with Session(place) as wire:
        for arguments, options, error in [(("nonesuch",), {}, "ENOENT"), (("/etc/passwd",), {}, "EACCES"), (("",), {}, "ENOENT"), (("true",), {"cwd": "/nonesuch"}, "ENOENT"), (("true",), {"env": ("PATH=/nonesuch",)}, "ENOENT"), (("x",), {"builtin": 99}, "ENOSYS")]:
            it = wire.run(*arguments, **options)
            equal((it["end"]["cause"], strerror(it["end"]), it["end"]["tree"], it["started"]), ("not_started", error, 1, None))
        equal(wire.ping()["commands"], 0)


@test()
def gives_what_was_said_and_no_more(place):
    with Session(place) as wire:
        equal(wire.run("env", env=("A=1", "B=x=y"))["out"][1], b"A=1\nB=x=y\n")
        equal(wire.run("pwd", cwd="/etc")["out"][1], b"/etc\n")
        equal(sh(wire, "ls /proc/self/fd")["out"][1].split(), [b"0", b"1", b"2", b"3"])
        equal(sh(wire, "umask; ulimit -c; ulimit -n; ulimit -f", nofile=77, fsize=1 << 20)["out"][1].split(), [b"0022", b"0", b"77", b"2048"])
        status = sh(wire, "cat /proc/self/status")["out"][1].decode()
        for name in ("SigBlk", "SigIgn", "SigCgt"):
            equal(int(re.search(name + r":\s*([0-9a-f]+)", status).group(1), 16), 0)
        assert "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status
        equal(sh(wire, "cat /proc/self/oom_score_adj")["out"][1], b"500\n")


@test()
def leads_a_session_of_its_own(place):
    with Session(place) as wire:
        session, pid = sh(wire, "cut -d' ' -f6 /proc/$$/stat; echo $$")["out"][1].split()
        equal(session, pid)


@test()
def feeds_stdin(place):
    data = os.urandom(1 << 20)
    with Session(place) as wire:
        it = wire.run("cat", stdin=data)
        assert it["out"][1] == data
        equal(wire.run("wc", "-c", stdin=b"")["out"][1].strip(), b"0")
        equal(wire.run("cat")["out"][1], b"")


@test()
def survives_a_command_that_closes_its_stdin(place):
    with Session(place) as wire:
        stream = wire.start("sh", "-c", "exec <&-; sleep 0.5; echo done", flags=1)
        it = wire.streams[stream]
        wire.until(stream, "stdin_flag")
        wire.send(STDIN, stream, u64(0) + b"x" * 1000)
        wire.until(stream, "stdin")
        equal((it["stdin"], it["stdin_flag"]), (1000, 1))
        wire.until(stream, "end")
        equal((it["end"]["cause"], it["out"][1]), ("exited", b"done\n"))
        it = wire.run("head", "-c", "5", stdin=b"y" * 300000)
        equal(it["out"][1], b"yyyyy")


@test()
def carries_every_byte(place):
    with Session(place) as wire:
        it = sh(wire, "head -c 20000000 /dev/zero | tr '\\0' 'a'; head -c 300000 /dev/zero >&2")
        equal((len(it["out"][1]), len(it["out"][2]), it["end"]["stdout"], it["end"]["stderr"]), (20000000, 300000, 20000000, 300000))
        assert it["out"][1].count(b"a") == 20000000


@test()
def signals(place):
    with Session(place) as wire:
        stream = wire.start("sh", "-c", "trap 'echo main' USR1; (trap 'echo child' USR1; echo ready; while :; do sleep 0.05; done) & echo ready; while :; do wait; done")
        it = wire.streams[stream]
        while it["out"][1].count(b"ready") < 2:
            wire.step()
        wire.send(SIGNAL, stream, u32(10) + u32(0))
        while b"main" not in it["out"][1]:
            wire.step()
        assert b"child" not in it["out"][1]
        wire.send(SIGNAL, stream, u32(9) + u32(0))
        wire.until(stream, "end")
        equal((it["end"]["cause"], it["end"]["signal"], it["end"]["tree"]), ("signalled", 9, 1))
        stream = wire.start("sh", "-c", "sleep 1000 & sleep 1000")
        wire.send(SIGNAL, stream, u32(15) + u32(0))  # before it can have started
        wire.until(stream, "end")
        equal(wire.streams[stream]["end"]["signal"], 15)


def says(wire, stream, text):
    while text not in wire.streams[stream]["out"][1]:
        wire.step()


@test()
def has_terminals(place):
    with Session(place) as wire:
        stream = wire.start("sh", "-c", "tty; stty size; read line; echo got $line; stty size; cat; echo over", flags=5)
        it = wire.streams[stream]
        while b"0 0" not in it["out"][1]:
            wire.step()
        wire.send(RESIZE, stream, struct.pack("<HH", 80, 24))
        wire.send(STDIN, stream, u64(0) + b"hello\n")
        while b"24 80" not in it["out"][1]:
            wire.step()
        wire.send(STDIN, stream, u64(6), 1)
        wire.until(stream, "end")
        assert b"/dev/pts/" in it["out"][1] and b"got hello" in it["out"][1] and b"over" in it["out"][1], it["out"]
        equal(it["end"]["code"], 0)


@test()
def gives_a_terminal_its_size_before_anything_runs(place):
    with Session(place) as wire:
        equal(wire.run("stty", "size", flags=4, size=132 | 43 << 16)["out"][1], b"43 132\r\n")


@test()
def controls_jobs(place):
    with Session(place) as wire:
        stream = wire.start("sh", "-c", "trap 'echo stopped; stty size' INT; trap 'echo resized; stty size' WINCH; echo ready; while :; do sleep 0.02; done", flags=4, size=80 | 24 << 16)
        says(wire, stream, b"ready")
        wire.send(RESIZE, stream, struct.pack("<HH", 100, 30))
        says(wire, stream, b"resized\r\n30 100")
        wire.send(STDIN, stream, u64(0) + b"\x03")
        says(wire, stream, b"stopped\r\n30 100")
        wire.send(STDIN, stream, u64(1) + b"\x1c")
        wire.until(stream, "end")
        equal((wire.streams[stream]["end"]["cause"], wire.streams[stream]["end"]["signal"]), ("signalled", 3))
        for redirected in ("exec </dev/null; cat", "stty raw; exec cat"):
            stream = wire.start("sh", "-c", "echo ready; %s; sleep 1000" % redirected, flags=4)
            says(wire, stream, b"ready")
            wire.send(STDIN, stream, u64(0), 1)
            wire.until(stream, "end")
            equal((wire.streams[stream]["end"]["cause"], wire.streams[stream]["end"].get("signal")), ("signalled", 1))
        stream = wire.start("sh", "-c", "trap '' HUP; echo ready; cat; sleep 1.3; echo on", flags=4)
        says(wire, stream, b"ready")
        wire.send(STDIN, stream, u64(0), 1)
        wire.until(stream, "end")
        equal((wire.streams[stream]["end"]["code"], wire.streams[stream]["out"][1]), (0, b"ready\r\non\r\n"))


@test()
def passes_what_steers_a_terminal(place):
    keys = bytes(byte for byte in range(256) if byte != 10)
    with Session(place) as wire:
        stream = wire.start("sh", "-c", "stty raw -echo; printf ready; head -c %d" % len(keys), flags=4)
        says(wire, stream, b"ready")
        wire.send(STDIN, stream, u64(0) + keys)
        wire.until(stream, "end")
        equal(bytes(wire.streams[stream]["out"][1]), b"ready" + keys)
