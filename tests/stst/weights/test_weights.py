"""Weights: registry, look-up, every file format, damaged and malicious files, imports."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from stst import weights
from stst.errors import InputError, StstError
from stst.weights import formats, layouts, locate, registry
from stst.weights.hdf5 import read_arrays

REAL = os.environ.get("STST_WEIGHTS_DIR")
H5_NAME = "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("STST_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("STST_WEIGHTS_DIR", str(tmp_path / "own"))
    (tmp_path / "own").mkdir()
    (tmp_path / "cache").mkdir()


@pytest.fixture
def own(tmp_path):
    return tmp_path / "own"


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def vgg_arrays(*layers: str) -> dict[str, np.ndarray]:
    """Give kernels (O, I, H, W) and biases of a few layers."""
    rng = np.random.default_rng(0)
    arrays = {}
    for layer in layers or ("conv1_1", "conv1_2"):
        shape = layouts.VGG19_SHAPES[layer]
        arrays[f"{layer}.weight"] = rng.standard_normal(shape).astype(np.float32)
        arrays[f"{layer}.bias"] = rng.standard_normal(shape[0]).astype(np.float32)
    return arrays


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    named = {}
    for name, array in arrays.items():
        layer, _, part = name.partition(".")
        last = array.transpose(2, 3, 1, 0) if part == "weight" else array
        named[f"{layer}_{part[0]}"] = last
    np.savez(path, **named)
    return path


def write_h5(path: Path, arrays: dict[str, np.ndarray], style: str = "old") -> Path:
    with h5py.File(path, "w") as file:
        file.create_group("block1_pool")
        for name, array in arrays.items():
            layer, _, part = name.partition(".")
            group = f"block{layer[4]}_conv{layer[6]}"
            if style == "old":
                dataset = f"{group}/{group}_{'W' if part == 'weight' else 'b'}_1:0"
            else:
                dataset = f"{group}/{group}/{'kernel' if part == 'weight' else 'bias'}:0"
            last = array.transpose(2, 3, 1, 0) if part == "weight" else array
            file.create_dataset(dataset, data=last)
    return path


def write_pth(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    index = {name: number for number, name in layouts.VGG19_BY_INDEX.items()}
    state = {"classifier.0.weight": torch.zeros(2, 2)}
    for name, array in arrays.items():
        layer, _, part = name.partition(".")
        state[f"features.{index[layer]}.{part}"] = torch.from_numpy(array)
    torch.save(state, path)
    return path


def msoe_arrays() -> dict[str, np.ndarray]:
    shapes = {
        "conv1": (2, 11, 11, 1, 32),
        "conv2": (1, 1, 1, 32, 64),
        "conv3": (1, 3, 3, 320, 64),
        "conv4": (1, 1, 1, 64, 2),
    }
    rng = np.random.default_rng(1)
    arrays = {f"{name}_w": rng.random(shape, np.float32) for name, shape in shapes.items()}
    return arrays | {f"{name}_b": np.ones(shape[-1], np.float32) for name, shape in shapes.items()}


def publish(monkeypatch: pytest.MonkeyPatch, name: str, path: Path) -> None:
    """Pretend that a file is what the publisher of an entry published."""
    from dataclasses import replace

    hash_ = registry.Hash("sha256", hashlib.sha256(path.read_bytes()).hexdigest())
    entry = replace(registry.REGISTRY[name], hash=hash_)
    monkeypatch.setitem(registry.REGISTRY, name, entry)


def same(loaded: weights.LoadedWeights, arrays: dict[str, np.ndarray]) -> None:
    assert list(loaded.tensors) == list(arrays)
    for name, array in arrays.items():
        assert loaded.tensors[name].dtype == torch.float32
        np.testing.assert_array_equal(loaded.tensors[name].numpy(), array)


class TestRegistry:
    def test_torchvision_entries_are_torchvisions_own(self):
        from torchvision.models import get_weight

        entries = [entry for entry in weights.REGISTRY.values() if entry.torchvision]
        assert entries
        for entry in entries:
            member = get_weight(entry.torchvision)
            assert entry.url == member.url
            assert entry.size == pytest.approx(member.meta["_file_size"] * 2**20, rel=1e-3)

    def test_every_video_model_of_torchvision_is_there(self):
        from torchvision.models import get_model_weights, list_models, video

        published = {
            f"{type(member).__name__}.{member.name}"
            for name in list_models(module=video)
            for member in get_model_weights(name)
        }
        assert len(published) == 10  # of nine models
        assert published <= {entry.torchvision for entry in weights.REGISTRY.values()}

    def test_layers_are_those_of_torchvisions_vgg19(self):
        from torchvision.models import vgg19

        with torch.device("meta"):
            features = vgg19().features
        found = {i: tuple(m.weight.shape) for i, m in enumerate(features) if hasattr(m, "weight")}
        named = layouts.VGG19_BY_INDEX
        assert found == {index: layouts.VGG19_SHAPES[name] for index, name in named.items()}

    def test_an_entry_cannot_be_defined_twice(self):
        entry = weights.REGISTRY["msoe"]
        with pytest.raises(ValueError, match=r"msoe.*defined twice"):
            registry._by_name([entry, entry])

    def test_unknown_name_suggests(self):
        with pytest.raises(InputError, match=r"'vgg19-kers'\. Did you mean vgg19-keras"):
            weights.find("vgg19-kers")

    def test_prefix_of_a_hash(self):
        published = registry.Hash("sha256", "dcbb9e9d")
        assert published.agrees("DCBB9E9D" + "0" * 56)
        assert not published.agrees("0" * 64)
        assert str(published) == "sha256:dcbb9e9d…"

    def test_import_is_light(self):
        code = "import sys, stst.weights, stst_cli.make.weights; sys.exit('torch' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class TestFind:
    def test_missing(self):
        assert weights.find("msoe") is None

    def test_own_folder_goes_before_the_cache(self, own, cache):
        np.savez(cache / "msoe.npz", **msoe_arrays())
        assert weights.find("msoe").path == cache / "msoe.npz"
        assert weights.find("msoe").place == "cache"
        np.savez(own / "weights.npz", **msoe_arrays())
        assert weights.find("msoe").path == own / "weights.npz"
        assert weights.find("msoe").place == "STST_WEIGHTS_DIR"

    def test_order_within_a_folder(self, own):
        for name in ("vgg19_b.npz", "vgg19_a.npz", "vgg19-keras.safetensors", H5_NAME):
            (own / name).write_bytes(b"x")
        for name in (H5_NAME, "vgg19-keras.safetensors", "vgg19_a.npz", "vgg19_b.npz"):
            assert weights.find("vgg19-keras").path == own / name
            (own / name).unlink()

    def test_cache_without_environment_is_the_systems(self, monkeypatch):
        import pooch

        monkeypatch.delenv("STST_CACHE_DIR")
        assert weights.cache_dir() == Path(pooch.os_cache("napari-stst"))

    def test_own_folder_that_is_none(self, monkeypatch, tmp_path):
        monkeypatch.setenv("STST_WEIGHTS_DIR", str(tmp_path / "nowhere"))
        with pytest.raises(
            InputError, match=r"STST_WEIGHTS_DIR is .*nowhere, which is not a folder"
        ):
            weights.find("msoe")
        monkeypatch.delenv("STST_WEIGHTS_DIR")
        assert weights.weights_dir() is None

    def test_hash_states(self, own, monkeypatch):
        np.savez(own / "msoe.npz", **msoe_arrays())
        found = weights.find("msoe")
        assert (found.hash_state, found.expected[:15]) == ("mismatch", "sha256:99c984d7")
        publish(monkeypatch, "msoe", own / "msoe.npz")
        assert weights.find("msoe").hash_state == "verified"
        write_npz(own / "vgg19_some.npz", vgg_arrays())
        assert weights.find("vgg19-keras").hash_state == "unverified"

    def test_damaged_record(self, cache):
        write_npz(cache / "vgg19_some.npz", vgg_arrays())
        for text, message in (("{", "cannot be read"), ("[]", "no JSON object")):
            (cache / "vgg19_some.npz.json").write_text(text)
            with pytest.raises(InputError, match=message):
                weights.find("vgg19-keras")


class TestLoadVgg:
    def test_npz_by_name(self, own):
        arrays = vgg_arrays("conv1_1", "conv1_2", "conv2_1")
        path = write_npz(own / "vgg19_first.npz", arrays)
        loaded = weights.load_vgg19("keras")
        same(loaded, arrays)
        assert loaded.layers == ("conv1_1", "conv1_2", "conv2_1")
        assert loaded.convention == "keras"
        assert not loaded.verified
        assert loaded.provenance() == {
            "name": "vgg19-keras",
            "file": "vgg19_first.npz",
            "hash": f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}",
            "source": "local file",
            "verified": False,
        }

    @pytest.mark.parametrize("style", ["old", "new"])
    def test_hdf5_with_the_published_hash(self, own, monkeypatch, style):
        arrays = vgg_arrays()
        publish(monkeypatch, "vgg19-keras", write_h5(own / H5_NAME, arrays, style))
        loaded = weights.load_vgg19("keras")
        same(loaded, arrays)
        assert loaded.convention == "keras"
        assert loaded.verified
        assert loaded.source.startswith("https://storage.googleapis.com/")

    def test_published_file_under_another_name(self, tmp_path, monkeypatch):
        path = write_h5(tmp_path / "mine.h5", vgg_arrays())
        publish(monkeypatch, "vgg19-keras", path)
        loaded = weights.load_vgg19(str(path))
        assert (loaded.name, loaded.verified) == ("vgg19-keras", True)

    def test_pth(self, own, monkeypatch):
        arrays = vgg_arrays()
        publish(monkeypatch, "vgg19-torchvision", write_pth(own / "vgg19-dcbb9e9d.pth", arrays))
        loaded = weights.load_vgg19("torchvision")
        same(loaded, arrays)
        assert loaded.convention == "torchvision"

    def test_paths_need_no_entry(self, tmp_path):
        arrays = vgg_arrays()
        path = write_pth(tmp_path / "mine.pth", arrays)
        loaded = weights.load_vgg19(str(path))
        same(loaded, arrays)
        assert (loaded.name, loaded.convention, loaded.verified) == ("vgg19", "torchvision", False)
        assert weights.load_vgg19(str(write_npz(tmp_path / "m.npz", arrays))).convention == "keras"

    def test_half_precision_becomes_single(self, tmp_path):
        arrays = {name: array.astype(np.float16) for name, array in vgg_arrays().items()}
        loaded = weights.load_vgg19(str(write_pth(tmp_path / "half.pth", arrays)))
        same(loaded, {name: array.astype(np.float32) for name, array in arrays.items()})

    def test_safetensors_must_say_their_input(self, own, tmp_path):
        tensors = {name: torch.from_numpy(array) for name, array in vgg_arrays().items()}
        save_file(tensors, tmp_path / "plain.safetensors")
        with pytest.raises(InputError, match=r"does not say which input.*stst weights import"):
            weights.load_vgg19(str(tmp_path / "plain.safetensors"))
        save_file(tensors, own / "vgg19-keras.safetensors")
        assert weights.load_vgg19("keras").convention == "keras"
        said = {"stst": json.dumps({"convention": "torchvision"})}
        save_file(tensors, own / "vgg19-keras.safetensors", said)
        with pytest.raises(InputError, match=r"made for torchvision.*taken for vgg19-keras"):
            weights.load_vgg19("keras")
        assert weights.load_vgg19(str(own / "vgg19-keras.safetensors")).convention == "torchvision"
        save_file(tensors, tmp_path / "odd.safetensors", {"stst": '{"convention": "bgr"}'})
        with pytest.raises(InputError, match="convention 'bgr', expected keras or torchvision"):
            weights.load_vgg19(str(tmp_path / "odd.safetensors"))

    def test_unknown_source(self):
        with pytest.raises(InputError, match="'kears': expected keras, torchvision or the path"):
            weights.load_vgg19("kears")

    def test_offline_and_missing(self, own):
        with pytest.raises(InputError) as raised:
            weights.load_vgg19("keras")
        for part in (
            H5_NAME,
            str(own),
            "STST_WEIGHTS_DIR",
            "stst weights fetch vgg19-keras",
            "stst weights import FILE vgg19-keras",
            '`model="builtin"`',
        ):
            assert part in str(raised.value)


class TestLoadOthers:
    def test_msoe(self, own, monkeypatch):
        arrays = msoe_arrays()
        np.savez(own / "msoe.npz", **arrays)
        publish(monkeypatch, "msoe", own / "msoe.npz")
        loaded = weights.load_msoe()
        shapes = {name: tuple(tensor.shape) for name, tensor in loaded.tensors.items()}
        assert shapes["conv1.weight"] == (32, 2, 11, 11)
        assert shapes["conv3.weight"] == (64, 320, 3, 3)
        assert loaded.layers == ("conv1", "conv2", "conv3", "conv4")
        # output 5, second frame, row 3, column 7
        assert loaded.tensors["conv1.weight"][5, 1, 3, 7] == arrays["conv1_w"][1, 3, 7, 0, 5]
        assert loaded.tensors["conv3.weight"][5, 9, 0, 2] == arrays["conv3_w"][0, 0, 2, 9, 5]
        assert loaded.convention is None
        assert loaded.verified

    def test_changed_msoe_is_refused_by_name_but_not_by_path(self, own):
        np.savez(own / "msoe.npz", **msoe_arrays())
        with pytest.raises(InputError, match=r"expected sha256:99c984d7.*found sha256:.*its path"):
            weights.load_msoe()
        loaded = weights.load_msoe(str(own / "msoe.npz"))
        assert (loaded.name, loaded.verified, loaded.source) == ("msoe", False, "local file")

    def test_other_networks_keep_names_and_shapes(self, own, monkeypatch):
        entry = registry.torchvision_entry("tiny", "Tiny.V1", "tiny-00000000.pth")
        monkeypatch.setitem(registry.REGISTRY, "tiny", entry)
        state = {"fc.weight": torch.ones(2, 3), "bn.num_batches_tracked": torch.tensor(4)}
        torch.save(state, own / "tiny-00000000.pth")
        publish(monkeypatch, "tiny", own / "tiny-00000000.pth")
        loaded = weights.load_tensors("tiny")
        assert loaded.convention == "torchvision"
        assert loaded.tensors["bn.num_batches_tracked"].dtype == torch.int64
        with pytest.raises(InputError, match="tiny are not vgg19 but as-is"):
            weights.load_tensors("tiny", layout="vgg19")

    def test_missing_classifier_does_not_offer_builtin(self, monkeypatch):
        entry = registry.torchvision_entry("tiny", "Tiny.V1", "tiny-00000000.pth")
        monkeypatch.setitem(registry.REGISTRY, "tiny", entry)
        with pytest.raises(InputError) as raised:
            weights.load_tensors("tiny")
        assert "builtin" not in str(raised.value)


class TestWrongFiles:
    def refused(self, path: Path, match: str, layout: str = "vgg19") -> None:
        with pytest.raises(InputError, match=match) as raised:
            weights.load_tensors(path, layout)
        assert str(path) in str(raised.value)

    def test_no_file_and_no_format(self, tmp_path):
        self.refused(tmp_path / "none.npz", "no such weights file")
        (tmp_path / "a.txt").write_text("x")
        self.refused(tmp_path / "a.txt", r"Allowed: \.h5, .*\.safetensors")

    @pytest.mark.parametrize("suffix", [".npz", ".pth", ".safetensors"])
    @pytest.mark.parametrize("damage", ["cut", "text", "empty"])
    def test_damaged(self, tmp_path, suffix, damage):
        path = tmp_path / f"mine{suffix}"
        if suffix == ".npz":
            write_npz(path, vgg_arrays())
        elif suffix == ".pth":
            write_pth(path, vgg_arrays())
        else:
            save_file({"conv1_1.bias": torch.zeros(64)}, path)
        whole = path.read_bytes()
        cut = {"cut": whole[: len(whole) // 2], "text": b"not found", "empty": b""}
        path.write_bytes(cut[damage])
        self.refused(path, rf"not a whole {path.suffix[1:].replace('pth', 'torch')} file")

    @pytest.mark.parametrize("damage", ["cut", "text", "empty"])
    def test_damaged_hdf5(self, tmp_path, damage):
        path = write_h5(tmp_path / "mine.h5", vgg_arrays())
        whole = path.read_bytes()
        cut = {"cut": whole[: len(whole) // 2], "text": b"not found", "empty": b""}
        path.write_bytes(cut[damage])
        with pytest.raises(InputError, match="not a whole HDF5 file"):
            weights.import_file(path, "vgg19-keras")

    @pytest.mark.parametrize("name", ["a.npz", "a.pth", "old.pth", "a.safetensors", "a.h5"])
    def test_flipped_bytes_are_never_a_surprise(self, tmp_path, name):
        path = tmp_path / name
        arrays = {"conv1_1.bias": np.ones(64, np.float32)}
        tensors = {"conv1_1.bias": torch.ones(64)}
        if name.endswith("npz"):
            write_npz(path, arrays)
        elif name.endswith("h5"):
            write_h5(path, arrays)
        elif name.endswith("pth"):
            torch.save(tensors, path, _use_new_zipfile_serialization=name == "a.pth")
        else:
            save_file(tensors, path)
        whole = np.frombuffer(path.read_bytes(), np.uint8)
        rng = np.random.default_rng(0)
        for _ in range(40):
            flipped = whole.copy()
            flipped[rng.integers(0, len(whole), 8)] = rng.integers(0, 256, 8)
            path.write_bytes(flipped.tobytes())
            with contextlib.suppress(InputError):
                formats.read_raw(path)

    def test_wrong_shape(self, tmp_path):
        path = tmp_path / "a.npz"
        np.savez(path, conv1_1_w=np.zeros((3, 3, 1, 64), "f4"), conv1_1_b=np.zeros(64, "f4"))
        self.refused(path, r"conv1_1_w has shape \(3, 3, 1, 64\), expected \(3, 3, 3, 64\)")
        np.savez(path, **(msoe_arrays() | {"conv1_w": np.zeros((1, 11, 11, 1, 32), "f4")}))
        self.refused(path, r"conv1_w .*expected \(2, 11, 11, 1, 32\)", "msoe")

    def test_wrong_content(self, tmp_path):
        path = tmp_path / "a.npz"
        np.savez(path, **msoe_arrays())
        self.refused(path, "no layer of vgg19. Its arrays: conv1_w")
        np.savez(path, conv1_1_w=np.zeros((3, 3, 3, 64), "f4"))
        self.refused(path, "has conv1_1.weight but not conv1_1.bias")
        np.savez(path, conv1_1_w=np.zeros((3, 3, 3, 64), "i4"))
        self.refused(path, "conv1_1_w holds torch.int32, expected floating point")
        np.savez(path, conv1_1_w=np.array(["a"]))
        self.refused(path, "conv1_1_w holds <U1, expected numbers")
        np.savez(path)
        self.refused(path, "holds no arrays")
        with open(path, "wb") as file:
            np.save(file, np.zeros(3))
        self.refused(path, "a single array")

    def test_two_arrays_for_one(self, tmp_path):
        arrays = {name: torch.from_numpy(array) for name, array in vgg_arrays("conv1_1").items()}
        path = tmp_path / "a.pth"
        torch.save(arrays | {"features.0.bias": torch.zeros(64)}, path)
        self.refused(path, "features.0.bias is a second array for conv1_1.bias")

    def test_not_finite(self, tmp_path):
        arrays = vgg_arrays()
        arrays["conv1_2.bias"][3] = np.nan
        self.refused(write_npz(tmp_path / "a.npz", arrays), "conv1_2_b holds values that are not")
        arrays["conv1_2.bias"][3] = np.inf
        self.refused(write_pth(tmp_path / "a.pth", arrays), "features.2.bias holds values")

    def test_not_a_state_dictionary(self, tmp_path):
        path = tmp_path / "a.pth"
        torch.save([torch.zeros(1)], path)
        self.refused(path, r"holds no tensors with names.*torch\.save\(model\.state_dict\(\)")
        torch.save({"state_dict": {}}, path)
        self.refused(path, "holds no state dictionary.*Its entries: state_dict")

    def test_metadata_of_another_kind(self, tmp_path):
        save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors", {"stst": "[]"})
        self.refused(tmp_path / "a.safetensors", "'stst' is not a JSON object")


class Evil:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


class TestNothingIsRun:
    def test_pth(self, tmp_path):
        torch.save({"features.0.weight": Evil(tmp_path / "ran")}, tmp_path / "a.pth")
        with pytest.raises(InputError, match="not loaded, because it holds more than tensors"):
            weights.load_vgg19(str(tmp_path / "a.pth"))
        assert not (tmp_path / "ran").exists()

    def test_npz(self, tmp_path):
        np.savez(tmp_path / "a.npz", conv1_1_w=np.array([Evil(tmp_path / "ran")], dtype=object))
        with pytest.raises(InputError, match="not a whole npz file of plain arrays"):
            weights.load_vgg19(str(tmp_path / "a.npz"))
        assert not (tmp_path / "ran").exists()

    def test_a_pickle_called_npz(self, tmp_path):
        import pickle

        (tmp_path / "a.npz").write_bytes(pickle.dumps(Evil(tmp_path / "ran")))
        with pytest.raises(InputError, match="a Python pickle. Pickles can run any code"):
            weights.load_vgg19(str(tmp_path / "a.npz"))
        assert not (tmp_path / "ran").exists()

    def test_foreign_hdf5_is_not_opened(self, own, monkeypatch):
        path = write_h5(own / H5_NAME, vgg_arrays())
        monkeypatch.setattr(h5py, "File", None)
        with pytest.raises(InputError, match="expected md5:253f8cb5"):
            weights.load_vgg19("keras")
        with pytest.raises(InputError, match=r"without a published hash.*stst weights import"):
            weights.load_vgg19(str(path))

    def test_hdf5_that_leads_out_of_the_file(self, tmp_path):
        other = write_h5(tmp_path / "other.h5", vgg_arrays())
        path = tmp_path / "a.h5"
        with h5py.File(path, "w") as file:
            file["block1_conv1"] = h5py.ExternalLink(str(other), "/block1_conv1")
        with pytest.raises(InputError, match="block1_conv1 is a link to another place"):
            read_arrays(path)
        with h5py.File(path, "w") as file:
            raw = [(str(tmp_path / "secret"), 0, 8)]
            file.create_dataset("a", (2,), "f4", external=raw)
        with pytest.raises(InputError, match="a keeps its values in another file"):
            read_arrays(path)
        with h5py.File(path, "w") as file:
            file.create_group("a")["again"] = file["/"]
        with pytest.raises(InputError, match="nested more than"):
            read_arrays(path)

    def test_hdf5_that_declares_more_than_memory(self, tmp_path):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file.create_dataset("a", (2**20, 2**20), "f4", chunks=(1024, 1024))
        with pytest.raises(InputError, match="declares more than 8 GiB"):
            read_arrays(tmp_path / "a.h5")


class TestImport:
    def test_round_trip(self, tmp_path, cache):
        arrays = vgg_arrays()
        path = write_h5(tmp_path / "mine.h5", arrays)
        made = weights.import_file(path, "vgg19-keras")
        assert made.path == cache / "vgg19-keras.safetensors"
        assert made.hash_state == "unverified"
        loaded = weights.load_vgg19("keras")
        same(loaded, arrays)
        original = hashlib.sha256(path.read_bytes()).hexdigest()
        assert loaded.original_sha256 == original
        assert loaded.provenance()["converted_from"] == f"sha256:{original}"
        assert (loaded.convention, loaded.verified) == ("keras", False)

    def test_import_of_the_published_file_is_verified(self, tmp_path, cache, monkeypatch):
        path = write_h5(tmp_path / "mine.h5", vgg_arrays())
        publish(monkeypatch, "vgg19-keras", path)
        made = weights.import_file(path, "vgg19-keras")
        assert made.hash_state == "verified"
        assert weights.load_vgg19("keras").source == registry.REGISTRY["vgg19-keras"].url
        assert weights.load_vgg19(str(made.path)).name == "vgg19-keras"
        data = bytearray(made.path.read_bytes())
        data[-1] ^= 1
        made.path.write_bytes(bytes(data))
        locate._digest.cache_clear()  # the change may fall into one tick of the file's clock
        assert weights.find("vgg19-keras").hash_state == "mismatch"
        with pytest.raises(InputError, match="damaged: expected sha256:"):
            weights.load_vgg19("keras")

    def test_same_bytes_each_time_and_no_silent_replacing(self, tmp_path):
        path = write_npz(tmp_path / "mine.npz", vgg_arrays())
        first = weights.import_file(path, "vgg19-keras").path.read_bytes()
        with pytest.raises(InputError, match="`overwrite=True`"):
            weights.import_file(path, "vgg19-keras")
        assert weights.import_file(path, "vgg19-keras", overwrite=True).path.read_bytes() == first

    def test_wrong_name_for_the_file(self, tmp_path, cache):
        path = write_pth(tmp_path / "mine.pth", vgg_arrays())
        with pytest.raises(
            InputError, match="named as torchvision does, but it is taken for keras"
        ):
            weights.import_file(path, "vgg19-keras")
        assert list(cache.iterdir()) == []

    def test_msoe_from_npz_and_back(self, tmp_path):
        np.savez(tmp_path / "mine.npz", **msoe_arrays())
        direct = weights.load_msoe(str(tmp_path / "mine.npz"))
        weights.import_file(tmp_path / "mine.npz", "msoe")
        same(weights.load_msoe(), {k: v.numpy() for k, v in direct.tensors.items()})

    def test_cache_that_cannot_be_made(self, tmp_path, monkeypatch):
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("STST_CACHE_DIR", str(tmp_path / "file" / "cache"))
        path = write_npz(tmp_path / "mine.npz", vgg_arrays())
        with pytest.raises(StstError, match=r"cannot be made.*STST_CACHE_DIR"):
            weights.import_file(path, "vgg19-keras")


class TestStates:
    def test_list_and_verify(self, own, monkeypatch):
        states = {status.entry.name: status.state for status in weights.list_weights()}
        assert set(states.values()) == {"missing"}
        assert weights.verify("msoe").state == "missing"
        np.savez(own / "msoe.npz", **msoe_arrays())
        status = weights.verify("msoe")
        assert (status.state, status.usable) == ("mismatch", False)
        assert "expected sha256:" in status.message
        publish(monkeypatch, "msoe", own / "msoe.npz")
        assert weights.verify("msoe").usable
        (own / "vgg19_bad.npz").write_bytes(b"nothing")
        assert weights.verify("vgg19-keras").state == "unusable"
        (own / "vgg19_bad.npz.json").write_text("{")
        listed = {status.entry.name: status for status in weights.list_weights()}
        assert listed["vgg19-keras"].state == "unusable"
        json.dumps([status.as_dict() for status in listed.values()])


@pytest.mark.golden
@pytest.mark.skipif(REAL is None, reason="golden: STST_WEIGHTS_DIR is not set")
class TestPublished:
    @pytest.fixture(autouse=True)
    def real(self, folders, monkeypatch):
        monkeypatch.setenv("STST_WEIGHTS_DIR", str(REAL))

    def test_vgg19(self):
        if weights.find("vgg19-keras") is None:
            pytest.skip("golden: no VGG-19 in STST_WEIGHTS_DIR")
        loaded = weights.load_vgg19("keras")
        assert loaded.convention == "keras"
        first = [n for n in layouts.VGG19_SHAPES if n < "conv4"]
        assert list(loaded.layers[: len(first)]) == first

    def test_msoe_is_the_published_file(self):
        if weights.find("msoe") is None:
            pytest.skip("golden: no MSOE in STST_WEIGHTS_DIR")
        loaded = weights.load_msoe()
        assert loaded.verified
        assert loaded.sha256.startswith("99c984d7763650df")


def test_a_record_nested_too_deeply(own):
    path = write_npz(own / "vgg19_x.npz", vgg_arrays())
    (own / "vgg19_x.npz.json").write_text("[" * 100_000 + "]" * 100_000)
    with pytest.raises(InputError, match=r"vgg19_x\.npz\.json: cannot be read"):
        weights.load_tensors(path)


def test_what_torch_warns_of_is_not_for_users(tmp_path):
    path = tmp_path / "w.pth"
    torch.save({"a": torch.ones(2)}, path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data.replace(b"\x80\x02", b"\x80\x03", 1))
    assert list(formats.read_raw(path).tensors) == ["a"]  # warnings are errors here


def test_an_archive_that_unpacks_to_more_than_memory(tmp_path):
    path = tmp_path / "bomb.npz"
    whole = b"\x93NUMPY\x01\x00\x76\x00" + (
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (2500000000,), }".ljust(117) + b"\n"
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", whole + bytes(1 << 20))
    data = bytearray(path.read_bytes())
    # the size once unpacked, in the header and in the directory of the archive
    size = (len(whole) + (1 << 20)).to_bytes(4, "little")
    assert data.count(size) == 2
    small = path.with_name("small.npz")
    small.write_bytes(data)
    with pytest.raises(InputError, match=r"small\.npz: not a whole npz file"):
        formats.read_raw(small)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"{number}.npy", whole)
    data = path.read_bytes()
    path.write_bytes(data.replace(len(whole).to_bytes(4, "little"), b"\xf0\xff\xff\xff"))
    with pytest.raises(InputError, match=r"bomb\.npz: holds more than 8 GiB"):
        formats.read_raw(path)
