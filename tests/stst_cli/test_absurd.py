"""Absurd but well-formed clips: commands refuse or stream them, in little memory and time."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zipfile
import zlib
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from patience import patience
from stst.video import write_video

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="measures memory as Linux does")


MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10)
"""


def measured(*words: object, folder: Path, program: str = "stst_cli") -> tuple[int, str, int]:
    """Run a command; give exit code, what it said, and its peak memory in MiB."""
    # a process keeps the peak of the one that it was forked from, and this one's is high
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, sys.executable, "-m", program, *map(str, words)],
        capture_output=True, text=True, cwd=folder, timeout=patience(300), check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    code, peak = map(int, done.stdout.splitlines()[-1].split())
    return code, done.stdout + done.stderr, peak


def still(count: int, height: int, width: int) -> np.ndarray:
    return np.zeros((count, height, width, 3), np.uint8)


def header(shape: tuple[int, ...]) -> bytes:
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def master(folder: Path) -> Path:
    """A master whose header says 65535 x 65535 pixels."""
    path = folder / "a.mkv"
    write_video(path, still(1, 300, 301), 25)
    whole = path.read_bytes()
    size = bytes.fromhex("b082012dba82012c")
    assert whole.count(size) == 1
    path.write_bytes(whole.replace(size, bytes.fromhex("b082ffffba82ffff")))
    return path


def pictures(folder: Path) -> Path:
    (folder / "f").mkdir()
    whole = bytearray(cv2.imencode(".png", still(1, 16, 16)[0])[1].tobytes())
    whole[16:24] = struct.pack(">II", 100_000, 100_000)
    whole[29:33] = struct.pack(">I", zlib.crc32(whole[12:29]))
    (folder / "f" / "f_0.png").write_bytes(whole)
    return folder / "f"


def array(folder: Path) -> Path:
    (folder / "a.npy").write_bytes(header((1, 100_000, 100_000, 3)))
    return folder / "a.npy"


def endless_array(folder: Path) -> Path:
    (folder / "a.npy").write_bytes(header((10**12, 24, 32, 3)) + bytes(1 << 16))
    return folder / "a.npy"


@pytest.mark.parametrize("make", [master, pictures, array, endless_array])
def test_headers(tmp_path, make):
    path = make(tmp_path)
    code, said, peak = measured("info", path.name, folder=tmp_path)
    assert code == 2
    line = said.splitlines()[-1]
    assert line.startswith(f"Error: {path.name}")
    assert "pixels" in line or "promised" in line
    assert peak < 200


def bomb(folder: Path, frames: int) -> Path:
    """An archive that unpacks to 3 MB a frame."""
    path, info = folder / "bomb.npz", zipfile.ZipInfo("frames.npy")
    info.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open(info, "w", force_zip64=True) as member:
            member.write(header((frames, 1000, 1000, 3)))
            for _ in range(frames):
                member.write(bytes(3_000_000))
        with archive.open("fps.npy", "w") as member:
            np.lib.format.write_array(member, np.array([25, 1]))
    return path


def test_an_archive_that_unpacks_to_much(tmp_path):
    path = bomb(tmp_path, 200)
    assert path.stat().st_size < 1_000_000
    code, said, peak = measured("info", path.name, folder=tmp_path)
    assert (code, peak < 200) == (0, True), said
    code, said, peak = measured("convert", path.name, "b.mkv", "--frames", "90:92", folder=tmp_path)
    assert (code, peak < 300) == (0, True), said


def long_clip(path: Path, count: int, each: int = 250) -> Path:
    """H.264 of tiny frames: the packets of a short clip, again and again."""
    import av

    short = path.with_name("short.mp4")
    noise = np.random.default_rng(0).integers(0, 256, (each, 24, 32, 3), dtype=np.uint8)
    write_video(short, noise // 4, 25)
    with av.open(str(short)) as source, av.open(str(path), "w") as out:
        template = source.streams.video[0]
        stream = out.add_stream_from_template(template)
        assert template.time_base is not None
        step = int(Fraction(1, 25) / template.time_base)
        packets = [one for one in source.demux(template) if one.size]
        packets.sort(key=lambda one: one.dts or 0)
        for turn in range(count // each):
            for one in packets:
                packet = av.Packet(bytes(one))
                packet.stream, packet.time_base = stream, template.time_base
                packet.duration, packet.is_keyframe = step, one.is_keyframe
                packet.pts = (one.pts or 0) + turn * each * step
                packet.dts = (one.dts or 0) + turn * each * step
                out.mux(packet)
    return path


@pytest.mark.slow
def test_a_clip_of_two_hours(tmp_path):
    path = long_clip(tmp_path / "long.mp4", 160_000)
    code, said, peak = measured("info", path.name, folder=tmp_path)
    assert (code, peak < 250) == (0, True), said
    assert "160000" in said
    words = ("synthesize", path.name, "-o", "x.mkv", "--model", "builtin", "--dry-run")
    code, said, peak = measured(*words, folder=tmp_path)
    assert (code, peak < 1500) == (0, True), said
    assert "160000 of 24x32 px" in said


@pytest.mark.slow
def test_a_long_clip_is_described_from_its_packets(tmp_path):
    path = long_clip(tmp_path / "long.mp4", 20_000)
    code, said, peak = measured("info", path.name, folder=tmp_path)
    assert (code, peak < 200) == (0, True), said
    assert "20000" in said
