"""Under a keeper; and how fast it all is."""

import os
import socket
import subprocess
import time

from harness import Session, equal, sh, test
from wire import *  # noqa: F403


@test("direct")
def lives_under_a_keeper(place):
    path = place.workspace + "/keeper.sock"

    def connect():
        client = socket.socket(socket.AF_UNIX)
        client.connect(path)
        return client

    def start(ttl, *program):
        keeper = subprocess.Popen([place.binary, "--keeper", path, str(ttl), "--", *program], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        equal(keeper.stdout.readline(), b"listening\n")
        return keeper

    keys = (os.urandom(32), os.urandom(32))
    keeper = start(2, place.binary)
    equal(os.stat(path).st_mode & 0o777, 0o600)
    client = connect()
    wire = Wire(client.fileno(), client.fileno(), keys)
    wire.send_raw(preamble(keys))
    wire.attach()
    stream = wire.start("sh", "-c", "for i in $(seq 30000); do echo $i; done; sleep 1000", window=4194304)
    expected = b"".join(b"%d\n" % i for i in range(1, 30001))
    while wire.streams[stream]["offsets"][1] < 1000:
        wire.step()
    client.close()  # within whatever it was
    time.sleep(0.3)
    client = connect()
    wire.read_fd = wire.write_fd = client.fileno()
    wire.buffer.clear()
    wire.attach()
    wire.resume(stream, 0, 0)
    start_at, command = wire.commands[0]["stdout_from"], wire.commands[0]["pid"]
    while wire.streams[stream]["offsets"][1] < len(expected):
        wire.step()
    assert wire.streams[stream]["out"][1] == expected[start_at:]
    second = connect()
    equal(client.recv(1 << 20)[:0], b"")
    wire.read_fd = wire.write_fd = second.fileno()
    wire.buffer.clear()
    wire.attach()
    equal(wire.run("echo", "second")["out"][1], b"second\n")
    second.close()
    started = time.monotonic()
    equal(keeper.wait(10), 137)
    assert 1.5 < time.monotonic() - started < 4
    assert not os.path.exists(path)
    os.killpg(command, 9)  # bubblewrap's namespace would have ended it
    equal(start(5, "sh", "-c", "exit 3").wait(5), 3)
    keeper = start(5, place.binary)
    client = connect()
    wire = Wire(client.fileno(), client.fileno(), keys)
    wire.send_raw(preamble(keys))
    wire.attach()
    wire.send(SHUTDOWN)
    equal(keeper.wait(5), 0)
    keeper = start(60, "sleep", "1000")
    keeper.kill()
    keeper.wait()
    os.unlink(path)


@test("direct")
def mounts_places_that_count_files(place):
    folder = place.workspace + "/place"
    os.mkdir(folder)

    def start(*arguments):
        return subprocess.run([place.binary, "--places", *arguments], capture_output=True, text=True)

    # The folder itself is one of them.
    fill = "cd %s && for i in 1 2 3 4 5; do echo > f$i || exit 3; done" % folder
    filled = start(folder, "size=1m,nr_inodes=4,mode=0700", "--", "/bin/sh", "-c", fill)
    assert filled.returncode != 0 and "No space left" in filled.stderr, filled
    equal(os.listdir(folder), [])
    equal(start("--", "/bin/sh", "-c", "exit 3").returncode, 3)
    for bad in ((folder,), (folder, "size=1m"), (folder, "nonsense=1", "--", "/bin/true"), (folder + "/x", "size=1m", "--", "/bin/true"), ("--",)):
        equal(start(*bad).returncode in (64, 125), True)
    os.rmdir(folder)


@test()
def is_quick(place):
    with Session(place) as wire:
        times = []
        for _ in range(500):
            started = time.perf_counter()
            wire.run("/bin/true")
            times.append((time.perf_counter() - started) * 1000)
        local = []
        for _ in range(200):
            started = time.perf_counter()
            subprocess.run(["/bin/true"])
            local.append((time.perf_counter() - started) * 1000)
        times.sort(), local.sort()
        started = time.perf_counter()
        sh(wire, "head -c 200000000 /dev/zero", window=1 << 20, timeout=60)
        print("   /bin/true p50 %.2f ms, p95 %.2f ms (subprocess.run here: %.2f); output %.0f MB/s" % (times[250], times[475], local[100], 200 / (time.perf_counter() - started)))
