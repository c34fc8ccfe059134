"""What init refuses, and where its bounds are."""

import os
import select

from harness import ARGUMENTS, Session, equal, test
from wire import *  # noqa: F403


@test()
def keeps_to_the_number_of_commands(place):
    with Session(place, max_commands=3) as wire:
        streams = [wire.start("sleep", "1000") for _ in range(3)]
        it = wire.run("true", done=False)
        equal((it["end"]["cause"], strerror(it["end"])), ("not_started", "EAGAIN"))
        wire.send(CANCEL, streams[0], u32(0))
        wire.until(streams[0], "end")
        equal(strerror(wire.run("true", done=False)["end"]), "EAGAIN")
        wire.send(DONE, streams[0])
        equal(wire.run("true")["end"]["code"], 0)


def refused(place, name, make, reason):
    with Session(place) as wire:
        stream = wire.start("cat", flags=1)
        wire.until(stream, "started")
        wire.send_raw(make(wire, stream))
        equal((name, wire.fault()[1]), (name, reason))
        # It hunts now: a frame that was good before is nothing to it.
        wire.send(EXEC, 5, exec_payload("after", "true"))
        old = frame(wire.keys[0], ATTACH, 0, 1, 1, bytes(16))
        wire.attach(epoch=9, prefix=old)
        equal([known["id"] for known in wire.commands if known["id"] == "after"], [])
        equal(wire.run("echo", "x")["out"][1], b"x\n")


@test()
def answers_violations(place):
    def good(wire, stream, **changes):
        wire.sequence += 1
        values = dict(kind=STDIN, stream=stream, epoch=wire.epoch, sequence=wire.sequence, payload=u64(0) + b"x")
        values.update(changes)
        return frame(wire.keys[0], **values)

    flipped = lambda data: data[:-1] + bytes([data[-1] ^ 1])
    for name, make, reason in [
        ("magic", lambda w, s: b"GBX2" + bytes(100), "magic"),
        ("length", lambda w, s: good(w, s, length=262145), "length"),
        ("mac", lambda w, s: flipped(good(w, s)), "mac"),
        ("reflected", lambda w, s: frame(w.keys[1], PING, 0, 1, w.sequence + 1, u64(1)), "mac"),
        ("epoch", lambda w, s: good(w, s, epoch=2), "epoch"),
        ("replay", lambda w, s: good(w, s) + frame(w.keys[0], STDIN, s, w.epoch, w.sequence, u64(0) + b"x"), "sequence"),
        ("gap", lambda w, s: good(w, s, sequence=w.sequence + 2), "sequence"),
        ("reserved", lambda w, s: good(w, s, reserved=1), "reserved"),
        ("flags", lambda w, s: good(w, s, flags=2), "reserved"),
        ("type", lambda w, s: good(w, s, kind=0x20), "type"),
        ("stream", lambda w, s: good(w, 0), "stream"),
        ("longer", lambda w, s: good(w, s, payload=u64(0) + bytes(262144 - 55)), "payload"),
        ("payload", lambda w, s: good(w, s, kind=ACK, payload=bytes(16)), "payload"),
        ("exec", lambda w, s: good(w, 9, kind=EXEC, payload=b"\x01"), "payload"),
        ("stream in use", lambda w, s: good(w, s, kind=EXEC, payload=exec_payload("other", "true")), "stream"),
        ("signal", lambda w, s: good(w, s, kind=SIGNAL, payload=u32(65) + u32(0)), "payload"),
        ("stdin offset", lambda w, s: good(w, s, payload=u64(1) + b"x"), "window"),
        ("ack beyond", lambda w, s: good(w, s, kind=ACK, payload=b"\1" + bytes(7) + u64(1)), "window"),
        ("resume beyond", lambda w, s: good(w, s, kind=RESUME, payload=u64(0) + u64(9)), "window"),
        ("done too early", lambda w, s: good(w, s, kind=DONE, payload=b""), "state"),
    ]:
        if place.name == "container" and name not in ("mac", "replay", "type"):
            continue
        refused(place, name, make, reason)


@test()
def takes_stdin_in_the_longest_frames(place):
    LONG = 262144 - 56
    with Session(place) as wire:
        assert wire.hello["features"] & 1024
        stream = wire.start("wc", "-c", flags=1)
        for at in range(0, 3 * LONG, LONG):
            wire.send(STDIN, stream, u64(at) + bytes(LONG), flags=int(at > LONG))
        wire.until(stream, "end")
        equal(bytes(wire.streams[stream]["out"][1]).strip(), b"%d" % (3 * LONG))


@test()
def holds_the_host_to_its_stdin_window(place):
    with Session(place) as wire:
        stream = wire.start("sleep", "1000", flags=1)
        wire.until(stream, "started")
        # One window goes into the pipe, which has room for as much, and counts as taken; another one waits in init, and that is all.
        for sent in range(0, 2 * STDIN_WINDOW, 65536):
            wire.send(STDIN, stream, u64(sent) + bytes(65536))
        wire.ping()
        equal(wire.streams[stream]["stdin"], STDIN_WINDOW)
        wire.send(STDIN, stream, u64(2 * STDIN_WINDOW) + b"x")
        equal(wire.fault()[1], "window")


@test()
def drops_what_is_for_a_stream_that_it_does_not_know(place):
    with Session(place) as wire:
        wire.send(STDIN, 99, u64(0) + b"x")
        wire.send(CANCEL, 99, u32(0))
        wire.send(DONE, 99)
        equal(wire.ping()["commands"], 0)


@test()
def answers_a_flood_of_pings_within_bounds(place):
    with Session(place) as wire:
        pings = b"".join(wire.make(PING, 0, u64(i)) for i in range(20000))
        sent = 0
        # Nobody reads until nothing more goes in.
        while sent < len(pings) and select.select([], [wire.write_fd], [], 0.5)[1]:
            sent += os.write(wire.write_fd, pings[sent : sent + 4096])
        answers = 0
        while answers < 20000:
            if sent < len(pings) and select.select([], [wire.write_fd], [], 0)[1]:
                sent += os.write(wire.write_fd, pings[sent : sent + 4096])
            kind, _, _, payload = wire.receive()
            equal((kind, struct.unpack_from("<Q", payload)[0]), (PONG, answers))
            answers += 1
        resident = wire.ping()["resident"]
        assert ARGUMENTS.sanitized or resident < 2 << 20, resident
