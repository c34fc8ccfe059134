"""The tag of ChaCha20-Poly1305 (RFC 8439) where all is additional data: slow, and nothing but the standard library."""

import struct

P = (1 << 130) - 5
WORD = 0xFFFFFFFF
ROUNDS = [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15), (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]


def one_time_key(key, nonce):
    state = list(struct.unpack("<16I", b"expand 32-byte k" + key + bytes(4) + nonce))
    x = state[:]
    for a, b, c, d in ROUNDS * 10:
        for first, second in ((16, 12), (8, 7)):
            x[a] = (x[a] + x[b]) & WORD
            x[d] ^= x[a]
            x[d] = (x[d] << first | x[d] >> (32 - first)) & WORD
            x[c] = (x[c] + x[d]) & WORD
            x[b] ^= x[c]
            x[b] = (x[b] << second | x[b] >> (32 - second)) & WORD
    return struct.pack("<8I", *((x[i] + state[i]) & WORD for i in range(8)))


def tag(key, nonce, data):
    once = one_time_key(key, nonce)
    r = int.from_bytes(once[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    blocks = data + bytes(-len(data) % 16) + struct.pack("<QQ", len(data), 0)
    total = 0
    for at in range(0, len(blocks), 16):
        total = (total + (int.from_bytes(blocks[at : at + 16], "little") | 1 << 128)) * r % P
    return ((total + int.from_bytes(once[16:], "little")) & (1 << 128) - 1).to_bytes(16, "little")


# RFC 8439, 2.6.2.
assert one_time_key(bytes(range(0x80, 0xA0)), bytes(5) + bytes(range(1, 8))).hex().startswith("8ad5a08b905f81cc815040274ab29471")
