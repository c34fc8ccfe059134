#!/usr/bin/env python3
"""Prints wire.txt. Written from docs/wire.md alone, and shares no code with either end of the wire.

A line is a word and `name=value` pairs, separated by single spaces. Bytes are hex; numbers decimal; `-` is no bytes.

  keys     host=  init=                      of all that follow
  frame    name= dir= type= flags= stream= epoch= sequence= payload= frame=
           building the frame gives exactly those bytes, and receiving them at this epoch and sequence gives the fields
  receive  name= dir= epoch= sequence= bytes= expect=
           a receiver that has believed `sequence` of `epoch` gets these bytes. expect: need_more, dropped, or the reason of a
           violation (magic, length, mac, epoch, sequence, reserved, type, stream, payload)
  hunt     name= dir= epoch= [nonce=] bytes= expect= [found_epoch=] [found_nonce=] [rest=]
           a hunter at `epoch` gets these bytes. expect: found (the frame ends `rest` bytes before the end) or nothing.
           dir=host: init hunts for an ATTACH of a higher epoch; dir=init: the host hunts for a HELLO of its epoch and nonce
  inside   name= epoch= sequence= bytes= found_epoch= rest=
           as hunt, but the receiver is not hunting: it believes `sequence` of `epoch`, and a frame that is not whole holds the ATTACH
"""

import hashlib
import struct

import chacha20_poly1305

HOST = hashlib.blake2b(b"glovebox vectors: host to init", digest_size=32).digest()
INIT = hashlib.blake2b(b"glovebox vectors: init to host", digest_size=32).digest()
KEYS = {"host": HOST, "init": INIT}
MAGIC = 0x31584247
NONCE = bytes(range(16))
OTHER_NONCE = bytes(range(16, 32))


def build(direction, kind, stream=0, epoch=1, sequence=2, payload=b"", flags=0, magic=MAGIC, length=None, r16=0, r32=0, key=None):
    length = len(payload) if length is None else length
    header = struct.pack("<IIBBHIIIQ", magic, length, kind, flags, r16, stream, epoch, r32, sequence)
    nonce = struct.pack("<IQ", epoch, sequence)
    return header + payload + chacha20_poly1305.tag(key or KEYS[direction], nonce, header + payload)


def hexed(data):
    return data.hex() or "-"


def u32(value):
    return struct.pack("<I", value)


def u64(value):
    return struct.pack("<Q", value)


def field(tag, value):
    return struct.pack("<HI", tag, len(value)) + value


EXEC = b"".join([
    field(1, b"run-7_A"), field(2, b"sh"), field(2, b"-c"), field(2, b""), field(3, b"PATH=/usr/bin:/bin"), field(3, b"EMPTY="),
    field(4, b"/workspace"), field(5, u32(120000)), field(6, u32(60000)), field(7, u64(1 << 20)), field(8, u32(1)),
    field(9, u32(65536)), field(10, u32(2000)), field(11, u32(1024)), field(12, u64(1 << 31)), field(13, u32(256)),
])
TERMINAL = b"".join([
    field(1, b"run-7_B"), field(2, b"top"), field(3, b"TERM=xterm"), field(4, b"/workspace"), field(5, u32(0)), field(8, u32(5)), field(9, u32(262144)),
    field(15, u32(24 << 16 | 80)),
])
WATCH = b"".join([
    field(1, b"run-7_C"), field(2, b"/workspace"), field(2, b"--recursive"), field(4, b"/workspace"), field(5, u32(0)), field(8, u32(0)), field(9, u32(262144)),
    field(14, u32(11)),
])
END = b"".join([
    field(1, u32(1)), field(2, u32(0)), field(5, u32(0)), field(6, u32(0)), field(7, u32(0)), field(8, u64(1200)), field(9, u64(800)),
    field(10, u64(4 << 20)), field(11, u64(2500)), field(12, u64(6)), field(13, u64(0)), field(14, u64(0)), field(15, u32(1)), field(16, u32(0)),
])
COMMAND = b"".join([
    field(1, b"run-7_A"), field(2, u32(1)), field(3, u64(0)), field(4, u64(6)), field(5, u64(0)), field(6, u64(0)), field(7, u64(0)),
    field(8, u32(262144)), field(9, u32(17)),
])
HELLO = NONCE + u32(1) + u32(511) + u32(12345) + u32(0) + u64(250) + u32(0) + bytes(20)
SEVEN = bytes(7)
OPEN = struct.pack("<BBHI", 1, 0, 443, 262144) + b"api.example.com"
OPEN_PROXY = struct.pack("<BBHI", 2, 0, 3128, 32768)

FRAMES = [
    ("attach", "host", 0x01, 0, 0, 1, 1, NONCE), ("ping", "host", 0x02, 0, 0, 1, 2, u64(0x0102030405060708)),
    ("exec", "host", 0x03, 0, 1, 1, 3, EXEC), ("exec_builtin", "host", 0x03, 0, 2, 1, 4, field(1, b"f") + field(2, b"/etc/hostname") + field(14, u32(1))),
    ("stdin", "host", 0x04, 0, 1, 1, 5, u64(0) + b"hello"), ("stdin_last", "host", 0x04, 1, 1, 1, 6, u64(5)),
    ("ack_stdout", "host", 0x05, 0, 1, 1, 7, b"\x01" + SEVEN + u64(6)), ("ack_stderr", "host", 0x05, 0, 1, 1, 8, b"\x02" + SEVEN + u64(0)),
    ("signal", "host", 0x06, 0, 1, 1, 9, u32(15) + u32(1)), ("cancel", "host", 0x07, 0, 1, 1, 10, u32(500)), ("done", "host", 0x08, 0, 1, 1, 11, b""),
    ("shutdown", "host", 0x09, 0, 0, 1, 12, b""), ("resume", "host", 0x0A, 0, 1, 2, 2, u64(6) + u64(0)), ("resize", "host", 0x0B, 0, 1, 2, 3, struct.pack("<HH", 80, 24)),
    ("slept", "host", 0x0C, 0, 0, 2, 6, u64(90_000)),
    ("data", "host", 0x21, 0, 1, 2, 7, b"HTTP/1.1 200 OK\r\n"), ("data_last", "host", 0x21, 1, 1, 2, 8, b""), ("data_and_last", "host", 0x21, 1, 2, 2, 9, b"\x00"),
    ("credit", "host", 0x22, 0, 1, 2, 10, u64(262144)), ("close", "host", 0x23, 0, 1, 2, 11, b""),
    ("exec_terminal", "host", 0x03, 0, 3, 2, 4, TERMINAL), ("exec_watch", "host", 0x03, 0, 4, 2, 5, WATCH),
    ("stdin_largest", "host", 0x04, 0, 4294967295, 4294967295, (1 << 64) - 1, u64((1 << 64) - 65537) + bytes(i * 7 % 251 for i in range(300))),
    ("hello", "init", 0x81, 0, 0, 1, 1, HELLO), ("command", "init", 0x83, 0, 1, 1, 2, COMMAND), ("ready", "init", 0x84, 0, 0, 1, 3, b""),
    ("pong", "init", 0x82, 0, 0, 1, 4, u64(0x0102030405060708) + u64(300000) + u32(3) + u32(1)), ("started", "init", 0x85, 0, 1, 1, 5, u32(18) + u32(17)),
    ("output_stdout", "init", 0x86, 0, 1, 1, 6, b"\x01" + SEVEN + u64(0) + b"hello\n"), ("output_stderr", "init", 0x86, 0, 1, 1, 7, b"\x02" + SEVEN + u64(1 << 40) + b"\x00\xff\x1b[0m"),
    ("stdin_ack", "init", 0x87, 0, 1, 1, 8, u64(5)), ("stdin_ack_closed", "init", 0x87, 1, 1, 1, 9, u64(5)), ("end", "init", 0x88, 0, 1, 1, 10, END),
    ("end_not_started", "init", 0x88, 0, 2, 1, 11, field(1, u32(9)) + field(4, u32(2)) + field(15, u32(1))), ("fault", "init", 0x89, 0, 0, 1, 12, u32(3) + b"mac"),
    ("open", "init", 0xA0, 0, 1, 1, 13, OPEN), ("open_proxy", "init", 0xA0, 0, 2, 1, 14, OPEN_PROXY), ("guest_data", "init", 0xA1, 0, 1, 1, 15, b"GET / HTTP/1.1\r\n"),
    ("guest_data_last", "init", 0xA1, 1, 1, 1, 16, b""), ("guest_credit", "init", 0xA2, 0, 1, 1, 17, u64(327680)), ("guest_close", "init", 0xA3, 0, 1, 1, 18, b""),
]


def receive_cases(direction):
    """A receiver that has believed sequence 4 of epoch 3, and a kind of frame for it with and without a stream."""
    streamed, plain, other = ((0x04, 0x02, 0x86) if direction == "host" else (0x86, 0x82, 0x04))
    data = u64(0) + b"abc" if direction == "host" else b"\x01" + SEVEN + u64(0) + b"abc"
    token = u64(1) if direction == "host" else u64(1) + u64(2) + u32(3) + u32(4)
    good = build(direction, streamed, 9, 3, 5, data)
    reflected = build(direction, streamed, 9, 3, 5, data, key=KEYS["init" if direction == "host" else "host"])
    flip = lambda frame, at: frame[:at] + bytes([frame[at] ^ 1]) + frame[at + 1 :]
    yield "truncated_header", good[:31], "need_more"
    yield "truncated_payload", good[:40], "need_more"
    yield "truncated_mac", good[:-1], "need_more"
    yield "empty", b"", "need_more"
    yield "wrong_magic", build(direction, streamed, 9, 3, 5, data, magic=0x32584247), "magic"
    yield "oversized", build(direction, streamed, 9, 3, 5, data, length=262145), "length"
    yield "oversized_most", build(direction, streamed, 9, 3, 5, data, length=0xFFFFFFFF), "length"
    yield "wrong_mac", flip(good, len(good) - 1), "mac"
    yield "changed_payload", flip(good, 42), "mac"
    yield "changed_stream", flip(good, 12), "mac"
    yield "changed_sequence", flip(good, 24), "mac"
    yield "reflected", reflected, "mac"
    yield "lower_epoch", build(direction, streamed, 9, 2, 5, data), "dropped"
    yield "lower_epoch_wrong_mac", flip(build(direction, streamed, 9, 2, 5, data), 50), "mac"
    yield "higher_epoch", build(direction, streamed, 9, 4, 1, data), "epoch"
    yield "replayed", build(direction, streamed, 9, 3, 4, data), "sequence"
    yield "out_of_order", build(direction, streamed, 9, 3, 6, data), "sequence"
    yield "reserved_16", build(direction, streamed, 9, 3, 5, data, r16=1), "reserved"
    yield "reserved_32", build(direction, streamed, 9, 3, 5, data, r32=0x80000000), "reserved"
    yield "unknown_flag", build(direction, streamed, 9, 3, 5, data, flags=2), "reserved"
    yield "unknown_flag_plain", build(direction, plain, 0, 3, 5, token, flags=1), "reserved"
    yield "unknown_type", build(direction, 0x7F, 9, 3, 5, data), "type"
    yield "type_zero", build(direction, 0, 9, 3, 5, data), "type"
    yield "reserved_for_network", build(direction, 0x20 if direction == "host" else 0xAF, 9, 3, 5, data), "type"
    network = 0x20 if direction == "host" else 0xA0
    yield "network_of_the_other_direction", build(direction, network ^ 0x81, 9, 3, 5, data), "type"
    yield "data_on_the_wires_own_stream", build(direction, network + 1, 0, 3, 5, data), "stream"
    yield "credit_too_short", build(direction, network + 2, 9, 3, 5, bytes(7)), "payload"
    yield "credit_with_the_flag_of_data", build(direction, network + 2, 9, 3, 5, bytes(8), flags=1), "reserved"
    yield "data_with_another_flag", build(direction, network + 1, 9, 3, 5, data, flags=2), "reserved"
    yield "close_with_something", build(direction, network + 3, 9, 3, 5, b"x"), "payload"
    if direction == "init":
        yield "open_cut_off", build(direction, network, 9, 3, 5, OPEN[:7]), "payload"
        yield "open_too_long", build(direction, network, 9, 3, 5, OPEN[:8] + b"x" * 254), "payload"
    yield "type_of_the_other_direction", build(direction, other, 9, 3, 5, data), "type"
    yield "stream_zero", build(direction, streamed, 0, 3, 5, data), "stream"
    yield "stream_where_none_belongs", build(direction, plain, 9, 3, 5, token), "stream"
    yield "short_payload", build(direction, streamed, 9, 3, 5, data[:7]), "payload"
    yield "long_payload", build(direction, plain, 0, 3, 5, token + b"x"), "payload"
    yield "several_wrong_mac_first", flip(build(direction, 0x7F, 0, 9, 9, data, r16=1), 50), "mac"
    yield "several_wrong_epoch_first", build(direction, 0x7F, 0, 9, 9, data, r16=1), "epoch"
    yield "several_wrong_sequence_first", build(direction, 0x7F, 0, 3, 9, data, r16=1), "sequence"


def pairs(**values):
    return " ".join("%s=%s" % (name, hexed(value) if isinstance(value, bytes) else value) for name, value in values.items())


def print_hunts():
    garbage = bytes(i * 37 % 256 for i in range(200))
    hidden_exec = build("host", 0x03, 7, 9, 2, EXEC)
    old = build("host", 0x01, 0, 2, 1, OTHER_NONCE)
    same = build("host", 0x01, 0, 3, 1, OTHER_NONCE)
    forged = build("host", 0x01, 0, 8, 1, OTHER_NONCE, key=bytes(32))
    wrong_sequence = build("host", 0x01, 0, 8, 2, OTHER_NONCE)
    reserved = build("host", 0x01, 0, 8, 1, OTHER_NONCE, r16=1)
    streamed = build("host", 0x01, 1, 8, 1, OTHER_NONCE)
    true = build("host", 0x01, 0, 4, 1, NONCE)
    ping = build("host", 0x02, 0, 4, 2, u64(1))
    noise = garbage + hidden_exec + old + same + forged + wrong_sequence + reserved + streamed + struct.pack("<II", MAGIC, 262144)

    def hunt(name, data, rest=None, direction="host", found=4, nonce=NONCE, **extra):
        if rest is None:
            return print("hunt", pairs(name=name, dir=direction, epoch=3, **extra, bytes=data, expect="nothing"))
        print("hunt", pairs(name=name, dir=direction, epoch=3, **extra, bytes=data, expect="found", found_epoch=found, found_nonce=nonce, rest=rest))

    hunt("attach_at_start", true, 0)
    hunt("attach_after_everything_else", noise + true + ping, len(ping))
    hunt("attach_after_a_magic_at_every_offset", struct.pack("<I", MAGIC) * 5 + b"GBX" + true, 0)
    hunt("nothing_to_believe", noise)
    hunt("attach_cut_off", noise + true[:-1])
    hunt("first_of_two", true + build("host", 0x01, 0, 6, 1, OTHER_NONCE), 64)

    hello = build("init", 0x81, 0, 3, 1, HELLO)
    lost = build("init", 0x86, 5, 2, 77, b"\x01" + SEVEN + u64(0) + garbage)
    noise = lost[100:] + lost + build("init", 0x81, 0, 2, 1, HELLO) + build("init", 0x81, 0, 3, 1, OTHER_NONCE + HELLO[16:]) + build("init", 0x81, 0, 3, 1, HELLO, key=bytes(32)) + build("init", 0x89, 0, 2, 78, u32(3) + b"mac")
    ready = build("init", 0x84, 0, 3, 2)
    hunt("hello_at_start", hello, 0, "init", 3, nonce=NONCE)
    hunt("hello_after_everything_else", noise + hello + ready, len(ready), "init", 3, nonce=NONCE)
    hunt("hello_of_others_only", noise, None, "init", nonce=NONCE)

    upload = build("host", 0x04, 5, 3, 5, u64(0) + hidden_exec + old + forged + garbage * 20)
    for cut in (32, 33, 40, 250, len(upload) - 1):
        print("inside", pairs(name="cut_at_%d" % cut, epoch=3, sequence=4, bytes=upload[:cut] + true + ping, found_epoch=4, rest=len(ping)))


def main():
    print("# Made by make_wire_vectors.py, which says what the lines mean. Do not edit.")
    print("keys", pairs(host=HOST, init=INIT))
    for name, direction, kind, flags, stream, epoch, sequence, payload in FRAMES:
        frame = build(direction, kind, stream, epoch, sequence, payload, flags)
        print("frame", pairs(name=name, dir=direction, type=kind, flags=flags, stream=stream, epoch=epoch, sequence=sequence, payload=payload, frame=frame))
    for direction in ("host", "init"):
        for name, data, expect in receive_cases(direction):
            print("receive", pairs(name=direction + "_" + name, dir=direction, epoch=3, sequence=4, bytes=data, expect=expect))
    print_hunts()


main()
