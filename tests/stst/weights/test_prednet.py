from __future__ import annotations

import os
import sys

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from stst.errors import InputError
from stst.models.prednet import PredNet, load_prednet
from stst.weights.formats import write_safetensors
from stst.weights.hdf5 import read_arrays, read_texts
from stst.weights.prednet import read_prednet

STACK = (3, 4, 5)
UNITS = ("a", "ahat", "c", "f", "i", "o")


def published(seed=0) -> dict[str, np.ndarray]:
    """Arrays as Keras writes them."""
    random = np.random.default_rng(seed)
    arrays = {}
    above = (*STACK[1:], 0)
    for unit in UNITS:
        for level, (own, more) in enumerate(zip(STACK, above, strict=True)):
            inputs, outputs = {"a": (2 * own, more), "ahat": (own, own)}.get(
                unit, (3 * own + more, own)
            )
            if outputs:
                arrays[f"layer_{unit}_{level}/kernel:0"] = random.normal(
                    size=(3, 3, inputs, outputs)
                ).astype(np.float32)
                arrays[f"layer_{unit}_{level}/bias:0"] = random.normal(size=outputs).astype(
                    np.float32
                )
    return arrays


def keras(path, arrays, prefix="prednet_1/prednet_1/", backend="tensorflow", where="/"):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[prefix + name] = array
        if backend is not None:
            file[where].attrs["backend"] = backend
    return path


def own(path, stack=STACK, metadata=None):
    described = {"model": "prednet", "stack": list(stack)} if metadata is None else metadata
    write_safetensors(path, PredNet(stack, 5).state_dict(), described, overwrite=True)
    return path


def refused(path, **options) -> str:
    with pytest.raises(InputError) as caught:
        load_prednet(path, **options)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    "prefix", ["", "prednet_1/prednet_1/", "model_weights/pred_net_1/pred_net_1/"]
)
@pytest.mark.parametrize("colon", [True, False])
def test_names_of_keras(tmp_path, prefix, colon):
    arrays = {name if colon else name[:-2]: one for name, one in published().items()}
    read = read_prednet(keras(tmp_path / "w.h5", arrays, prefix))
    assert read.stack == STACK
    kernel = arrays["layer_f_1/kernel:0" if colon else "layer_f_1/kernel"]
    assert kernel.shape == (3, 3, 17, 4)
    expected = torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy())
    assert torch.equal(read.tensors["gates.1.weight"][4:8], expected)
    assert set(read.tensors) == set(PredNet(STACK).state_dict())


def test_the_flat_names_of_an_archive(tmp_path):
    arrays = {name[:-2].replace("/", "_"): one for name, one in published().items()}
    np.savez(tmp_path / "w.npz", **arrays)
    assert read_prednet(tmp_path / "w.npz").stack == STACK


@pytest.mark.parametrize(
    ("backend", "kernels", "rotated"),
    [
        ("tensorflow", "auto", False),
        ("theano", "auto", True),
        (b"theano", "auto", True),
        (None, "auto", False),
        ("theano", "as-is", False),
        ("tensorflow", "rotated", True),
        (np.array([1.0, 2.0]), "auto", False),
    ],
)
def test_kernels_are_rotated_where_theano_did(tmp_path, backend, kernels, rotated):
    arrays = published()
    model, provenance = load_prednet(keras(tmp_path / "w.h5", arrays, "", backend), kernels=kernels)
    assert provenance["kernels_rotated"] is rotated
    kernel = arrays["layer_ahat_2/kernel:0"]
    kernel = kernel[::-1, ::-1] if rotated else kernel
    assert np.array_equal(model.ahat[2].weight.numpy(), kernel.transpose(3, 2, 0, 1))


def test_the_backend_may_stand_at_a_group(tmp_path):
    path = keras(tmp_path / "w.h5", published(), "model_weights/", "theano", "/model_weights")
    assert read_texts(path, "backend") == {"theano"}
    assert read_prednet(path).rotated


def test_own_files_come_back(tmp_path):
    path = own(tmp_path / "w.safetensors")
    model, provenance = load_prednet(str(path))
    assert model.stack == STACK
    assert not model.training
    assert not any(one.requires_grad for one in model.parameters())
    for name, tensor in PredNet(STACK, 5).state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor)
    assert {**provenance, "hash": ""} == {
        "name": "prednet", "file": "w.safetensors", "hash": "", "source": "local file",
        "verified": False, "stack": [3, 4, 5], "training": None,
    }  # fmt: skip


@pytest.mark.parametrize("prefix", ["", "module.", "model._orig_mod."])
def test_a_checkpoint_of_an_own_training(tmp_path, prefix):
    state = PredNet(STACK, 5).state_dict()
    prefixed = {prefix + name: tensor for name, tensor in state.items()}
    torch.save({"epoch": 1, "state_dict": prefixed}, tmp_path / "w.ckpt")
    model, provenance = load_prednet(tmp_path / "w.ckpt")
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in state.items())
    assert (provenance["file"], provenance["kernels_rotated"]) == ("w.ckpt", False)


@pytest.mark.golden
def test_keras_1_of_the_authors_code_predicts_the_same(tmp_path, golden, golden_file):
    """Converted from a file that their code has written, for which it gives the prediction."""
    file = golden_file("prednet_small_keras2_weights.hdf5")
    arrays = {
        name.rpartition("/prednet_1/")[2]: array
        for name, array in read_arrays(file).items()
        if "layer_" in name
    }
    model, _ = load_prednet(keras(tmp_path / "w.h5", keras1(arrays), "prednet_1/", None))
    frames = torch.from_numpy(golden("prednet_small")["x"]).movedim(-1, -3)
    expected, _ = load_prednet(golden_file("prednet_small_keras2_weights.hdf5"))
    assert torch.equal(model.run(frames).prediction, expected.run(frames).prediction)


@pytest.mark.golden
def test_both_formats_predict_the_same(tmp_path, golden, golden_file):
    model, _ = load_prednet(golden_file("prednet_small_keras2_weights.hdf5"))
    path = tmp_path / "own.safetensors"
    described = {"model": "prednet", "stack": list(model.stack)}
    write_safetensors(path, model.state_dict(), described, overwrite=False)
    frames = torch.from_numpy(golden("prednet_small")["x"]).movedim(-1, -3)
    again, _ = load_prednet(path)
    assert torch.equal(again.run(frames).prediction, model.run(frames).prediction)


def test_random_weights_say_so():
    model, provenance = load_prednet("none", stack=STACK, seed=7)
    assert torch.equal(model.ahat[0].weight, PredNet(STACK, 7).ahat[0].weight)
    assert provenance == {
        "name": "prednet (untrained)", "source": "random, seed 7", "verified": False,
        "stack": [3, 4, 5],
    }  # fmt: skip


def test_a_missing_file(tmp_path):
    assert refused(tmp_path / "w.hdf5") == (
        "there is no such file. PredNet's weights are not fetched by this program: give the "
        "authors' prednet_kitti_weights.hdf5, or train your own: stst train-prednet."
    )


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
@pytest.mark.parametrize("suffix", ["hdf5", "safetensors"])
def test_a_cut_file(tmp_path, share, suffix):
    path = tmp_path / f"w.{suffix}"
    if suffix == "hdf5":
        keras(path, published())
    else:
        own(path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    kind = "HDF5" if suffix == "hdf5" else "safetensors"
    assert f"not a whole {kind} file" in refused(path)


def test_something_else_under_the_name(tmp_path):
    path = tmp_path / "w.hdf5"
    path.write_text("<html>Please sign in</html>")
    assert refused(path) == "an HTML page, not the file. Download it again."


@pytest.mark.parametrize(
    ("dropped", "message"),
    [
        ("layer_f_1/bias:0", "the array layer_f_1/bias is missing."),
        ("layer_a_0/kernel:0", "the array layer_a_0/kernel is missing."),
        ("layer_ahat_1/bias:0", "the array layer_ahat_1/bias is missing."),
        ("_2/", "the array layer_ahat_2/bias is missing."),
        ("_0/", "the array layer_ahat_0/bias is missing."),
    ],
)
def test_what_is_missing_is_named(tmp_path, dropped, message):
    arrays = {name: one for name, one in published().items() if dropped not in name}
    assert refused(keras(tmp_path / "w.h5", arrays)) == message


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "layer_i_0/kernel:0", lambda one: one.transpose(3, 2, 0, 1),
            "has shape (3, 13, 3, 3), expected (3, 3, 13, 3).",
        ),
        ("layer_o_2/bias:0", lambda one: one[:2], "has shape (2,), expected (5,)."),
        ("layer_ahat_2/bias:0", lambda one: one[None],
         "has shape (1, 5), expected one axis of channels."),
        ("layer_ahat_0/bias:0", lambda one: one[:0],
         "has shape (0,), expected one axis of channels."),
        ("layer_a_0/bias:0", lambda one: one.astype(np.int32),
         "holds torch.int32, expected floating point."),
        ("layer_c_1/kernel:0", lambda one: one * np.nan,
         "holds values that are not finite. Fetch it again."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path, name, change, message):
    arrays = published()
    arrays[name] = change(arrays[name])
    assert refused(keras(tmp_path / "w.h5", arrays, "p/")) == f"p/{name} {message}"


def keras1(arrays, backend="theano", order="th") -> dict[str, np.ndarray]:
    """The same network as Keras 1 writes it, by its own rules.

    Theano convolves with kernels rotated by 180°; each backend knows both orders of dimensions;
    names are those of the backend's variables.
    """
    found = {}
    for name, array in arrays.items():
        unit, _, part = name.removesuffix(":0").partition("/")
        if part == "kernel":
            array = array[::-1, ::-1] if backend == "theano" else array
            array = array.transpose(3, 2, 0, 1) if order == "th" else array
        end = ":0" if backend == "tensorflow" else ""
        found[f"{unit}_{'W' if part == 'kernel' else 'b'}{end}"] = array
    return found


@pytest.mark.parametrize("backend", ["theano", "tensorflow"])
@pytest.mark.parametrize("order", ["th", "tf"])
@pytest.mark.parametrize("prefix", ["", "prednet_1/"])
def test_keras_1_predicts_the_same(tmp_path, backend, order, prefix):
    arrays = published()
    again, _ = load_prednet(keras(tmp_path / "two.h5", arrays))
    path = keras(tmp_path / "one.h5", keras1(arrays, backend, order), prefix, backend=None)
    with h5py.File(path, "a") as file:
        file.attrs["keras_version"] = "1.0.7"
    model, provenance = load_prednet(path)
    assert provenance["kernels_rotated"] is (backend == "theano")
    frames = torch.from_numpy(np.random.default_rng(1).random((1, 3, 3, 8, 12), np.float32))
    assert torch.equal(model.run(frames).prediction, again.run(frames).prediction)


def test_keras_1_may_name_its_backend(tmp_path):
    """Then its names, which a copy can have changed, do not count."""
    arrays = keras1(published(), "tensorflow")
    path = keras(tmp_path / "w.h5", {name[:-2]: one for name, one in arrays.items()})
    assert not read_prednet(path).rotated
    assert read_prednet(path, "rotated").rotated


def test_keras_1_in_an_archive_does_not_say_who_wrote_it(tmp_path):
    arrays = keras1(published())
    np.savez(tmp_path / "w.npz", **arrays)
    said = refused(tmp_path / "w.npz")
    assert "does not say whether Theano wrote them" in said
    assert 'Say it: `kernels="rotated"` (Theano) or `kernels="as-is"` (TensorFlow)' in said
    want = read_prednet(keras(tmp_path / "w.h5", published())).tensors
    found = read_prednet(tmp_path / "w.npz", "rotated").tensors
    assert all(torch.equal(found[name], tensor) for name, tensor in want.items())


def test_keras_1_in_two_orders(tmp_path):
    arrays = keras1(published())
    arrays["layer_ahat_1_W"] = arrays["layer_ahat_1_W"].transpose(2, 3, 1, 0)
    said = refused(keras(tmp_path / "w.h5", arrays, "", None))
    assert "in Theano's order of dimensions, layer_ahat_1_W in TensorFlow's" in said


def test_keras_1_of_another_shape(tmp_path):
    arrays = keras1(published())
    arrays["layer_o_2_W"] = arrays["layer_o_2_W"][:, :4]
    assert refused(keras(tmp_path / "w.h5", arrays, "", None)) == (
        "layer_o_2_W has shape (5, 4, 3, 3), expected (3, 3, 15, 5) (Keras 1 in TensorFlow's "
        "order) or (5, 15, 3, 3) (in Theano's)."
    )


def test_keras_1_and_2_in_one_file(tmp_path):
    path = keras(tmp_path / "w.h5", published(), "", None)
    with h5py.File(path, "a") as file:
        file["layer_a_0_b"] = np.zeros(4, np.float32)
    assert refused(path).startswith("holds arrays of Keras 1 and of Keras 2, such as layer_a_0/")


def test_two_networks_in_one_file(tmp_path):
    path = keras(tmp_path / "w.h5", published(), "one/")
    with h5py.File(path, "a") as file:
        file["two/layer_a_0/bias:0"] = np.zeros(4, np.float32)
    assert refused(path) == "two/layer_a_0/bias:0 is a second array for one/layer_a_0/bias:0."


def test_links_are_not_followed(tmp_path):
    path = keras(tmp_path / "w.h5", published(), "one/")
    with h5py.File(path, "a") as file:
        file["one/other"] = h5py.ExternalLink("elsewhere.h5", "/a")
    assert "is a link to another place" in refused(path)


def test_files_of_other_networks(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file({"conv1_1.weight": torch.zeros(1), "conv1_1.bias": torch.zeros(1)}, path)
    assert refused(path) == (
        "holds no layer of PredNet. Its first arrays: conv1_1.bias, conv1_1.weight."
    )
    own(path, metadata={"model": "something"})
    assert refused(path).startswith("its metadata do not say that it holds PredNet. Give a file")
    other = tmp_path / "w.txt"
    other.write_text("")
    assert refused(other).startswith("not a weights file by its name. Allowed: .h5, .hdf5, .npz")


def test_an_own_file_with_an_array_missing(tmp_path):
    tensors = PredNet(STACK).state_dict()
    del tensors["gates.1.weight"]
    path = tmp_path / "w.safetensors"
    write_safetensors(path, tensors, {"model": "prednet"}, overwrite=False)
    assert refused(path) == "the array gates.1.weight is missing."


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_who_may_read_it_is_up_to_the_user(tmp_path):
    before = os.umask(0o027)
    try:
        write_safetensors(tmp_path / "w.safetensors", {"a": torch.ones(1)}, {}, overwrite=False)
    finally:
        os.umask(before)
    assert (tmp_path / "w.safetensors").stat().st_mode & 0o777 == 0o640
