"""The host's end of docs/wire.md, for tests alone: blocking, simple, and trusting in nothing but the MAC."""

import errno
import os
import select
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../test/vectors"))
import chacha20_poly1305  # noqa: E402

MAGIC = 0x31584247
STDIN_WINDOW = 1 << 20
HEADER = struct.Struct("<IIBBHIIIQ")
assert HEADER.size == 32

ATTACH, PING, EXEC, STDIN, ACK, SIGNAL, CANCEL, DONE, SHUTDOWN, RESUME, RESIZE = range(1, 12)
DATA, CREDIT, CLOSE = range(0x21, 0x24)
OPEN, GUEST_DATA, GUEST_CREDIT, GUEST_CLOSE = range(0xA0, 0xA4)
HELLO, PONG, COMMAND, READY, STARTED, OUTPUT, STDIN_ACK, END, FAULT = range(0x81, 0x8A)

EXEC_TAGS = dict(id=1, arg=2, env=3, cwd=4, wall_ms=5, cpu_ms=6, output_bytes=7, flags=8, window=9, grace_ms=10, nofile=11, fsize=12, nproc=13, builtin=14, size=15)
END_TAGS = {1: "cause", 2: "code", 3: "signal", 4: "errno", 5: "hits", 6: "oom_kills", 7: "oom_shared", 8: "user_us", 9: "system_us", 10: "max_rss", 11: "wall_us", 12: "stdout", 13: "stderr", 14: "dropped", 15: "tree", 16: "marker_lost"}
COMMAND_TAGS = {1: "id", 2: "state", 3: "stdout_from", 4: "stdout_to", 5: "stderr_from", 6: "stderr_to", 7: "stdin", 8: "window", 9: "pid"}
CAUSES = [None, "exited", "signalled", "timeout", "cpu_time", "output", "memory", "disk", "cancelled", "not_started"]


def mac(key, header_and_payload):
    return chacha20_poly1305.tag(key, header_and_payload[16:20] + header_and_payload[24:32], header_and_payload)


def frame(key, kind, stream, epoch, sequence, payload=b"", flags=0, magic=MAGIC, length=None, reserved=0, reserved2=0):
    body = HEADER.pack(magic, len(payload) if length is None else length, kind, flags, reserved, stream, epoch, reserved2, sequence) + payload
    return body + mac(key, body)


def field(tag, value):
    return struct.pack("<HI", tag, len(value)) + value


def u32(value):
    return struct.pack("<I", value)


def u64(value):
    return struct.pack("<Q", value)


def read_fields(payload, tags):
    found, at = {}, 0
    while at < len(payload):
        tag, length = struct.unpack_from("<HI", payload, at)
        value = payload[at + 6 : at + 6 + length]
        found[tags[tag]] = value.decode() if tags[tag] == "id" else int.from_bytes(value, "little")
        at += 6 + length
    return found


def exec_payload(id, *args, env=("PATH=/usr/bin:/bin",), cwd=None, **options):
    out = field(1, id.encode())
    for arg in args:
        out += field(2, arg if isinstance(arg, bytes) else arg.encode())
    for entry in env:
        out += field(3, entry.encode())
    if cwd is not None:
        out += field(4, cwd.encode())
    for name, value in options.items():
        out += field(EXEC_TAGS[name], u64(value) if name in ("output_bytes", "fsize") else u32(value))
    return out


def preamble(keys, grace_ms=None, max_commands=None, writable=(), ports=None):
    configuration = b""
    if grace_ms is not None:
        configuration += field(1, u32(grace_ms))
    if max_commands is not None:
        configuration += field(2, u32(max_commands))
    for path in writable:
        configuration += field(3, path.encode())
    if ports is not None:
        configuration += field(4, struct.pack("<%dH" % len(ports), *ports))
    return b"GLOVEBOX-WIRE/1\n" + keys[0] + keys[1] + u32(len(configuration)) + configuration


class Timeout(Exception):
    pass


class Wire:
    """`write` and `read` are file descriptors."""

    def __init__(self, read, write, keys):
        self.read_fd, self.write_fd, self.keys = read, write, keys
        self.epoch, self.sequence, self.heard = 0, 0, 0
        self.buffer = bytearray()
        self.commands, self.streams, self.next_stream = [], {}, 1
        self.auto_ack = True
        self.network = None
        self.other = []

    # sending

    def send_raw(self, data):
        view = memoryview(data)
        while view:
            _, writable, _ = select.select([], [self.write_fd], [], 10)
            if not writable:
                raise Timeout("write")
            view = view[os.write(self.write_fd, view[:65536]) :]

    def make(self, kind, stream=0, payload=b"", flags=0):
        self.sequence += 1
        return frame(self.keys[0], kind, stream, self.epoch, self.sequence, payload, flags)

    def send(self, kind, stream=0, payload=b"", flags=0):
        self.send_raw(self.make(kind, stream, payload, flags))

    # receiving

    def fill(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.read_fd], [], [], left)[0]:
            raise Timeout("read")
        data = os.read(self.read_fd, 1 << 20)
        if not data:
            raise EOFError
        self.buffer += data

    def receive(self, timeout=10):
        deadline = time.monotonic() + timeout
        while True:
            if len(self.buffer) >= 32:
                magic, length, kind, flags, reserved, stream, epoch, reserved2, sequence = HEADER.unpack_from(self.buffer)
                assert magic == MAGIC and length <= 262144, self.buffer[:64]
                if len(self.buffer) >= length + 48:
                    body, tag = bytes(self.buffer[: 32 + length]), self.buffer[32 + length : 48 + length]
                    assert mac(self.keys[1], body) == tag, "MAC"
                    assert epoch == self.epoch and sequence == self.heard + 1, (epoch, self.epoch, sequence, self.heard)
                    assert reserved == 0 and reserved2 == 0
                    self.heard = sequence
                    del self.buffer[: 48 + length]
                    return kind, flags, stream, body[32:]
            self.fill(deadline)

    def attach(self, epoch=None, timeout=10, prefix=b"", suffix=b""):
        self.epoch = self.epoch + 1 if epoch is None else epoch
        self.sequence = self.heard = 0
        nonce = os.urandom(16)
        self.send_raw(prefix + self.make(ATTACH, 0, nonce) + suffix)
        deadline = time.monotonic() + timeout
        while True:
            at = self.buffer.find(struct.pack("<II", MAGIC, 64))
            while at >= 0 and len(self.buffer) >= at + 112:
                body = bytes(self.buffer[at : at + 96])
                if mac(self.keys[1], body) == self.buffer[at + 96 : at + 112] and body[32:48] == nonce:
                    del self.buffer[: at + 112]
                    self.heard = 1
                    return self.finish_attach(body[32:])
                at = self.buffer.find(struct.pack("<II", MAGIC, 64), at + 1)
            self.fill(deadline)

    def finish_attach(self, payload):
        self.hello = dict(zip(("version", "features", "uid", "commands", "age_ms"), struct.unpack_from("<IIIIQ", payload, 16)))
        self.commands = []
        for _ in range(self.hello["commands"]):
            kind, _, stream, payload = self.receive()
            assert kind == COMMAND, kind
            self.commands.append(dict(read_fields(payload, COMMAND_TAGS), stream=stream))
            self.next_stream = max(self.next_stream, stream + 1)
        kind = self.receive()[0]
        assert kind == READY, kind
        self.streams = {}
        return self.hello

    # commands

    def start(self, *args, id=None, stream=None, **options):
        if stream is None:
            stream, self.next_stream = self.next_stream, self.next_stream + 1
        if id is None:
            id = "c%d-%s" % (stream, os.urandom(4).hex())
        self.streams[stream] = dict(id=id, out=[bytearray(), bytearray(), bytearray()], offsets=[0, 0, 0], acked=[0, 0, 0], stdin=0, stdin_flag=0, started=None, end=None)
        self.send(EXEC, stream, exec_payload(id, *args, **options))
        return stream

    def resume(self, stream, stdout=0, stderr=0):
        self.streams[stream] = dict(id=None, out=[bytearray(), bytearray(), bytearray()], offsets=[0, stdout, stderr], acked=[0, 0, 0], stdin=0, stdin_flag=0, started=None, end=None)
        self.send(RESUME, stream, u64(stdout) + u64(stderr))

    def step(self, timeout=10):
        kind, flags, stream, payload = self.receive(timeout)
        it = self.streams.get(stream)
        if kind == OUTPUT:
            channel, offset = payload[0], struct.unpack_from("<Q", payload, 8)[0]
            data = payload[16:]
            assert 0 < len(data) <= 65536 and payload[1:8] == bytes(7)
            if it["offsets"][channel] != offset:
                assert it["id"] is None and not it["out"][channel], "an offset that is not the next"
                it["gap"] = offset - it["offsets"][channel]
            it["offsets"][channel] = offset + len(data)
            it["out"][channel] += data
            if self.auto_ack:
                self.ack(stream, channel)
        elif kind == STARTED:
            it["started"] = struct.unpack("<II", payload)
        elif kind == STDIN_ACK:
            it["stdin"], it["stdin_flag"] = struct.unpack("<Q", payload)[0], flags
        elif kind == END:
            it["end"] = read_fields(payload, END_TAGS)
            it["end"]["cause"] = CAUSES[it["end"]["cause"]]
        elif kind >= OPEN and self.network is not None:
            self.network(kind, flags, stream, payload)
        else:
            self.other.append((kind, stream, payload))
        return kind, stream, payload

    def ack(self, stream, channel):
        it = self.streams[stream]
        self.send(ACK, stream, bytes([channel]) + bytes(7) + u64(it["offsets"][channel]))
        it["acked"][channel] = it["offsets"][channel]

    def until(self, stream, key, timeout=10):
        deadline = time.monotonic() + timeout
        while not self.streams[stream][key]:
            self.step(max(0.001, deadline - time.monotonic()))
        return self.streams[stream][key]

    def run(self, *args, stdin=None, timeout=20, done=True, **options):
        if stdin is not None:
            options["flags"] = options.get("flags", 0) | 1
        stream = self.start(*args, **options)
        it = self.streams[stream]
        sent = 0
        if stdin is not None:
            while sent < len(stdin) or sent == 0:
                while sent - it["stdin"] >= STDIN_WINDOW and it["end"] is None:
                    self.step(timeout)
                if it["end"] is not None:
                    break
                chunk = stdin[sent : it["stdin"] + STDIN_WINDOW][:65536]
                self.send(STDIN, stream, u64(sent) + chunk, 1 if sent + len(chunk) == len(stdin) else 0)
                sent += len(chunk)
                if not stdin:
                    break
        self.until(stream, "end", timeout)
        if done:
            self.send(DONE, stream)
        return it

    def fault(self, timeout=10):
        deadline = time.monotonic() + timeout
        while True:
            for kind, _, payload in self.other:
                if kind == FAULT:
                    return struct.unpack_from("<I", payload)[0], payload[4:].decode()
            self.step(max(0.001, deadline - time.monotonic()))

    def ping(self, token=7, timeout=10):
        self.other = []
        self.send(PING, 0, u64(token))
        deadline = time.monotonic() + timeout
        while True:
            for kind, _, payload in self.other:
                if kind == PONG:
                    return dict(zip(("token", "resident", "processes", "commands"), struct.unpack("<QQII", payload)))
            self.step(max(0.001, deadline - time.monotonic()))


def strerror(end):
    return errno.errorcode.get(end.get("errno"))
