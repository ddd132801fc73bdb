"""Video models of optional libraries: what is said without them, and each of them inverted."""

from __future__ import annotations

import re
import sys
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models import get_model_weights

import stst
from small_runs import frames
from stst.config import LeapsConfig
from stst.engine.events import IterationDone
from stst.errors import InputError
from stst.methods.leaps.catalog import ZOO, FramesFirst, ZooModel, current_names, zoo_names
from stst.methods.leaps.classifiers import check_verifier, load_video_model
from stst.methods.leaps.layers import LayerInput, watch_inputs
from stst.video import Video

# too much arithmetic for a CPU, and the same code as of a smaller one
TOO_LARGE = ("timesformer_hr", "videomae_l")


class _Scored(nn.Module):
    """Stands for a model of transformers: frames first, and scores inside an object."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(3)
        self.head = nn.Linear(3, 400)
        self.attention = nn.ModuleDict({"query": nn.Linear(3, 3)})
        self.seen = None

    def forward(self, clips):
        self.seen = clips
        return SimpleNamespace(logits=self.head(self.norm(clips.mean((1, 3, 4)))))


def scored() -> nn.Module:
    return FramesFirst(_Scored(), (4, 6, 8))


@pytest.fixture
def fake(monkeypatch):
    """Two models that need no library."""
    of = partial(ZooModel, length=4, step=8, side=8, resized=10)
    where = "https://example.org/w"
    monkeypatch.setitem(ZOO, "scored_b", of("transformers", scored, where))
    monkeypatch.setitem(ZOO, "unpublished", of("pytorchvideo", scored, ""))


def refused(function, *arguments, **options):
    with pytest.raises(InputError) as caught:
        function(*arguments, **options)
    return str(caught.value)


class TestNames:
    @pytest.mark.parametrize("name", sorted(ZOO))
    def test_without_the_library(self, name, monkeypatch):
        library = ZOO[name].library
        for module in (library, f"{library}.models.hub", f"{library}.models.csn"):
            monkeypatch.setitem(sys.modules, module, None)
        said = refused(load_video_model, name, "none", setting="verifier")
        assert said.startswith(f"`verifier` {name}: needs {library}, which cannot be imported (")
        assert said.endswith(f"Install it: pip install 'napari-stst[{library}]'.")

    def test_a_near_miss_names_the_models_of_libraries(self):
        said = refused(load_video_model, "x3d_n", "none")
        assert said.startswith("`model` x3d_n: no video model of that name. Did you mean x3d_")
        assert "swin3d_t; with pytorchvideo: x3d_xs, x3d_s, " in said
        assert "with transformers: timesformer_b, " in said

    def test_every_library_has_some(self):
        assert len(zoo_names("pytorchvideo")) + len(zoo_names("transformers")) == len(ZOO)

    def test_no_name_is_torchvisions(self):
        from torchvision.models import list_models

        assert not set(ZOO) & set(list_models())


@pytest.mark.usefixtures("fake")
class TestWeights:
    @pytest.mark.parametrize("weights", ["default", "KINETICS400_V1"])
    def test_none_is_fetched(self, weights):
        said = refused(load_video_model, "scored_b", weights, setting="verifier")
        assert said == (
            f"`verifier_weights` {weights}: those of scored_b are published without a hash to "
            "check them by, so they are never fetched here. Download them from "
            "https://example.org/w and give the file as `verifier_weights=FILE`, or do without: "
            '`verifier_weights="none"` (random).'
        )

    def test_none_is_published(self):
        said = refused(load_video_model, "unpublished", "default")
        assert said == (
            "`weights` default: no weights of unpublished are published for pytorchvideo. Give a "
            'file of your own as `weights=FILE`, or do without: `weights="none"` (random).'
        )

    def test_random_ones_are_the_same_every_time(self):
        one, other = (load_video_model("scored_b", "none") for _ in range(2))
        assert one.label.startswith("none (random, seed 0); transformers ")
        assert one.weights is None
        assert torch.equal(one.module.model.head.weight, other.module.model.head.weight)

    @pytest.mark.parametrize(
        "file", ["pytorch_model.bin", "X.pyth", "model.safetensors", "w.pth", "last.ckpt"]
    )
    def test_a_file_has_the_publishers_names(self, file, tmp_path):
        state = _Scored().state_dict()
        bias = state["attention.query.bias"]
        published = dict(state)
        published["attention.q_bias"] = published.pop("attention.query.bias")
        path = tmp_path / file
        if path.suffix == ".safetensors":
            from safetensors.torch import save_file

            save_file(published, path, {"format": "pt"})
        else:
            whole = {"epoch": 3, "model_state": published, "cfg": "NUM: 400"}
            if path.suffix == ".ckpt":
                whole = {"state_dict": {f"model.{name}": one for name, one in published.items()}}
            torch.save(whole if path.suffix in (".pyth", ".ckpt") else published, path)
        model = load_video_model("scored_b", str(path))
        assert torch.equal(model.module.model.head.weight, state["head.weight"])
        assert torch.equal(model.module.model.attention["query"].bias, bias)
        assert model.weights["file"] == file
        assert not model.weights["verified"]
        assert model.label.startswith(f"{file} sha256:")
        assert "; transformers " in model.label

    def test_a_file_of_another_model(self, tmp_path):
        torch.save({"x": torch.zeros(1)}, tmp_path / "w.pth")
        said = refused(load_video_model, "scored_b", str(tmp_path / "w.pth"))
        assert "not the weights of scored_b. missing: norm.weight" in said


@pytest.mark.usefixtures("fake")
class TestWhatItSays:
    def test_of_itself(self):
        model = load_video_model("scored_b", "none")
        assert (model.length, model.size, model.rate) == (4, (8, 8), Fraction(15, 4))
        assert (model.mean, model.std) == ((0.45,) * 3, (0.225,) * 3)
        assert model.categories == tuple(get_model_weights("r3d_18").DEFAULT.meta["categories"])
        assert str(model.prepare) == (
            "input=resize 10 bilinear antialias in 8 bits, crop 8x8; mean=0.45; std=0.225"
        )
        assert load_video_model("scored_b", "none", "6x9").size == (6, 9)
        prepared = model.prepare(frames(4, 20, 30))
        assert prepared.shape == (4, 3, 8, 8)

    def test_it_cannot_verify(self):
        said = refused(check_verifier, load_video_model("scored_b", "none"), 4, (6, 8))
        assert said.startswith("`verifier` scored_b: has only LayerNorm")

    def test_a_clip_of_another_shape(self):
        model = load_video_model("scored_b", "none", "6x8")
        assert model.classes(4, (6, 8)) == 400
        said = refused(model.classes, 8, (6, 8))
        assert "cannot take 8 frames of 6x8 px (takes 4 frames of 6x8 px only)" in said


class TestFramesFirst:
    def test_axes_and_scores(self):
        module = scored()
        clips = torch.rand(2, 3, 4, 6, 8)
        scores = module(clips)
        assert scores.shape == (2, 400)
        assert torch.equal(module.model.seen, clips.permute(0, 2, 1, 3, 4))

    def test_tokens_through_time_first(self):
        places, steps, channels = 5, 3, 2
        features = torch.rand(4, steps, channels, places)
        tokens = features.permute(0, 3, 1, 2).reshape(4, places * steps, channels)
        layer = LayerInput(nn.LayerNorm(channels), tokens, 4, steps, time_runs_first=True)
        assert torch.equal(layer.by_frame(), features)
        with_class = torch.cat([torch.zeros(4, 1, channels), tokens], 1)
        layer = LayerInput(nn.LayerNorm(channels), with_class, 4, steps, time_runs_first=True)
        assert torch.equal(layer.by_frame(), features)


class TestTransformers:
    """Whether times are found in tokens: a frame is changed, and nothing mixes."""

    @pytest.fixture
    def library(self):
        return pytest.importorskip("transformers")

    def test_timesformer(self, library):
        config = library.TimesformerConfig(
            image_size=8, patch_size=4, num_frames=3, hidden_size=8, num_hidden_layers=1,
            num_attention_heads=2, intermediate_size=16, num_labels=5,
        )  # fmt: skip
        model = library.TimesformerForVideoClassification(config).eval()
        layer = model.timesformer.encoder.layer[0]
        for part in (layer.temporal_dense, layer.attention.output.dense):
            nn.init.zeros_(part.weight)
            nn.init.zeros_(part.bias)
        module = FramesFirst(model, (3, 8, 8), time_runs_first=True)
        changed = self.changed(module, (3, 8, 8), frame=1)
        assert {tuple(one) for one in changed[:1]} == {(False, True, False)}
        assert len(changed) == 2  # after space, and after all; the others' batches are folded

    def test_videomae(self, library):
        config = library.VideoMAEConfig(
            image_size=8, patch_size=4, num_frames=6, hidden_size=8, num_hidden_layers=1,
            num_attention_heads=2, intermediate_size=16, num_labels=5,
        )  # fmt: skip
        model = library.VideoMAEForVideoClassification(config).eval()
        changed = self.changed(FramesFirst(model, (6, 8, 8)), (6, 8, 8), frame=2)
        assert changed[0] == [False, True, False]
        assert len(changed) == 2

    def test_older_names_of_videomae(self, library):
        config = library.VideoMAEConfig(hidden_size=8, num_hidden_layers=2, num_attention_heads=2)
        state = library.VideoMAEForVideoClassification(config).state_dict()
        if not any("query.bias" in name for name in state):
            pytest.skip("this version of transformers has the older names itself")
        older = {
            name.replace("query.bias", "q_bias").replace("value.bias", "v_bias"): value
            for name, value in state.items()
        }
        assert older.keys() != state.keys()
        module = library.VideoMAEForVideoClassification(config)
        assert current_names(module, older).keys() == state.keys()

    def changed(self, module, shape, frame):
        """Say for every layer with time, at which of its steps features differ."""
        clip = torch.rand(1, 3, *shape)
        other = clip.clone()
        other[:, :, frame] = 0
        found = []
        with torch.no_grad():
            for one in (clip, other):
                with watch_inputs(module, 1, shape[0]) as layers:
                    module(one)
                found.append([layer.by_frame() for layer in layers])
        return [
            (have - want).abs().amax((0, 2, 3)).gt(1e-6).tolist()
            for have, want in zip(*found, strict=True)
            if have is not None
        ]


class TestPytorchvideo:
    def test_x3d_is_the_librarys_own_but_for_the_softmax(self):
        pytest.importorskip("pytorchvideo")
        model = load_video_model("x3d_xs", "none").module  # imports it without its warnings
        from pytorchvideo.models.hub import x3d_xs

        own = x3d_xs().eval()
        own.load_state_dict(model.state_dict())
        clip = torch.rand(1, 3, 4, 160, 160)
        with torch.no_grad():
            torch.testing.assert_close(model(clip).softmax(1), own(clip))


def test_the_factory_of_the_documentation(tmp_path, monkeypatch):
    text = (Path(__file__).parents[4] / "docs" / "leaps_models.md").read_text()
    (code,) = re.findall(r"```python\n# mvit_v2_b.py\n(.*?)```", text, re.DOTALL)
    (tmp_path / "mvit_v2_b.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    model = load_video_model("mvit_v2_b:model", "none")
    assert (model.length, model.size, model.rate) == (32, (224, 224), 10)
    assert len(model.categories) == 400
    # as PySlowFast counts them for MViTv2-B, in millions
    assert round(sum(one.numel() for one in model.module.parameters()) / 1e6, 1) == 51.2


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in ZOO if name not in TOO_LARGE])
def test_a_few_steps(name):
    one = ZOO[name]
    pytest.importorskip(one.library)
    shape = (one.length, one.side, one.side)
    config = LeapsConfig(
        model=name, weights="none", target="juggling b", rate=float(one.rate), iterations=2,
        warm_up=0, learning_rate=0.05, roll=2, device="cpu", verifier="none",
    )  # fmt: skip
    clip, events = Video(frames(*shape), one.rate), []
    (made,) = stst.leaps(clip, config, events.append)
    assert made.frames.shape == (*shape, 3)
    assert made.fps == one.rate
    assert made.frames.std() > 10
    losses = [event.losses for event in events if isinstance(event, IterationDone)]
    assert len(losses) == 2
    assert set(losses[0]) == {"class", "priming", "coherence", "l2"}
    assert all(np.isfinite(one[0]) and one[0] > 0 for one in losses[0].values())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["x3d_xs", "slow_r50", "r2plus1d_r50", "csn_r101"])
def test_convolutions_give_scores_and_can_verify(name):
    one = ZOO[name]
    pytest.importorskip(one.library)
    model = load_video_model(name, "none")
    shape = (one.length, (one.side, one.side))
    assert model.classes(*shape) == 400
    with torch.no_grad():
        scores = model.module(torch.rand(1, 3, one.length, one.side, one.side))
    assert abs(float(scores.sum()) - 1) > 1e-3  # no softmax
    check_verifier(model, *shape)
