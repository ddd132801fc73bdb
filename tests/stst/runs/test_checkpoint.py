from __future__ import annotations

import io
import os
import zipfile

import numpy as np
import pytest

from stst.engine.events import Checkpoint
from stst.errors import InputError
from stst.runs.checkpoint import Checkpoints
from stst.utils.files import write_whole

RNG = np.random.default_rng(0)


@pytest.fixture
def run(tmp_path):
    (tmp_path / "frames").mkdir()
    return Checkpoints(tmp_path, (0, 1))


def keep(run, frame, value=None):
    images = np.full((2, 4, 5, 3), abs(frame) if value is None else value, np.uint8)
    state = RNG.random((2, 3, 4, 5), np.float32)
    run.keep(frame, images, ({"clipped": 0.5}, {"clipped": frame}), state, 1.5)
    return state


class TestCheckpoints:
    def test_nothing_is_finished_at_first(self, run):
        assert run.state() is None
        assert run.count_finished() == 0
        assert list(run.frames(0)) == run.statistics(1) == []

    def test_padding_leaves_a_state_only(self, run):
        keep(run, -3)
        assert run.count_finished() == 0
        state = keep(run, -2)
        found = run.state()
        assert (found.frame, found.seconds) == (-2, 1.5)
        assert np.array_equal(found.images, state)
        assert os.listdir(run.path / "frames") == []

    def test_frames_and_statistics(self, run):
        keep(run, 0)
        state = keep(run, 1, 9)
        assert run.count_finished() == 2
        assert [int(frame[0, 0, 0]) for frame in run.frames(1)] == [0, 9]
        assert run.statistics(1) == [{"frame": 0, "clipped": 0}, {"frame": 1, "clipped": 1}]
        assert run.state().images.dtype == np.float32
        assert np.array_equal(run.state().images, state)

    def test_a_frame_without_its_state_does_not_count(self, run, monkeypatch):
        keep(run, 0)

        def cut(path, overwrite):
            if path.name == "state.npz":
                raise KeyboardInterrupt
            return write_whole(path, overwrite)

        monkeypatch.setattr("stst.runs.checkpoint.write_whole", cut)
        with pytest.raises(KeyboardInterrupt):
            keep(run, 1)
        assert (run.path / "frames/000001.npz").exists()
        assert run.count_finished() == 1
        assert len(list(run.frames(0))) == 1


def test_damaged_frames(run):
    """Whatever happens to a file, it is refused by name or read as it was."""
    keep(run, 0)
    for name, read in (("state.npz", run.state), ("frames/000000.npz", lambda: [*run.frames(0)])):
        path = run.path / name
        whole = path.read_bytes()
        damages = [b"", whole[:50], whole[:-30], b"\x93NUMPY" + whole, b"PK\x03\x04", bytes(99)]
        buffer = io.BytesIO()
        np.save(buffer, np.zeros(3))
        damages.append(buffer.getvalue())
        buffer = io.BytesIO()
        np.savez(buffer, other=np.zeros(3))
        damages.append(buffer.getvalue())
        buffer = io.BytesIO()
        np.savez(buffer, frame=np.array([object()]), images=np.array([object()]))
        damages.append(buffer.getvalue())
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("frame.npy", b"text")
            archive.writestr("images.npy", b"text")
        damages.append(buffer.getvalue())
        for place in range(0, len(whole), 17):
            damages.append(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        refused = 0
        for damage in damages:
            path.write_bytes(damage)
            try:
                read()
            except InputError as error:
                refused += str(path) in str(error)
        assert refused > 10
        path.write_bytes(whole)


class TestDamaged:
    """What is well-formed and means nothing."""

    @pytest.fixture
    def run(self, tmp_path):
        (tmp_path / "frames").mkdir()
        run = Checkpoints(tmp_path, (0, 1))
        images = np.zeros((2, 6, 7, 3), np.uint8)
        run.keep(0, images, [{"clipped": 0.0}] * 2, np.zeros((2, 3, 6, 7), np.float32), 1.0)
        return run

    def changed(self, path, **values):
        with np.load(path) as data:
            arrays = {**data, **values}
        np.savez(path, **arrays)

    @pytest.mark.parametrize(
        "values",
        [
            {"frame": np.array(1j)},
            {"frame": np.array("0")},
            {"frame": np.zeros(2)},
            {"seconds": np.array(np.nan)},
            {"state": np.full((2, 3, 6, 7), np.nan, np.float32)},
            {"state": np.array("x")},
        ],
    )
    def test_state(self, run, values):
        self.changed(run.path / "state.npz", **values)
        with pytest.raises(InputError, match=r"state\.npz is missing or damaged \(.* of shape"):
            run.state()

    @pytest.mark.parametrize(
        "images", [np.array(1, np.uint8), np.zeros((1, 6, 7, 3), np.uint8), np.zeros((2, 6, 7, 3))]
    )
    def test_images(self, run, images):
        self.changed(run.path / "frames" / "000000.npz", images=images)
        with pytest.raises(InputError, match=r"000000\.npz is missing or damaged \(images is"):
            list(run.frames(1))

    @pytest.mark.parametrize("text", ["", "[{", "[]", "[1, 2]", "{}", "[" * 9999])
    def test_statistics(self, run, text):
        self.changed(run.path / "frames" / "000000.npz", statistics=np.array(text))
        with pytest.raises(InputError, match=r"000000\.npz is missing or damaged \(its statistics"):
            run.statistics(1)

    def test_arrays_of_an_older_python_are_no_warning(self, run):
        path = run.path / "state.npz"
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        whole = members["state.npy"]
        assert b"(2, 3, 6, 7), " in whole
        members["state.npy"] = whole.replace(b"(2, 3, 6, 7), ", b"(2L, 3, 6, 7),")
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        state = run.state()
        assert state is not None
        assert state.images.shape == (2, 3, 6, 7)

    def test_interim(self, run):
        run.keep_checkpoint(Checkpoint(1, {"a": np.zeros(2)}, 0, 0), 1.0)
        self.changed(run.path / "interim.npz", iteration=np.array("1"))
        with pytest.raises(InputError, match=r"interim\.npz is missing or damaged \(iteration is"):
            run.checkpoint()
