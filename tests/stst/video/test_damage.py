"""Every refusal names the file, what was found and what to do; damage is never silent."""

import struct
import zlib

import numpy as np
import pytest
from small_clips import encode, moving, noise, save_pictures

from stst.errors import InputError
from stst.video import MAX_PIXELS, open_video, probe, read, read_video, write_video


@pytest.fixture
def clip():
    return moving()


def refused(path, words, **options):
    """Assert that reading fails with one line that names the file and matches."""
    with pytest.raises(InputError, match=words) as caught:
        read_video(path, **options)
    message = str(caught.value)
    assert path.name in message
    assert "\n" not in message
    assert message.endswith(".")


def test_missing(tmp_path):
    refused(tmp_path / "a.mp4", "does not exist")


@pytest.mark.parametrize("name", ["a.mp4", "a.npy", "a.npz", "a.gif"])
def test_empty(tmp_path, name):
    (tmp_path / name).touch()
    refused(tmp_path / name, r"is empty \(0 bytes\)")


@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.mkv", "a.gif", "a.webm"])
def test_text_by_another_name(tmp_path, name):
    (tmp_path / name).write_text("This is no video.\n" * 50)
    refused(tmp_path / name, "not a video that FFmpeg can read.*Allowed are .mp4")


def test_a_playlist_opens_nothing(tmp_path, clip):
    encode(tmp_path / "real.mp4", clip[:2])
    (tmp_path / "list.mp4").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nreal.mp4\n")
    refused(tmp_path / "list.mp4", "not a video")


def test_unknown_suffix(tmp_path):
    (tmp_path / "a.xyz").write_text("x")
    refused(tmp_path / "a.xyz", "'.xyz' is no known kind of clip.*.mkv.*folders")


def test_a_name_with_a_colon(tmp_path, clip):
    path = tmp_path / "http:clip.mp4"
    encode(f"file:{path}", clip[:2])
    assert len(read_video(path)) == 2


def test_mp4_without_index(tmp_path, clip):
    path = encode(tmp_path / "a.mp4", clip)
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"moov") - 20])
    refused(path, "no index .'moov' atom.*cut short")
    path.write_bytes(whole[:-600])
    refused(path, "cut short|not a video")


@pytest.mark.parametrize("part", [0.5, 0.8, 0.97])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm"])
def test_cut_short(tmp_path, clip, name, part):
    codec = "libvpx-vp9" if name == "a.webm" else "libx264"
    path = encode(tmp_path / name, clip, codec=codec, muxer={"movflags": "+faststart"})
    whole = path.read_bytes()
    body = whole.index(b"mdat") if name == "a.mp4" else len(whole) // 4
    path.write_bytes(whole[: int(body + part * (len(whole) - body - 300))])
    refused(path, "damaged or cut short")
    with pytest.raises(InputError):
        probe(path)


def test_a_master_without_its_last_frame(tmp_path):
    write_video(tmp_path / "a.mkv", noise(5, 16, 16), 25)
    whole = (tmp_path / "a.mkv").read_bytes()
    with open_video(tmp_path / "a.mkv") as reader:
        last = noise(5, 16, 16)[4]
        assert (reader[4] == last).all()
    import av

    with av.open(str(tmp_path / "a.mkv")) as container:
        place = [packet.pos for packet in container.demux(video=0) if packet.size][4]
    (tmp_path / "b.mkv").write_bytes(whole[:place])
    refused(tmp_path / "b.mkv", "promises 0.2 s, only 0.12 s")


def test_gif_cut_short(tmp_path):
    path = encode(tmp_path / "a.gif", noise(4, 16, 16), codec="gif", layout="rgb8")
    path.write_bytes(path.read_bytes()[:-200])
    refused(path, "end mark")


def test_changed_bytes_in_a_master(tmp_path):
    path = tmp_path / "a.mkv"
    frames = noise(4, 16, 16)
    write_video(path, frames, 25)
    whole = path.read_bytes()
    caught = 0
    for place in range(len(whole) // 3, len(whole) * 4 // 5, 211):
        bad = bytearray(whole)
        bad[place] ^= 0x10
        path.write_bytes(bad)
        try:
            # bytes between the frames may be harmless; the pixels must never differ
            assert (read_video(path).frames == frames).all()
        except InputError:
            caught += 1
    assert caught >= 5


def test_changed_bytes_in_h264(tmp_path, clip):
    path = encode(tmp_path / "a.mp4", clip, options={"crf": "8"})
    whole = bytearray(path.read_bytes())
    middle = whole.index(b"mdat") + 3000
    whole[middle : middle + 40] = bytes(40)
    path.write_bytes(whole)
    refused(path, "frame [0-9]+ (cannot be decoded|is corrupt|of 12 is missing)")


def test_range_outside(tmp_path, clip):
    path = encode(tmp_path / "a.mp4", clip)
    refused(path, r"--frames 0:60 is not inside .*a\.mp4, which has 12 frames", frames="0:60")


def test_no_pictures_moving(tmp_path):
    import av

    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        sound.rate, sound.pts = 44100, 0
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    refused(path, "holds no video stream")


def test_huge_gif_header(tmp_path):
    path = encode(tmp_path / "a.gif", noise(2, 16, 16), codec="gif", layout="rgb8")
    whole = bytearray(path.read_bytes())
    whole[6:10] = struct.pack("<HH", 65535, 65535)
    path.write_bytes(whole)
    refused(path, "65535x65535 pixels; at most 100 million")


def test_huge_png_header(tmp_path):
    folder = save_pictures(tmp_path / "f", noise(1, 16, 16))
    path = folder / "f_000.png"
    whole = bytearray(path.read_bytes())
    whole[16:24] = struct.pack(">II", 10001, 10001)
    whole[29:33] = struct.pack(">I", zlib.crc32(whole[12:29]))
    path.write_bytes(whole)
    with pytest.raises(InputError, match=r"f_000\.png: frames of 10001x10001 pixels"):
        read_video(folder, fps=25)
    whole[16:24] = struct.pack(">II", 100000, 100000)
    whole[29:33] = struct.pack(">I", zlib.crc32(whole[12:29]))
    path.write_bytes(whole)
    with pytest.raises(InputError, match="million pixels"):
        read_video(folder, fps=25)


def test_huge_array_header(tmp_path):
    path = tmp_path / "a.npy"
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1, 100000, 100000, 3), }"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + header.ljust(117) + b"\n")
    refused(path, "100000x100000 pixels", fps=25)
    assert MAX_PIXELS == 100_000_000


def test_more_than_memory(tmp_path, clip, monkeypatch):
    path = encode(tmp_path / "a.mp4", clip)
    monkeypatch.setattr(read, "available_memory", lambda: 64 * 48 * 3 * 12 - 1)
    refused(path, r"12 frames of 64x48 need 0\.0 GiB.*--frames A:B or --max-side")
    assert len(read_video(path, "0:11")) == 11
    with open_video(path) as reader:
        assert len(reader) == 12
    monkeypatch.undo()
    assert read.available_memory() > 2**20
