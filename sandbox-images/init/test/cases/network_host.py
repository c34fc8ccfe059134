"""The host's end of a sandbox's network: as simple as it can be, and trusting in nothing."""

import struct
import time

from wire import *  # noqa: F403

FEATURE = 512
PROXY_PORT = 3128
CHUNK = 65536


class Connection:
    def __init__(self, network, stream, via, host, port, credit):
        self.network, self.stream, self.via, self.host, self.port, self.credit = network, stream, via, host, port, credit
        self.sent, self.granted = 0, 0
        self.received = bytearray()
        self.ended = self.closed = self.said_close = False

    def grant(self, offset):
        self.granted = offset
        self.network.wire.send(CREDIT, self.stream, u64(offset))

    def send(self, data, last=False):
        """As much as there is credit for; how much that was."""
        piece = data[: min(CHUNK, self.credit - self.sent)]
        last = last and len(piece) == len(data)
        if piece or last:
            self.network.wire.send(DATA, self.stream, bytes(piece), 1 if last else 0)
        self.sent += len(piece)
        return len(piece)

    def send_all(self, data, last=False, timeout=20):
        at = 0
        while True:
            at += self.send(data[at:], last)
            if at == len(data):
                return
            self.network.until(lambda: self.credit > self.sent or self.closed, timeout)
            assert not self.closed

    def close(self):
        self.said_close = True
        self.network.wire.send(CLOSE, self.stream)


class Network:
    """Takes what comes of the network on a wire that is otherwise driven as ever. `grant`: credit beyond what was received, 0 for whoever is not read."""

    def __init__(self, wire, grant=262144):
        self.wire, self.automatic = wire, grant
        self.connections, self.opened = {}, []
        wire.network = self.take

    def take(self, kind, flags, stream, payload):
        if kind == OPEN:
            via, zero, port, credit = struct.unpack_from("<BBHI", payload)
            assert zero == 0 and stream == len(self.opened) + 1, (stream, len(self.opened))
            connection = Connection(self, stream, via, payload[8:].decode(), port, credit)
            self.connections[stream] = connection
            self.opened.append(connection)
            if self.automatic:
                connection.grant(self.automatic)
            return
        connection = self.connections[stream]
        assert not connection.closed
        if kind == GUEST_DATA:
            assert not connection.ended and (payload or flags) and len(payload) <= CHUNK
            connection.received += payload
            connection.ended = flags == 1
            assert len(connection.received) <= connection.granted, "beyond its credit"
            if self.automatic and connection.granted - len(connection.received) < self.automatic // 2 and not connection.said_close:
                connection.grant(len(connection.received) + self.automatic)
        elif kind == GUEST_CREDIT:
            offset = struct.unpack("<Q", payload)[0]
            assert offset > connection.credit
            connection.credit = offset
        elif kind == GUEST_CLOSE:
            connection.closed = True
            if not connection.said_close:
                connection.close()
            del self.connections[stream]

    def until(self, condition, timeout=20):
        deadline = time.monotonic() + timeout
        while not condition():
            self.wire.step(max(0.001, deadline - time.monotonic()))

    def close_all(self):
        """Of those that are there now; whether none is left."""
        for connection in [each for each in self.connections.values() if not each.said_close]:
            connection.close()
        return not self.connections

    def next(self, timeout=20):
        """The connection that is opened next."""
        number = len(self.opened)
        self.until(lambda: len(self.opened) > number, timeout)
        return self.opened[number]
