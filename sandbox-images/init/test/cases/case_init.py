"""The beginning and the end of init itself, and what must be out of reach of commands."""

import subprocess
import time

from harness import Session, equal, sh, test
from wire import *  # noqa: F403


@test()
def ends_as_it_should(place):
    def code_of(session, wait=10):
        return session.process.wait(wait)

    session = Session(place)
    stream = session.wire.start("sh", "-c", "trap '' TERM; sleep 1000")
    session.wire.until(stream, "started")
    session.wire.send(SHUTDOWN)
    equal(code_of(session), 0)
    session = Session(place)
    session.wire.start("sh", "-c", "setsid sleep 1000 & sleep 1000")
    session.wire.until(1, "started")
    if place.name != "container":
        session.process.stdin.close()
        equal(code_of(session), 72)
    session = Session(place, grace_ms=400)
    session.wire.start("sleep", "1000")
    started = time.monotonic()
    equal(code_of(session), 71)
    assert 0.3 < time.monotonic() - started < 4
    session = Session(place, grace_ms=600)
    for _ in range(10):
        session.wire.ping()
        time.sleep(0.15)
    for _ in range(5):
        session.wire.attach()
        time.sleep(0.2)
    # What is not believed keeps nobody alive.
    started = time.monotonic()
    while session.process.poll() is None and time.monotonic() - started < 5:
        try:
            session.wire.send_raw(frame(bytes(32), PING, 0, 1, 99, u64(1)))
        except OSError:
            break
        time.sleep(0.05)
    equal(code_of(session), 71)


@test("direct")
def wants_a_preamble(place):
    keys = (bytes(32), bytes(32))
    for data in (b"", b"GET / HTTP/1.1\r\n\r\n" + bytes(200), preamble(keys)[:50], preamble(keys)[:80] + u32(4097) + bytes(4097), preamble(keys)[:80] + u32(6) + field(9, b""), preamble(keys, grace_ms=0)):
        equal(subprocess.run(place.command(), input=data, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode, 70)
    equal(subprocess.run(place.command(), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode, 70)


@test("direct")
def does_nothing_when_there_is_nothing_to_do(place):
    session = Session(place)
    with session as wire:
        def ticks():
            text = open("/proc/%d/stat" % session.process.pid).read()
            fields = text[text.rindex(")") + 2 :].split()
            switches = sum(int(line.split()[1]) for line in open("/proc/%d/status" % session.process.pid) if "ctxt_switches" in line)
            return int(fields[11]) + int(fields[12]), switches

        wire.auto_ack = False
        # One that writes on, one that has closed what init does not read, one that has closed everything, one that does not read.
        streams = [wire.start("yes", window=4096), wire.start("sh", "-c", "head -c 50000 /dev/zero; exec >&- 2>&-; sleep 1000", window=4096), wire.start("sh", "-c", "exec >&- 2>&- <&-; sleep 1000", flags=1), wire.start("sleep", "1000", flags=1), wire.start("sh", "-c", "sleep 1000", flags=5)]
        wire.send(STDIN, streams[3], u64(0) + bytes(65536))
        for stream in streams:
            wire.until(stream, "started")
        time.sleep(0.3)
        used, switches = ticks()
        time.sleep(1)
        used_after, switches_after = ticks()
        equal(used_after - used, 0)
        assert switches_after - switches < 5, switches_after - switches


@test()
def keeps_the_kernel_out_of_reach(place):
    numbers = {"unshare": (272, 0x10000000), "setns": (308, 0, 0), "mount": (165, 0, 0, 0, 0, 0), "bpf": (321, 0, 0, 0), "keyctl": (250, 0, 0), "userfaultfd": (323, 0), "chroot": (161, 0), "personality": (135, 8), "perf": (298, 0, 0, 0, 0, 0), "clone": (56, 0x10000011, 0, 0, 0, 0), "kcmp": (312, 1, 1, 0, 0, 0), "open_tree": (428, 0, 0, 0), "syslog": (103, 2, 0, 0)}
    absent = {"clone3": (435, 0, 0), "io_uring_setup": (425, 1, 0), "x32 getpid": (0x40000000 + 39,)}
    families = {"packet": (41, 17, 3, 0), "vsock": (41, 40, 1, 0), "alg": (41, 38, 5, 0), "netlink audit": (41, 16, 3, 9)}
    allowed = {"unix": (41, 1, 1, 0), "inet": (41, 2, 1, 0), "netlink route": (41, 16, 3, 0), "personality query": (135, 0xFFFFFFFF)}
    with Session(place) as wire:
        def call(arguments):
            it = wire.run("perl", "-e", "$! = 0; my $r = syscall(%s); print $r < 0 ? $!+0 : 0; exit 0" % ", ".join(map(str, arguments)))
            return int(it["out"][1] or -1)

        for name, arguments in numbers.items():
            equal((name, call(arguments)), (name, 1))
        for name, arguments in absent.items():
            equal((name, call(arguments)), (name, 38))
        for name, arguments in families.items():
            equal((name, call(arguments)), (name, 97))
        for name, arguments in allowed.items():
            equal((name, call(arguments)), (name, 0))
        it = wire.run("perl", "-e", "my $c = 'x'; ioctl(STDIN, 0x5412, $c) or print $!+0", flags=5)
        equal(it["out"][1], b"1")


@test("container", "bubblewrap")
def keeps_its_keys_to_itself(place):
    with Session(place) as wire:
        for path in ("/proc/1/fd/0", "/proc/1/fd/1", "/proc/1/mem", "/proc/1/environ", "/proc/1/maps"):
            it = sh(wire, "cat %s 2>&1 >/dev/null; cat < %s; echo x > %s" % (path, path, path), wall_ms=2000)
            assert b"ermission denied" in it["out"][1] and it["end"]["cause"] == "exited", (path, it)
        it = sh(wire, "cat /proc/$PPID/mem; cat /proc/$PPID/maps; ls -l /proc/$PPID/fd")
        equal(it["out"][1], b"")
        equal(it["out"][2].count(b"ermission denied"), 3)
        it = wire.run("perl", "-e", "print syscall(101, 16, 1, 0, 0) < 0 ? $!+0 : 0; print ' ', syscall(101, 16, getppid(), 0, 0) < 0 ? $!+0 : 0")
        equal(it["out"][1], b"1 1")
        it = sh(wire, "kill -9 1; kill -STOP 1; kill -CHLD 1; echo ok")
        equal(it["out"][1], b"ok\n")
        equal(wire.ping(3)["token"], 3)
