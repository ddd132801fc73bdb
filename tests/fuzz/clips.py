"""Damaged clips: containers, pictures, arrays."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import cv2
import numpy as np

from fuzz.commands import command
from fuzz.mutate import damaged
from fuzz.pool import Format
from fuzz.texts import STRINGS, as_json, changed
from stst.errors import InputError
from stst.video import open_video, probe, write_video
from stst.video.clip import Video
from stst.video.sidecar import sidecar_of
from stst_cli.main import main as stst

SIZE = 8, 24, 32
_ABSURD = (0, 1, 2, 65535, 100_000, 2**24, 2**31 - 1, 2**32 - 1)


def frames(seed: int = 0, count: int = SIZE[0], height: int = SIZE[1], width: int = SIZE[2]) -> Any:
    """Smooth colours that move, (T, H, W, 3) uint8."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    still = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.stack([np.roll(still, 2 * shift, axis=1) for shift in range(count)])


def read_clip(path: Path) -> None:
    """Read all frames of a clip, some twice, as commands and the viewer do."""
    info = probe(path)
    json.dumps(info.as_dict())
    sidecar_of(path)
    options: dict[str, Any] = {}
    if info.fps is None:
        options = {"resample_fps": 25} if info.variable_rate else {"fps": 25}
    with open_video(path, **options) as reader:
        for frame in reader.iter_frames():
            assert frame.shape == (reader.height, reader.width, 3)
        assert reader[len(reader) // 2].dtype == np.uint8
        assert reader[0].ndim == 3
        reader.source(0, len(reader)).as_dict()


def _encoded(path: Path, codec: str, layout: str, **more: Any) -> bytes:
    """Encode with PyAV: B-frames, sound, turns and the like, which our own writer leaves out."""
    import av

    with av.open(f"file:{path}", "w", options=more.pop("muxer", {})) as container:
        stream = container.add_stream(codec, rate=Fraction(25), options=more.pop("options", {}))
        stream.height, stream.width, stream.pix_fmt = SIZE[1], SIZE[2], layout
        if "turn" in more:
            stream.set_display_rotation(more["turn"])
        stream.metadata.update(more.get("metadata", {}))
        audio = container.add_stream("aac", rate=44100) if more.get("sound") else None
        for number, array in enumerate(frames(1)):
            frame = av.VideoFrame.from_ndarray(array, format="rgb24").reformat(format=layout)
            frame.pts, frame.time_base = number + number // more.get("drop", 99), Fraction(1, 25)
            container.mux(stream.encode(frame))
        if audio is not None:
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            silence.rate, silence.pts = 44100, 0
            container.mux(audio.encode(silence))
            container.mux(audio.encode(None))
        container.mux(stream.encode(None))
    return path.read_bytes()


def _masters(folder: Path) -> list[bytes]:
    write_video(folder / "a.mkv", Video(frames(), Fraction(60000, 1001)))
    write_video(folder / "b.mkv", Video(frames(2, 3, 1, 7), Fraction(1, 3)))
    grey = {"options": {"level": "3"}, "metadata": {"DURATION": "00:00:00.320000000"}}
    return [
        (folder / "a.mkv").read_bytes(),
        (folder / "a.mkv").read_bytes(),
        (folder / "b.mkv").read_bytes(),
        _encoded(folder / "c.mkv", "ffv1", "gray", **grey),
        _encoded(folder / "d.mkv", "libx264", "yuv420p"),
    ]


def _mp4s(folder: Path) -> list[bytes]:
    write_video(folder / "a.mp4", Video(frames(), Fraction(25)))
    few = {"options": {"bf": "2", "g": "4"}}
    return [
        (folder / "a.mp4").read_bytes(),
        _encoded(folder / "b.mp4", "libx264", "yuv420p", **few),
        _encoded(folder / "c.mp4", "libx264", "yuv420p", sound=True, turn=90),
        _encoded(
            folder / "d.mp4", "libx264", "yuv444p", muxer={"movflags": "frag_keyframe+empty_moov"}
        ),
        _encoded(folder / "e.mp4", "mpeg4", "yuv420p"),
        _encoded(folder / "f.mp4", "libx265", "yuv420p", options={"x265-params": "log-level=none"}),
    ]


def _avis(folder: Path) -> list[bytes]:
    return [
        _encoded(folder / "a.avi", "mjpeg", "yuvj420p"),
        _encoded(folder / "b.avi", "mpeg4", "yuv420p"),
        _encoded(folder / "c.avi", "rawvideo", "bgr24"),
        _encoded(folder / "d.avi", "huffyuv", "yuv422p"),
        _encoded(folder / "e.avi", "mjpeg", "yuvj420p", drop=2),
    ]


def _transports(folder: Path) -> list[bytes]:
    few = {"options": {"bf": "2", "g": "4"}}
    return [
        _encoded(folder / "a.ts", "mpeg2video", "yuv420p", **few),
        _encoded(folder / "b.ts", "libx264", "yuv420p", **few),
    ]


def _programs(folder: Path) -> list[bytes]:
    few = {"options": {"bf": "2", "g": "4"}}
    return [
        _encoded(folder / "a.mpg", "mpeg2video", "yuv420p", **few),
        _encoded(folder / "b.mpg", "mpeg1video", "yuv420p", **few),
    ]


def _webms(folder: Path) -> list[bytes]:
    return [
        _encoded(folder / "a.webm", "libvpx-vp9", "yuv420p"),
        _encoded(folder / "b.webm", "libvpx", "yuv420p"),
    ]


def _movs(folder: Path) -> list[bytes]:
    return [
        _encoded(folder / "a.mov", "prores", "yuv422p10le"),
        _encoded(folder / "b.mov", "png", "rgb24"),
        _encoded(folder / "c.mov", "qtrle", "rgb24"),
        _encoded(folder / "d.mov", "libx264", "yuv420p", turn=180),
    ]


def _gifs(folder: Path) -> list[bytes]:
    return [_encoded(folder / "a.gif", "gif", "rgb8"), _encoded(folder / "b.gif", "gif", "bgr8")]


def _container(name: str, seeds: Callable[[Path], Sequence[bytes]], suffix: str) -> Format:
    file = f"clip.{suffix}"

    def make(state: Sequence[bytes], rng: Random) -> dict[str, bytes]:
        whole = rng.choice(state)
        data = damaged(whole, rng, tuple(state))
        if rng.random() < 0.1:
            data = _retagged(data, rng)
        made = {file: data}
        if rng.random() < 0.03:
            made["clip.json"] = rng.choice(
                (b"{", b"[]", b'{"output": {"fps": "1e999999999"}}', data[:99])
            )
        return made

    return Format(name, seeds, make, lambda folder: read_clip(folder / file))


def _retagged(data: bytes, rng: Random) -> bytes:
    """Put other text where the container has text, of the same length."""
    for word in (b"60000/1001", b"STST_FPS", b"DURATION", b"00:00:00.", b"Lavf", b"isom", b"und"):
        if word in data and rng.random() < 0.5:
            text = (
                rng.choice(STRINGS)
                .encode("utf-8", "surrogatepass")[: len(word)]
                .ljust(len(word), b"9")
            )
            data = data.replace(
                word,
                rng.choice(
                    (text, b"\xff" * len(word), b"1e99999999"[: len(word)].ljust(len(word), b"9"))
                ),
            )
    return data


# pictures


def _pictures(_: Path) -> dict[str, list[bytes]]:
    colour = frames(3, 3, 12, 16)
    deep = (colour.astype(np.uint16) * 257)[0]
    alpha = np.dstack([colour[0], np.full(colour[0].shape[:2], 255, np.uint8)])
    kinds = {
        "png": [*colour, colour[0][..., 0], alpha, deep],
        "jpg": [*colour, colour[0][..., 0]],
        "tiff": [*colour, deep],
        "bmp": [*colour, colour[0][..., 0]],
        "webp": [*colour],
    }
    out = {}
    for kind, arrays in kinds.items():
        out[kind] = [cv2.imencode(f".{kind}", one)[1].tobytes() for one in arrays]
    from PIL import Image, PngImagePlugin

    tagged = Image.fromarray(colour[0])
    exif = tagged.getexif()
    exif[0x0112] = 6
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "x" * 50, zip=True)
    for kind, options in (
        ("png", {"pnginfo": text}),
        ("png", {"exif": exif, "dpi": (72, 96)}),
        ("webp", {"exif": exif}),
        ("jpeg", {"exif": exif}),
        ("jpeg", {"dpi": (72, 96)}),
        ("tiff", {"compression": "tiff_lzw"}),
        ("tiff", {"exif": exif, "dpi": (72, 96)}),
    ):
        file = io.BytesIO()
        tagged.save(file, kind, **options)
        out["jpg" if kind == "jpeg" else kind].append(file.getvalue())
    palette = io.BytesIO()
    tagged.convert("P").save(palette, "png")
    out["png"].append(palette.getvalue())
    return out


def _picture_folder(state: dict[str, list[bytes]], rng: Random) -> dict[str, bytes]:
    kind = rng.choice(("png", "png", "png", "png", "jpg", "tiff", "bmp", "webp"))
    whole = state[kind]
    count = rng.choice((1, 2, 2, 3))
    made = {f"clip/f_{number}.{kind}": whole[number % len(whole)] for number in range(count)}
    everything = tuple(one for several in state.values() for one in several)
    broken = rng.randrange(count)
    data = damaged(rng.choice(whole), rng, everything)
    if kind == "png" and rng.random() < 0.3:
        data = png_of_size(data, rng.choice(_ABSURD), rng.choice(_ABSURD))
    made[f"clip/f_{broken}.{kind}"] = data
    rate: bytes = b'{"fps": "25"}'
    if rng.random() < 0.1:
        rate = damaged(as_json(changed({"fps": "30000/1001"}, rng), rng), rng)
    made["clip/video.json"] = rate
    return made


def png_of_size(data: bytes, width: int, height: int) -> bytes:
    """Say another size in the header of a PNG file, with the right checksum."""
    if len(data) < 33:
        return data
    head = data[12:16] + struct.pack(">II", width, height) + data[24:29]
    return data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:]


# arrays


def npy_header(text: bytes, version: tuple[int, int] = (1, 0), length: int | None = None) -> bytes:
    """Put any text where NumPy expects the description of an array."""
    size = len(text) if length is None else length
    code = "<H" if version[0] == 1 else "<I"
    return (
        b"\x93NUMPY"
        + bytes(version)
        + struct.pack(code, size % (1 << 8 * struct.calcsize(code)))
        + text
    )


_DESCRIPTIONS = (
    "'|u1'", "'|u1'", "'|O'", "'<f8'", "'|b1'", "'>u2'", "'|S9'", "'<U9'", "'<M8[s]'",
    "[('a', '|u1')]", "[('a', '|O')]", "'|u1,|O'", "'V1'", "('|u1', (3,))",
    "{'names': ['a'], 'formats': ['O']}", "1", "None", "'os.system'",
    "__import__('os').system('touch escaped')", "'|u1'.__class__", "'" + "a" * 3000 + "'",
    "'<f4', 'x': 3", "(" * 200, "[" * 3000 + "]" * 3000, "-" * 5000 + "1", "9" * 5000, "'\\x00'",
    "b'|u1'",
)  # fmt: skip
_SIDES = (
    "8", "24", "32", "3", "3", "0", "-1", "-3", "True", "1.0", "100000", "2147483648",
    "18446744073709551616", "9" * 400, "9" * 5000, "None", "'3'", "8, 8", "", "1e9", "0x7fffffff",
    "(3,)", "1_0", "8L",
)  # fmt: skip


def _described(rng: Random) -> bytes:
    def shape() -> str:
        sides = ["8", "24", "32", "3"][: rng.choice((4, 4, 4, 3, 2, 0))]
        for _ in range(rng.choice((0, 1, 1, 2))):
            if sides:
                sides[rng.randrange(len(sides))] = rng.choice(_SIDES)
        return rng.choice(("({},)", "({},)", "({})", "[{}]", "{}")).format(", ".join(sides))

    order = rng.choice(("False", "False", "True", "0", "[]"))
    kind = rng.choice(_DESCRIPTIONS)
    text = f"{{'descr': {kind}, 'fortran_order': {order}, 'shape': {shape()}, }}"
    if rng.random() < 0.1:
        text = rng.choice(
            (
                "",
                "{}",
                "[]",
                "1",
                "{'shape': 3}",
                "lambda: 1",
                "f'{1}'",
                "é" * 40,
                "\\",
                "'''",
                "{",
                "{1: 2",
            )
        )
    data = text.encode("utf-8" if rng.random() < 0.5 else "latin-1", "replace") + b"\n"
    version = rng.choice(((1, 0), (1, 0), (2, 0), (3, 0), (3, 0), (0, 0), (4, 0), (255, 255)))
    length = rng.choice((None, None, None, None, 0, 1, 65535, 2**32 - 1))
    return npy_header(data, version, length)


def _array_bytes(folder: Path) -> list[bytes]:
    clip = frames()
    write_video(folder / "a.npy", Video(clip, Fraction(25)))
    out = [(folder / "a.npy").read_bytes()]
    for array in (
        clip,
        clip[..., 0],
        np.asfortranarray(clip),
        clip / 255,
        clip[:2] > 99,
        np.array([{"a": 1}], object),
    ):
        file = io.BytesIO()
        np.save(file, array, allow_pickle=True)
        out.append(file.getvalue())
    return out


def _npy(state: list[bytes], rng: Random) -> dict[str, bytes]:
    if rng.random() < 0.5:
        data = _described(rng) + state[0][128 : 128 + rng.choice((0, 10, 18432, 18432))]
    else:
        data = damaged(rng.choice(state), rng, tuple(state))
    made = {"clip.npy": data}
    if rng.random() < 0.5:
        sidecar = {"output": {"fps": "25"}}
        made["clip.json"] = as_json(changed(sidecar, rng) if rng.random() < 0.3 else sidecar, rng)
    return made


def _zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return file.getvalue()


def _npz_seeds(folder: Path) -> list[bytes]:
    write_video(folder / "a.npz", Video(frames(), Fraction(30000, 1001)))
    plain = _array_bytes(folder)
    rate = io.BytesIO()
    np.save(rate, np.array([25, 1]))
    both = {"frames.npy": plain[0], "fps.npy": rate.getvalue()}
    kinds = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    return [
        (folder / "a.npz").read_bytes(),
        *(_zipped(both, kind) for kind in kinds),
        plain[0],
        rate.getvalue(),
    ]


def _npz(state: list[bytes], rng: Random) -> dict[str, bytes]:
    *archives, array, rate = state
    if rng.random() < 0.4:
        frames_member = _described(rng) + array[128:] if rng.random() < 0.5 else damaged(array, rng)
        rate_member = (
            npy_header(_rate_text(rng)) + rng.randbytes(16) if rng.random() < 0.5 else rate
        )
        members = {
            "frames.npy": frames_member,
            rng.choice(("fps.npy", "fps.npy", "../escaped.npy", "fps")): rate_member,
        }
        data = _zipped(members, rng.choice((0, zipfile.ZIP_DEFLATED)))
    else:
        data = damaged(rng.choice(archives), rng, tuple(archives))
        if rng.random() < 0.2:
            data = _other_header(data, rng)
    return {"clip.npz": data}


def _rate_text(rng: Random) -> bytes:
    kind = rng.choice(("<i8", "<f8", "|O", "|u1", "<U4", "|S1000000", "<c16", "|b1"))
    shape = rng.choice(
        ("(2,)", "()", "(1,)", "(0,)", "(9999999999,)", "(3,)", "(1, 2)", "(-1,)", "(2,)")
    )
    return f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()


def _other_header(data: bytes, rng: Random) -> bytes:
    """Change flags, method and sizes in the headers of a zip archive."""
    out = bytearray(data)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = -1
        while (place := out.find(mark, place + 1)) >= 0:
            if rng.random() < 0.4 and place + offset + 20 < len(out):
                at = place + offset + rng.choice((0, 2, 8, 12, 16))
                out[at : at + 2] = struct.pack(
                    "<H", rng.choice((0, 1, 8, 9, 12, 14, 93, 99, 0x41, 0x800, 0xFFFF))
                )
    return bytes(out)


def _read_npy(folder: Path) -> None:
    path = folder / "clip.npy"
    command(stst, "info", path)
    try:
        read_clip(path)
    except InputError:
        # without its rate it is read as the user says
        with open_video(path, fps=25) as reader:
            reader.read((0, len(reader)))
        raise


FORMATS = (
    _container("mkv", _masters, "mkv"),
    _container("mp4", _mp4s, "mp4"),
    _container("mov", _movs, "mov"),
    _container("avi", _avis, "avi"),
    _container("webm", _webms, "webm"),
    _container("ts", _transports, "ts"),
    _container("mpg", _programs, "mpg"),
    _container("gif", _gifs, "gif"),
    Format("pictures", _pictures, _picture_folder, lambda folder: read_clip(folder / "clip")),
    Format("npy", _array_bytes, _npy, _read_npy),
    Format("npz", _npz_seeds, _npz, lambda folder: read_clip(folder / "clip.npz")),
)
