"""What the cases of file operations share."""

from harness import equal

READ, WRITE, LIST, STAT, PACK, UNPACK, REMOVE, MKDIR, RENAME, RESOLVE, WATCH = range(1, 12)


def entries(output):
    parts = output.split(b"\0")[:-1]
    return [(parts[i].decode().split(), parts[i + 1].decode(), parts[i + 2].decode()) for i in range(0, len(parts), 3)]


def fails(it, text):
    equal((it["end"]["cause"], it["end"]["code"], it["out"][2].decode()), ("exited", 1, text + "\n"))
