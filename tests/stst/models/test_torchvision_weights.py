from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
import torch
from torchvision.models import get_model, get_model_weights
from torchvision.models.vision_transformer import MLPBlock

from stst.errors import InputError
from stst.models.torchvision_weights import file_weights, fit, get_member, weights_of
from stst.weights import registry


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder of weights, and an empty cache."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv("STST_WEIGHTS_DIR", str(folder))
    monkeypatch.setenv("STST_CACHE_DIR", str(tmp_path / "cache"))
    return folder


def saved(path, model):
    torch.save(get_model(model, weights=None).state_dict(), path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def refused(function, *arguments):
    with pytest.raises(InputError) as caught:
        function(*arguments)
    return str(caught.value)


class TestNames:
    def test_members(self):
        known = get_model_weights("resnet50")
        assert get_member("resnet50", "default") is known.DEFAULT
        assert get_member("resnet50", "IMAGENET1K_V1") is known.IMAGENET1K_V1
        assert get_member("resnet50", "resnet50-v1") is known.IMAGENET1K_V1
        assert get_member("resnet18", "resnet50-v1") is None
        assert get_member("resnet50", "w.pth") is None

    def test_unknown(self, own):
        assert refused(weights_of, "resnet50", "IMAGENET1K_V3") == (
            "weights IMAGENET1K_V3: resnet50 has no weights of that name (did you mean "
            "IMAGENET1K_V2?). There are: default, IMAGENET1K_V1, IMAGENET1K_V2, none, or the path "
            "of a file."
        )

    def test_missing(self, own, tmp_path):
        said = refused(weights_of, "resnet50", "default")
        assert said.startswith(
            "The weights resnet50-v2 (resnet50-11ad3fa6.pth) are not on this machine; looked in "
        )
        assert "`stst weights fetch resnet50-v2`" in said
        assert refused(weights_of, "squeezenet1_1", "default") == (
            "The weights SqueezeNet1_1_Weights.IMAGENET1K_V1 (squeezenet1_1-b8a52dc0.pth) are not "
            f"on this machine; looked in {own} and {tmp_path / 'cache'}. Fetch "
            "https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth and put it into "
            f"{tmp_path / 'cache'}, or set STST_WEIGHTS_DIR to its folder. Without them: give a "
            "file of your own in place of their name, or none for random ones."
        )

    def test_licences_say_what_the_data_were(self):
        for name, data in (("r3d_18", "Kinetics-400"), ("resnet50-v1", "ImageNet")):
            entry = registry.REGISTRY[name]
            assert f"trained on {data}," in entry.licence
            assert entry.convention == ("torchvision" if data == "ImageNet" else None)


class TestPublished:
    def test_of_the_registry(self, own, monkeypatch):
        sha = saved(own / "mobilenet_v2-b0353104.pth", "mobilenet_v2")
        said = refused(weights_of, "mobilenet_v2", "IMAGENET1K_V1")
        assert "not the mobilenet_v2-v1 that was published, or damaged" in said
        entry = replace(registry.REGISTRY["mobilenet_v2-v1"], hash=registry.Hash("sha256", sha[:8]))
        monkeypatch.setitem(registry.REGISTRY, entry.name, entry)
        found = weights_of("mobilenet_v2", "IMAGENET1K_V1")
        assert (found.verified, found.sha256) == (True, sha)

    def test_of_others(self, own, monkeypatch):
        sha = saved(own / "squeezenet1_1-b8a52dc0.pth", "squeezenet1_1")
        said = refused(weights_of, "squeezenet1_1", "IMAGENET1K_V1")
        assert said.startswith(f"{own / 'squeezenet1_1-b8a52dc0.pth'}: not what torchvision ")
        assert f"expected sha256:b8a52dc0…, found sha256:{sha}." in said
        monkeypatch.setattr("stst.models.torchvision_weights.digest", lambda *_: "b8a52dc0")
        assert weights_of("squeezenet1_1", "IMAGENET1K_V1").sha256 == sha

    def test_old_names_of_densenet(self, own, monkeypatch):
        module = get_model("densenet121", weights=None)
        old = {
            name.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): value
            for name, value in module.state_dict().items()
        }
        torch.save(old, own / "densenet121-a639ec97.pth")
        monkeypatch.setattr("stst.models.torchvision_weights.digest", lambda *_: "a639ec97")
        fit(module, weights_of("densenet121", "default").tensors, "densenet121", "file")


class TestFiles:
    def test_by_path_and_by_name(self, own, tmp_path):
        sha = saved(own / "mine.pth", "squeezenet1_1")
        for name in ("mine.pth", str(own / "mine.pth")):
            assert weights_of("squeezenet1_1", name).sha256 == sha
        said = refused(weights_of, "squeezenet1_1", "yours.pth")
        assert said == "yours.pth: there is no such weights file."

    def test_not_weights(self, own):
        (own / "w.pth").write_bytes(b"nothing")
        assert "w.pth: not a whole torch file: cut short or damaged" in refused(
            file_weights, own / "w.pth"
        )


class TestFit:
    def test_filled(self):
        source, target = (torch.nn.Sequential(torch.nn.BatchNorm2d(3)) for _ in range(2))
        source[0].weight.data.fill_(0.5)
        state = {
            name: value.half()
            for name, value in source.state_dict().items()
            if "num_batches" not in name
        }
        fit(target, state, "m", "f")
        assert target[0].weight.tolist() == [0.5] * 3
        assert target[0].weight.dtype == torch.float32

    def test_old_names_of_transformers(self):
        source, target = (torch.nn.ModuleDict({"mlp": MLPBlock(4, 8, 0.0)}) for _ in range(2))
        old = {
            name.replace(".0.", ".linear_1.").replace(".3.", ".linear_2."): value
            for name, value in source.state_dict().items()
        }
        assert "mlp.linear_2.bias" in old
        fit(target, old, "m", "f")
        torch.testing.assert_close(target.state_dict(), source.state_dict())

    def test_a_model_that_asks_for_its_version(self):
        source, target = (get_model("mnasnet0_5", weights=None) for _ in range(2))
        fit(target, dict(source.state_dict()), "m", "f")
        torch.testing.assert_close(target.layers[0].weight, source.layers[0].weight)

    def test_what_does_not_match(self):
        module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))
        state = module.state_dict()
        state["0.weight"] = torch.ones(2, 3)
        del state["1.bias"]
        state |= {f"x{number}": torch.ones(1) for number in range(5)}
        assert refused(fit, module, state, "m", "f.pth") == (
            "f.pth: not the weights of m. missing: 1.bias; not expected: x0, x1, x2, … (5 in "
            "all); of another shape: 0.weight is (2, 3), not (4, 3). The names and shapes must be "
            "those of its state dictionary."
        )
