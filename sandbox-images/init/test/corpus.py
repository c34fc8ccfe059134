#!/usr/bin/env python3
"""Seeds for the fuzzer: corpus.py <wire.txt> <directory>"""

import io
import os
import struct
import sys
import tarfile


def seeds(vectors):
    for line in open(vectors):
        if line.startswith("#"):
            continue
        word, *pairs = line.split()
        values = dict(pair.split("=", 1) for pair in pairs)
        data = values.get("frame") or values.get("bytes")
        if data and data != "-":
            data = bytes.fromhex(data)
            yield (b"\1" if word == "hunt" else b"\0") + data
            if values.get("name", "").startswith("exec"):
                yield b"\2" + data[32:-16]
    yield b"\3" + bytes.fromhex("010004000000e8030000" "0200040000000a000000" "0300020000002f77")
    for name in (b"\7example\3com\0", b"\11localhost\0", b"\1x" * 126 + b"\0", b"\3a_b\77" + b"Z" * 63 + b"\0", b"\xc0\x0c"):
        for kind in (1, 28, 255):
            yield b"\6" + struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 1) + name + struct.pack(">HH", kind, 1) + bytes.fromhex("0000291000000000000000")
    # Dialled, heard of, credited; bytes both ways; the ends of both, and the last words.
    yield b"\7" + bytes([0, 0, 0, 1, 5, 0, 4, 1, 1, 0, 200, 1, 4, 0, 100, 1, 2, 0, 250, 1, 4, 0, 1, 1, 3, 0, 1, 1, 7, 0, 0, 0, 6, 0, 0, 1])
    yield b"\7" + bytes([0, 1, 0, 1] * 12 + [6, 0, 0, 1, 5, 1, 9, 0, 1, 1, 255, 1, 3, 1, 2, 1, 4, 2, 254, 0, 4, 2, 254, 1, 7, 0, 0, 1])
    yield b"\3" + bytes.fromhex("0400060000005000bb013815")
    for form in (tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=form) as tar:
            for name, kind in (("d", tarfile.DIRTYPE), ("d/" + "n" * 60 + "/" + "m" * (30 if form == tarfile.USTAR_FORMAT else 90), tarfile.REGTYPE), ("l", tarfile.SYMTYPE)):
                info = tarfile.TarInfo(name)
                info.type, info.mtime = kind, 1.5 if form == tarfile.PAX_FORMAT else 1
                info.linkname = "target" if kind == tarfile.SYMTYPE else ""
                info.size = 3 if kind == tarfile.REGTYPE else 0
                tar.addfile(info, io.BytesIO(b"abc"))
        for mode in (b"\4", b"\5"):
            yield mode + out.getvalue().rstrip(b"\0") + bytes(1024)


def main():
    os.makedirs(sys.argv[2], exist_ok=True)
    for index, seed in enumerate(seeds(sys.argv[1])):
        with open(os.path.join(sys.argv[2], "seed-%03d" % index), "wb") as file:
            file.write(seed)


main()
