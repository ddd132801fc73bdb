"""Damage to bytes: what disks, networks, other programs and people with bad intentions do."""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random

#: Numbers at which programs break, as the formats store them.
_EDGES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 100_000)
_EDGES_64 = (*_EDGES, 2**32, 2**40, 2**63 - 1, 2**63, 2**64 - 1)
_MAGIC = (
    b"\x1aE\xdf\xa3", b"ftypisom", b"moov", b"mdat", b"RIFF", b"AVI ", b"GIF89a",
    b"\x89PNG\r\n\x1a\n", b"IHDR", b"IDAT", b"IEND", b"\xff\xd8\xff\xe0", b"II*\0", b"MM\0*",
    b"BM", b"\x93NUMPY", b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"\x89HDF\r\n\x1a\n",
    b"%!PS-Adobe", b"RIFF\0\0\0\0WEBP", b"\x00\x00\x00\x01", b"#EXTM3U\n", b"\xef\xbb\xbf",
    b"\xff\xfe", b"\x80\x02", b"\x80\x04\x95", b"{", b"<html>", b"\0" * 16,
)  # fmt: skip
_LONGEST = 1 << 20  # bytes of a damaged file


def damaged(data: bytes, rng: Random, others: tuple[bytes, ...] = ()) -> bytes:
    """Damage bytes in one to four ways.

    Parameters
    ----------
    data
        A whole file.
    rng
        Decides how.
    others
        Files of the same kind, of which parts may be put in.
    """
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        if not out:
            break
        rng.choice(_WAYS)(out, rng, others or (data,))
    return bytes(out[:_LONGEST])


def _place(out: bytearray, rng: Random) -> int:
    # headers decide more than what follows
    if rng.random() < 0.5:
        return rng.randrange(min(len(out), 256))
    return rng.randrange(len(out))


def _flip_bits(out: bytearray, rng: Random, _: tuple[bytes, ...]) -> None:
    for _ in range(rng.choice((1, 1, 2, 8))):
        out[_place(out, rng)] ^= 1 << rng.randrange(8)


def _set_bytes(out: bytearray, rng: Random, _: tuple[bytes, ...]) -> None:
    for _ in range(rng.choice((1, 2, 4, 16))):
        out[_place(out, rng)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))


def _truncate(out: bytearray, rng: Random, _: tuple[bytes, ...]) -> None:
    del out[rng.randrange(len(out)) :]


def _drop(out: bytearray, rng: Random, _: tuple[bytes, ...]) -> None:
    start = _place(out, rng)
    del out[start : start + rng.choice((1, 2, 4, 64, rng.randrange(1, 4096)))]


def _insert(out: bytearray, rng: Random, _: tuple[bytes, ...]) -> None:
    start, count = _place(out, rng), rng.choice((1, 2, 4, 8, 64, 1000))
    filler = rng.randbytes(count) if rng.random() < 0.5 else bytes([rng.randrange(256)]) * count
    out[start:start] = filler


def _repeat(out: bytearray, rng: Random, _: tuple[bytes, ...]) -> None:
    start = _place(out, rng)
    block = bytes(out[start : start + rng.randrange(1, 512)])
    out[start:start] = block * rng.choice((1, 2, 20))


def _move(out: bytearray, rng: Random, _: tuple[bytes, ...]) -> None:
    start, count = _place(out, rng), rng.randrange(1, 512)
    block = bytes(out[start : start + count])
    del out[start : start + count]
    place = rng.randrange(len(out) + 1)
    out[place:place] = block


def _splice(out: bytearray, rng: Random, others: tuple[bytes, ...]) -> None:
    other = rng.choice(others)
    if not other:
        return
    start, end = sorted((rng.randrange(len(other)), rng.randrange(len(other)) + 1))
    place = _place(out, rng)
    if rng.random() < 0.5:
        out[place : place + end - start] = other[start:end]
    else:
        out[place:] = other[start:]


def _number(out: bytearray, rng: Random, _: tuple[bytes, ...]) -> None:
    order = rng.choice("<>")
    size, code = rng.choice(((1, "B"), (2, "H"), (4, "I"), (4, "I"), (8, "Q")))
    value = rng.choice(_EDGES_64 if size == 8 else _EDGES) % (1 << 8 * size)
    place = _place(out, rng)
    out[place : place + size] = struct.pack(order + code, value)


def _grow(out: bytearray, rng: Random, _: tuple[bytes, ...]) -> None:
    """Take what stands somewhere for a number and change it a little or a lot."""
    size, code = rng.choice(((1, "B"), (2, "H"), (4, "I")))
    order, place = rng.choice("<>"), _place(out, rng)
    old = bytes(out[place : place + size])
    if len(old) == size:
        (value,) = struct.unpack(order + code, old)
        value = rng.choice((value + 1, value - 1, value * 2, value // 2, value * 256, ~value))
        out[place : place + size] = struct.pack(order + code, value % (1 << 8 * size))


def _magic(out: bytearray, rng: Random, _: tuple[bytes, ...]) -> None:
    word, place = rng.choice(_MAGIC), rng.choice((0, _place(out, rng)))
    out[place : place + (len(word) if rng.random() < 0.7 else 0)] = word


_WAYS: tuple[Callable[[bytearray, Random, tuple[bytes, ...]], None], ...] = (
    _flip_bits, _flip_bits, _flip_bits, _set_bytes, _set_bytes, _truncate, _drop, _insert,
    _repeat, _move, _splice, _number, _number, _grow, _grow, _magic,
)  # fmt: skip
