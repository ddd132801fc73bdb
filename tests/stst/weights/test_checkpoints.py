"""Checkpoints as trainings save them: what is around the tensors, and before their names."""

from __future__ import annotations

import argparse
import shlex
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

import tiny_classifier
from stst.config.cka import ClassifierSpec
from stst.errors import InputError
from stst.models.build import built
from stst.models.torchvision_weights import fit
from stst.utils.files import sha256_of_file
from stst.weights import import_file, load_tensors, load_vgg19
from stst.weights.checkpoints import without_prefix
from stst.weights.formats import read_raw


def small() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))


@pytest.fixture
def state():
    generator = torch.Generator().manual_seed(3)
    return {
        name: torch.rand(tensor.shape, generator=generator).to(tensor.dtype)
        for name, tensor in small().state_dict().items()
    }


def prefixed(state, prefix):
    return {prefix + name: tensor for name, tensor in state.items()}


def adam(state):
    """State of an optimiser: tensors by number, and lists."""
    moments = {"step": torch.tensor(3.0), "exp_avg": torch.ones(2, 2)}
    return {"state": dict.fromkeys(range(len(state)), moments), "param_groups": [{"lr": 0.1}]}


AROUND = {
    "nothing": lambda state: state,
    "state_dict": lambda state: {"epoch": 3, "state_dict": state, "optimizer": adam(state)},
    "model": lambda state: {"model": state, "epoch": 3, "best": 0.5},
    "model_state": lambda state: {"model_state": state, "optimizer_state": adam(state)},
    "model_state_dict": lambda state: {"model_state_dict": state, "loss": torch.tensor(0.1)},
    "net": lambda state: {"net": state, "acc": 71.2, "metrics": {"acc": torch.tensor(71.2)}},
    "any name": lambda state: {"encoder_q": state},
    "two deep": lambda state: {"checkpoint": {"state_dict": state, "epoch": 3}, "version": 2},
    "lightning": lambda state: {
        "state_dict": state,
        "pytorch-lightning_version": "2.1.0",
        "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(0.2), "mode": "min"}},
        "optimizer_states": [adam(state)],
        "loops": {"fit_loop": {"state_dict": {}}},
        "hyper_parameters": {"lr": 0.1},
    },
}
NAMES = ("w.pth.tar", "w.ckpt", "w.bin", "w.pt", "w.pth", "w.pyth", "w.pkl", "W.CKPT")
PREFIXES = ("", "module.", "_orig_mod.", "model.", "module._orig_mod.", "model.module.net.")


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("legacy", [False, True])
def test_what_is_around_is_left_out(tmp_path, state, around, legacy):
    path = tmp_path / "w.pth"
    torch.save(AROUND[around](state), path, _use_new_zipfile_serialization=not legacy)
    found = read_raw(path).tensors
    assert list(found) == list(state)
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items())


@pytest.mark.parametrize("name", NAMES)
def test_names_of_files(tmp_path, state, name):
    torch.save({"state_dict": state}, tmp_path / name)
    loaded = load_tensors(tmp_path / name)
    assert list(loaded.tensors) == list(state)
    assert loaded.provenance()["hash"] == f"sha256:{sha256_of_file(tmp_path / name)}"


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_prefix_of_all_names_is_dropped(state, prefix):
    module = small()
    fit(module, prefixed(state, prefix), "small", "w.pth")
    assert all(torch.equal(module.state_dict()[name], tensor) for name, tensor in state.items())


def test_names_that_the_model_has_keep_their_prefix(state):
    """A model of a user's own may call its parts ``module`` or ``model``."""
    outer = nn.Module()
    outer.model = small()
    fit(outer, prefixed(state, "model."), "outer", "w.pth")
    fit(outer, prefixed(state, "module.model."), "outer", "w.pth")
    assert torch.equal(outer.state_dict()["model.0.weight"], state["0.weight"])


def test_parts_that_were_compiled(state):
    names = {name: name.replace("0.", "0._orig_mod.", 1) for name in state}
    module = small()
    fit(module, {names[name]: one for name, one in state.items()}, "small", "w.pth")
    assert torch.equal(module.state_dict()["0.weight"], state["0.weight"])


def test_an_averaged_model(state):
    averaged = torch.optim.swa_utils.AveragedModel(small())
    module = small()
    fit(module, averaged.state_dict(), "small", "w.pth")
    assert torch.equal(module.state_dict()["0.weight"], averaged.module.state_dict()["0.weight"])


def test_what_other_tools_save(state, tmp_path):
    """As torch itself writes them, not as they are thought to be."""
    module = small()
    module.load_state_dict(state)
    torch.save({"state_dict": nn.DataParallel(module).state_dict()}, tmp_path / "a.pth.tar")
    torch.save(torch.compile(module).state_dict(), tmp_path / "b.pth")
    for name in ("a.pth.tar", "b.pth"):
        other = small()
        fit(other, load_tensors(tmp_path / name).tensors, "small", name)
        assert torch.equal(other.state_dict()["0.weight"], state["0.weight"])


def test_a_prefix_of_some_names_only_is_not_dropped(state):
    mixed = prefixed(state, "module.") | {"criterion.weight": torch.ones(2)}
    assert without_prefix(mixed, state.__contains__) == mixed
    with pytest.raises(InputError, match=r"not the weights of small\. missing: 0\.weight"):
        fit(small(), mixed, "small", "w.pth")


def test_other_weights_are_refused_under_any_prefix(state):
    other = prefixed({"0.weight": torch.ones(4, 3, 5, 5), "0.bias": torch.ones(4)}, "module.")
    with pytest.raises(InputError, match=r"missing: 1\.weight"):
        fit(small(), other, "small", "w.pth")


@pytest.mark.parametrize("prefix", ["module.", "model._orig_mod."])
def test_vgg19(tmp_path, prefix, monkeypatch):
    """By its path, and imported."""
    monkeypatch.setenv("STST_CACHE_DIR", str(tmp_path / "cache"))
    kernel = torch.rand(64, 3, 3, 3)
    tensors = {"features.0.weight": kernel, "features.0.bias": torch.zeros(64)}
    torch.save({"state_dict": prefixed(tensors, prefix)}, tmp_path / "w.ckpt")
    loaded = load_vgg19(str(tmp_path / "w.ckpt"))
    assert torch.equal(loaded.tensors["conv1_1.weight"], kernel)
    assert loaded.convention == "torchvision"
    made = import_file(tmp_path / "w.ckpt", "vgg19-torchvision")
    assert torch.equal(load_tensors(made.path).tensors["conv1_1.weight"], kernel)


@pytest.mark.parametrize("model", ["tiny_classifier:image", "squeezenet1_1"])
@pytest.mark.parametrize("prefix", ["module.", "model._orig_mod."])
def test_models_of_torchvision_and_of_ones_own(tmp_path, model, prefix, monkeypatch):
    """By the path of a checkpoint, and by its name in the folder of weights."""
    from torchvision.models import squeezenet1_1

    monkeypatch.setenv("STST_WEIGHTS_DIR", str(tmp_path))
    made = tiny_classifier.image() if ":" in model else squeezenet1_1(weights=None)
    checkpoint = {"epoch": 1, "state_dict": prefixed(made.state_dict(), prefix)}
    torch.save(checkpoint, tmp_path / "best.pth.tar")
    for weights in (str(tmp_path / "best.pth.tar"), "best.pth.tar"):
        found = built(ClassifierSpec(model, weights))
        assert found.weights.file_name == "best.pth.tar"
        state = found.module.state_dict()
        assert all(torch.equal(state[name], one) for name, one in made.state_dict().items())


def said(path: Path, what: object) -> str:
    torch.save(what, path)
    with pytest.raises(InputError) as caught:
        read_raw(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    for word in ("weights_only", "OrderedDict", "'dict'", "allow_pickle", "arbitrary"):
        assert word not in message
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize("names", [("generator", "discriminator"), ("state_dict", "ema")])
def test_more_than_one_state_is_not_guessed(tmp_path, state, names):
    path = tmp_path / "w.pth.tar"
    message = said(path, {"epoch": 1, **dict.fromkeys(names, state)})
    assert message.startswith(f"holds 2 state dictionaries ({names[0]}, {names[1]}).")
    # the line that it gives does what it says
    line = message.partition("in Python: ")[2]
    exec(line, {})
    assert list(read_raw(tmp_path / f"w_{names[0]}.pth").tensors) == list(state)


@pytest.mark.parametrize("what", [{"epoch": 3}, {"optimizer": {"state": {}}}, {}, [1], 3])
def test_nothing_in_it(tmp_path, what):
    message = said(tmp_path / "w.pth", what)
    assert "import torch; torch.save(model.state_dict(), 'w_state.pth')" in message


def test_a_whole_model(tmp_path):
    message = said(tmp_path / "w.pt", small())
    assert message.startswith("not loaded, because it holds more than tensors (torch.nn.modules")
    assert message.endswith("import torch; torch.save(model.state_dict(), 'w.pth')")


def test_settings_that_were_pickled_along(tmp_path, state):
    message = said(tmp_path / "w.pth.tar", {"state_dict": state, "args": argparse.Namespace(a=1)})
    assert "more than tensors (argparse.Namespace)" in message
    assert message.endswith("torch.save(model.state_dict(), 'w.pth')")


def test_objects_of_lightning(tmp_path, state):
    checkpoint = AROUND["lightning"](state) | {"hyper_parameters": {"loss": partial(max, 0)}}
    message = said(tmp_path / "last.ckpt", checkpoint)
    assert message.endswith(
        "torch.save(YourModule.load_from_checkpoint('last.ckpt').state_dict(), 'last.pth')"
    )


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")  # of torch
@pytest.mark.parametrize("name", ["script.pt", "it's $HOME.pt", "exported.pt2", "exported.pth"])
def test_programs(tmp_path, name):
    """TorchScript, and what torch.export saves."""
    path = tmp_path / name
    module = nn.Sequential(nn.Linear(4, 2)).eval()
    if "exported" in name:
        torch.export.save(torch.export.export(module, (torch.ones(1, 4),)), tmp_path / "e.pt2")
        (tmp_path / "e.pt2").rename(path)
    else:
        torch.jit.script(module).save(path)
    with pytest.raises(InputError) as caught:
        read_raw(path)
    message = str(caught.value)
    kind = "a program that torch exported" if "exported" in name else "a TorchScript archive"
    assert message.startswith(f"{path}: {kind}, not a state dictionary. If you trust it, save")
    assert "weights_only" not in message
    command = message.partition("python -c ")[2].removesuffix(".")
    exec(shlex.split(command)[0], {})
    found = read_raw(tmp_path / f"{path.stem}_state.pth").tensors
    assert torch.equal(found["0.weight"], module.state_dict()["0.weight"])
