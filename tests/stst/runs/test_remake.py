from __future__ import annotations

import copy
import json
import shutil

import numpy as np
import pytest

from old_versions import REMEDY, copied
from small_runs import TRUST, clip, config, recorded
from stst.errors import InputError, StstError
from stst.runs.job import Job
from stst.runs.remake import differences, job_of_sidecar
from stst.runs.sidecar import Sidecar, read_sidecar

TRUSTED = TRUST[1::2]


@pytest.fixture(scope="module")
def stimuli(tmp_path_factory):
    """A folder with a.mkv, b_seed3.npy, b_seed4.npy and pictures/, all of natural.npz."""
    folder = tmp_path_factory.mktemp("stimuli")
    natural = clip(folder / "natural.npz")
    color = clip(folder / "color.npz", seed=1)
    targets = {"color": str(color)}
    for name, changes in (
        ("a.mkv", {"targets": targets, "input": {"frames": "0:2"}}),
        ("b.npy", {"seed": 3, "samples": 2}),
        ("pictures.v2/", {}),
    ):
        list(Job(natural, f"{folder}/{name}", config(**changes), threads=1).run())
    return folder


@pytest.fixture
def folder(stimuli, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(stimuli, tmp_path / "copy")


def remade(sidecar, **options):
    made = job_of_sidecar(sidecar, trusted=TRUSTED, **options)
    *_, end = made.run()
    (files,) = end.outputs
    return files


@pytest.mark.parametrize("name", ["a.mkv", "b_seed3.npy", "b_seed4.npy"])
def test_the_same_file_again(stimuli, tmp_path, name):
    before = (stimuli / name).read_bytes()
    sidecar = (stimuli / name).with_suffix(".json")
    files = remade(sidecar, output=str(tmp_path / f"new{name[-4:]}"))
    assert files["master"].read_bytes() == before
    old, new = recorded(sidecar), recorded(files["sidecar"])
    assert differences(read_sidecar(sidecar), read_sidecar(files["sidecar"])) == []
    assert new["environment"]["batch"] == old["environment"]["batch"]
    assert new["environment"]["threads"] == 1
    assert new["seed"] == old["seed"]
    assert new["per_frame"] == old["per_frame"]
    # and once more, from the new sidecar in the other folder
    again = remade(files["sidecar"], output=str(tmp_path / f"again{name[-4:]}"))
    assert again["master"].read_bytes() == before


def test_the_recorded_threads_and_batch_come_back(stimuli, tmp_path):
    content = recorded(stimuli / "b_seed4.json")
    content["environment"]["threads"] = 3
    path = stimuli / "threads.json"
    path.write_text(json.dumps(content))
    made = job_of_sidecar(path, trusted=TRUSTED, output=f"{tmp_path}/x.npy")
    assert (made.threads, made.config.seeds, made.only) == (3, (3, 4), (4,))


def test_in_place(folder):
    before = (folder / "b_seed4.npy").read_bytes()
    with pytest.raises(InputError, match=r"b_seed4\.npy exists"):
        remade(folder / "b_seed4.json")
    other = (folder / "b_seed3.json").read_bytes()
    (folder / "b_seed4.npy").write_bytes(b"lost")
    assert remade(folder / "b_seed4.json", overwrite=True)["master"] == folder / "b_seed4.npy"
    assert (folder / "b_seed4.npy").read_bytes() == before
    assert (folder / "b_seed3.json").read_bytes() == other, "the others are left alone"
    assert not (folder / "b.run").exists()


def test_a_folder_that_is_gone(folder):
    before = {p.name: p.read_bytes() for p in (folder / "pictures.v2").iterdir()}
    shutil.rmtree(folder / "pictures.v2")
    for name in ("pictures.v2.preview.mp4",):
        (folder / name).unlink()
    files = remade(folder / "pictures.v2.json", overwrite=True)
    assert files["master"] == folder / "pictures.v2"
    assert {p.name: p.read_bytes() for p in files["master"].iterdir()} == before


def test_inputs_that_have_moved(folder, tmp_path):
    (folder / "natural.npz").rename(tmp_path / "moved.npz")
    with pytest.raises(InputError, match=r"natural clip is not at .*natural\.npz\. .*`inputs={'n"):
        remade(folder / "a.json", overwrite=True)
    before = (folder / "a.mkv").read_bytes()
    inputs = {"natural": tmp_path / "moved.npz"}
    files = remade(folder / "a.json", overwrite=True, inputs=inputs)
    assert files["master"].read_bytes() == before
    natural, _ = recorded(files["sidecar"])["inputs"]
    assert natural["path"] == "../moved.npz"


@pytest.mark.parametrize("role", ["natural", "color"])
def test_inputs_that_have_changed(folder, role):
    path = folder / f"{role}.npz"
    path.unlink()
    clip(path, seed=7)
    with pytest.raises(InputError, match=rf"its frames are not .* recorded {role} clip") as caught:
        remade(folder / "a.json", overwrite=True)
    assert str(path) in str(caught.value)
    assert f"`inputs={ {role: 'PATH'} }`" in str(caught.value)


def test_another_file_with_the_same_frames_will_do(folder):
    """The frames count, not the bytes of the file."""
    frames = np.load(folder / "natural.npz")["frames"]
    np.savez_compressed(folder / "packed.npz", frames=frames, fps=[30000, 1001])
    before = (folder / "b_seed3.npy").read_bytes()
    inputs = {"natural": folder / "packed.npz"}
    files = remade(folder / "b_seed3.json", overwrite=True, inputs=inputs)
    assert files["master"].read_bytes() == before


@pytest.mark.parametrize("name", ["a" * 5000, "a\0b", "a\nb\x1b[2J"])
def test_an_input_whose_name_no_file_has(folder, tmp_path, name):
    content = json.loads((folder / "a.json").read_text())
    content["inputs"][0]["path"] = name
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="natural clip is not at") as caught:
        job_of_sidecar(tmp_path / "a.json", trusted=TRUSTED)
    assert str(caught.value).isprintable()


def test_an_input_that_there_is_not(stimuli):
    with pytest.raises(InputError, match=r"`inputs` tiger: .* It has: natural, color"):
        job_of_sidecar(
            stimuli / "a.json", trusted=TRUSTED, inputs={"tiger": stimuli / "natural.npz"}
        )


def test_models_named_in_a_sidecar_are_not_trusted(stimuli, tmp_path):
    for trusted in ((), TRUSTED[:1], TRUSTED[1:]):
        with pytest.raises(InputError, match=r"give `trusted=\['tiny_model:"):
            job_of_sidecar(stimuli / "a.json", trusted=trusted, output=f"{tmp_path}/x.mkv")


def test_a_device_that_is_not_here(stimuli, tmp_path):
    content = recorded(stimuli / "a.json")
    content["environment"]["device"] = "cuda:99 (NVIDIA Something)"
    path = stimuli / "gpu.json"
    path.write_text(json.dumps(content))
    made = job_of_sidecar(path, trusted=TRUSTED, output=f"{tmp_path}/x.mkv")
    assert made.config.device == "cuda:99"
    with pytest.raises(InputError, match="'cuda:99' is not available here. There are: .*cpu"):
        list(made.run())
    made = job_of_sidecar(path, trusted=TRUSTED, output=f"{tmp_path}/x.mkv", device="cpu")
    assert made.config.device == "cpu"


def test_a_remake_can_be_continued(stimuli, tmp_path):
    words = {"trusted": TRUSTED, "output": f"{tmp_path}/x.npy"}
    made = job_of_sidecar(stimuli / "b_seed4.json", **words)
    events = made.run()
    assert [type(next(events)).__name__ for _ in range(6)][-1] == "Checkpointed"
    events.close()
    with pytest.raises(InputError, match=r"x\.run exists"):
        job_of_sidecar(stimuli / "b_seed4.json", **words)
    *_, end = job_of_sidecar(stimuli / "b_seed4.json", **words, resume=True).run()
    made = end.outputs[0]["master"]
    assert made.read_bytes() == (stimuli / "b_seed4.npy").read_bytes()


def places(tree, path=()):
    yield path
    for key, value in (
        tree.items() if isinstance(tree, dict) else list(enumerate(tree))[:2]
        if isinstance(tree, list) else ()
    ):  # fmt: skip
        yield from places(value, (*path, key))


def test_damaged_sidecars_are_refused(stimuli, tmp_path, monkeypatch):
    """Any entry gone or of another kind: refused in one line, or harmless."""
    content = recorded(stimuli / "a.json")
    for key in ("per_frame", "warnings", "seconds"):
        del content[key]
    monkeypatch.setattr(Job, "inputs", lambda self: [])
    sidecar = stimuli / "damaged.json"
    counts = {"refused": 0, "accepted": 0}
    for place in places(content):
        if not place:
            continue
        for value in ("gone", None, -1, "../x", [None], {"a": 1}):
            damaged = copy.deepcopy(content)
            node = damaged
            for key in place[:-1]:
                node = node[key]
            if value == "gone":
                del node[place[-1]]
            else:
                node[place[-1]] = value
            sidecar.write_text(json.dumps(damaged))
            for output in (f"{tmp_path}/x.mkv", None):
                try:
                    job_of_sidecar(sidecar, output=output, overwrite=True, trusted=TRUSTED)
                except StstError as error:
                    counts["refused"] += 1
                    if "\n" in str(error):
                        raise AssertionError(place) from error
                else:
                    counts["accepted"] += 1
    sidecar.unlink()
    assert counts["refused"] > 200
    assert counts["accepted"] > 100


def test_another_method(stimuli, tmp_path):
    content = recorded(stimuli / "a.json") | {"method": "dreaming"}
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="method 'dreaming' cannot be remade here"):
        job_of_sidecar(tmp_path / "a.json", trusted=TRUSTED)


@pytest.mark.parametrize("name", ["../a.mkv", "/a.mkv", "", None, 3, "..", "x/"])
def test_the_recorded_name_stays_in_its_folder(stimuli, name):
    content = recorded(stimuli / "a.json")
    content["output"]["path"] = name
    path = stimuli / "name.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="output.path is|names no file"):
        job_of_sidecar(path, trusted=TRUSTED, overwrite=True)
    path.unlink()


def test_differences():
    before = {
        **{"schema_version": 2, "method": "stst", "config": {}, "inputs": []},
        "output": {"frames_sha256": "1"},
        "environment": {"threads": 1, "device": "cpu"},
        "weights": [{"name": "vgg19", "hash": "a"}],
    }
    after = copy.deepcopy(before) | {"output": {"frames_sha256": "2"}}

    def found():
        return differences(Sidecar.model_validate(before), Sidecar.model_validate(after))

    assert found() == ["the frames are not the recorded ones"]
    after["environment"]["threads"] = 2
    after["weights"][0]["hash"] = "b"
    assert found()[1:] == ["threads was 1, is 2", "weights vgg19 was a, is b"]
    after["output"] = before["output"]
    assert found() == []


@pytest.mark.parametrize("name", ["metamer", "scrambled"])
@pytest.mark.parametrize(
    "options", [{}, {"overwrite": True}, {"resume": True}, {"output": "x.npy"}]
)
def test_what_version_0_1_made_is_its_to_remake(tmp_path, name, options):
    folder = copied(tmp_path / "old")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=r"napari-stst 0\.1\.0 made it") as caught:
        job_of_sidecar(folder / f"{name}.json", trusted=TRUSTED, **options)
    assert str(caught.value).startswith(f"{folder / name}.json: ")
    assert REMEDY in str(caught.value)
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
