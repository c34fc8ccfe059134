"""Hosts that die in the middle of something, and whoever comes after them."""

import os
import select
import time

from harness import Session, equal, sh, test
from wire import *  # noqa: F403


@test()
def resumes_at_the_byte(place):
    with Session(place) as wire:
        wire.auto_ack = False
        stream = wire.start("sh", "-c", "printf 0123456789; sleep 0.3; printf abcdefghij; printf err >&2; exit 4")
        it = wire.streams[stream]
        while it["offsets"][1] < 10:
            wire.step()
        wire.attach()
        equal(len(wire.commands), 1)
        known = wire.commands[0]
        equal((known["id"], known["stream"], known["stdout_from"]), (it["id"], stream, 0))
        time.sleep(0.6)
        assert not select.select([wire.read_fd], [], [], 0)[0], "nothing of a stream before RESUME"
        wire.resume(stream, 4, 0)
        wire.until(stream, "end")
        equal((wire.streams[stream]["out"][1], wire.streams[stream]["out"][2], wire.streams[stream]["end"]["code"]), (b"456789abcdefghij", b"err", 4))
        wire.attach()
        known = wire.commands[0]
        equal((known["state"], known["stdout_from"], known["stdout_to"], known["stderr_to"]), (2, 4, 20, 3))
        wire.resume(stream, 0, 3)  # from before what init still has
        wire.until(stream, "end")
        equal((wire.streams[stream]["gap"], wire.streams[stream]["out"][1], wire.streams[stream]["end"]["stdout"]), (4, b"456789abcdefghij", 20))
        wire.send(DONE, stream)
        wire.attach()
        equal(wire.commands, [])


@test()
def never_runs_an_id_twice(place):
    with Session(place) as wire:
        mark = place.workspace + "/twice"
        first = wire.start("sh", "-c", "echo run >> %s; echo out" % mark, id="same")
        wire.until(first, "end")
        wire.attach()
        again = wire.start("sh", "-c", "echo run >> %s; echo out" % mark, id="same")
        wire.until(again, "end")
        it = wire.streams[again]
        # The output was acknowledged, so it is gone; the result is not.
        equal((it["started"] is not None, it["offsets"][1], it["end"]["code"], it["end"]["stdout"]), (True, 0, 0, 4))
        wire.send(DONE, again)
        equal(sh(wire, "cat " + mark)["out"][1], b"run\n")
        running = wire.start("sh", "-c", "sleep 0.3; echo late", id="running")
        wire.until(running, "started")
        again = wire.start("sh", "-c", "sleep 0.3; echo late", id="running")
        wire.until(again, "end")
        equal(wire.streams[again]["out"][1], b"late\n")
        wire.send(DONE, again)
        sh(wire, "rm " + mark)
        equal(wire.ping()["commands"], 0)


@test()
def reattaches_in_the_middle_of_a_frame(place):
    with Session(place) as wire:
        stream = wire.start("cat", flags=1)
        wire.send(STDIN, stream, u64(0) + b"first\n")
        while wire.streams[stream]["out"][1] != b"first\n":
            wire.step()
        # The host dies within a chunk of stdin that carries an EXEC, sealed and in sequence, for whoever slides along.
        wire.sequence += 2
        hidden = frame(wire.keys[0], EXEC, 77, wire.epoch, wire.sequence - 1, exec_payload("hidden", "sh", "-c", "touch %s/hidden" % place.workspace))
        hidden += frame(wire.keys[0], EXEC, 78, wire.epoch + 1, 2, exec_payload("hidden2", "sh", "-c", "touch %s/hidden" % place.workspace))
        upload = frame(wire.keys[0], STDIN, stream, wire.epoch, wire.sequence - 1, u64(6) + hidden + os.urandom(50000))
        for cut in (31, 33, 39, 300, len(upload) - 1):
            wire.send_raw(upload[:cut])
            time.sleep(0.02)
            wire.attach()
            equal([known["stream"] for known in wire.commands], [stream])
        wire.attach(prefix=upload[:5000])  # and all in one write
        equal(wire.commands[0]["stdin"], 6)
        wire.resume(stream, 6, 0)
        wire.send(STDIN, stream, u64(6) + b"second\n", 1)
        wire.until(stream, "end")
        equal(wire.streams[stream]["out"][1], b"second\n")
        equal(sh(wire, "ls %s/hidden" % place.workspace)["end"]["code"], 2)


@test()
def reattaches_while_init_is_in_the_middle_of_a_frame(place):
    with Session(place) as wire:
        stream = wire.start("yes", window=1 << 20)
        got = 0
        for _ in range(10):
            time.sleep(0.05)  # it fills the pipe, and waits within a frame
            got += len(os.read(wire.read_fd, 30001))
            wire.buffer.clear()
            wire.attach()
            wire.resume(stream, 0, 0)
            wire.until(stream, "out")
            while wire.streams[stream]["offsets"][1] < 200000:
                wire.step()
        it = wire.streams[stream]
        assert it["out"][1][:100] in (b"y\n" * 50, b"\ny" * 50)
        equal(wire.ping()["commands"], 1)


@test()
def fences_an_older_host(place):
    with Session(place) as wire:
        old = frame(wire.keys[0], PING, 0, 1, 2, u64(1)) + frame(wire.keys[0], EXEC, 9, 1, 3, exec_payload("old", "true"))
        wire.attach(epoch=2)
        wire.send_raw(old)
        equal(wire.ping(8)["token"], 8)
        equal(wire.ping()["commands"], 0)
        wire.send_raw(frame(wire.keys[0], ATTACH, 0, 1, 1, bytes(16)))
        equal(wire.ping(9)["token"], 9)
