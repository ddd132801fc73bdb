"""A clip without colour gives stimuli without colour, exactly, with every method and preset."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

import small_runs
import stst
from stst.config import build, load_preset
from stst.engine.events import FrameDone, Preview
from stst.methods.stps.scrambling import Scrambling
from stst.methods.stst.prepare import prepare
from stst.video import GREY_NOTE, Video, as_grey, grey_values, is_grey

FPS = Fraction(25)
MODES = ("both", "spatial", "spatiotemporal", "temporal")


@pytest.fixture(scope="module")
def coloured() -> Video:
    return stst.read_video("sample_data/cat.mkv", frames="0:4", max_side=40)


@pytest.fixture(scope="module")
def grey(coloured) -> Video:
    return Video(np.stack([as_grey(frame) for frame in coloured.frames]), coloured.fps)


def preset(name, **changes):
    """Take a preset with two iterations in every octave."""
    tree = load_preset(name).model_dump() | {"small_octaves": "skip", "padding_frames": 1} | changes
    for one in (tree, *tree["frames"]):
        for octave in one.get("octaves") or ():
            octave["iterations"] = 2
    return build(tree, stst.StstConfig)


class TestRecognised:
    def test_a_single_level_of_colour_is_colour(self, grey):
        assert is_grey(grey.frames)
        for place in ((0, 0, 0, 0), (3, 29, 39, 2), (1, 5, 7, 1)):
            frames = grey.frames.copy()
            frames[place] ^= 1
            assert not is_grey(frames)

    def test_grey_values_are_those_of_the_formula(self, coloured):
        frame = coloured.frames[0]
        expected = frame.astype(float) @ [0.299, 0.587, 0.114]
        np.testing.assert_allclose(grey_values(frame), expected, atol=1e-9)
        made = as_grey(frame)
        assert np.array_equal(made, np.rint(expected).astype(np.uint8)[..., None].repeat(3, 2))
        assert np.array_equal(as_grey(made), made)

    @pytest.mark.parametrize("level", range(256))
    def test_every_level_keeps_its_own(self, level):
        frame = np.full((1, 1, 3), level, np.uint8)
        assert np.array_equal(as_grey(frame), frame)


class TestStst:
    @pytest.mark.parametrize(
        "name", ["quick", "builtin paper", "builtin reference", "builtin fast"]
    )
    def test_every_preset(self, grey, name):
        kind, _, which = name.rpartition(" ")
        config = preset(which, samples=2)
        if kind:
            quick = load_preset("quick")
            config = config.model_copy(
                update={"spatial": quick.spatial, "temporal": quick.temporal}
            )
        for made in stst.synthesize(grey, config):
            assert is_grey(made.frames)
            assert made.frames.std() > 5

    @pytest.mark.golden
    @pytest.mark.parametrize("name", ["paper", "reference", "fast"])
    def test_the_networks_of_the_paper(self, vgg, msoe, name):
        clip = stst.read_video("sample_data/cat.mkv", frames="0:2", max_side=100, grey=True)
        spatial = load_preset(name).spatial.model_dump() | {
            "texture_layers": ("conv1_1", "conv2_1", "conv3_1")
        }
        (made,) = stst.synthesize(clip, preset(name, spatial=spatial))
        assert is_grey(made.frames)

    @pytest.mark.parametrize("changes", [
        {"optimizer": {"name": "adam"}},
        {"optimizer": {"name": "lbfgs"}},
        {"start": "scrambled"},
        {"rules": "reference"},
        {"color_transfer": False},
        {"precision": "bf16"},
        {"padding_frames": 0},
        {"blend": 0.5},
        {"spatial": {"content_weight": 1.0}, "temporal": {"content_weight": 1.0}},
    ], ids=str)  # fmt: skip
    def test_every_setting(self, changes):
        natural = Video(small_runs.frames()[..., :1].repeat(3, -1), FPS)
        (made,) = stst.synthesize(natural, small_runs.config(**changes))
        assert is_grey(made.frames)

    def test_one_channel_is_optimised(self, grey, coloured):
        """Not three that are averaged at the end: a third of the numbers is kept of a frame."""
        for clip, channels in ((grey, 1), (coloured, 3)):
            process = prepare({"natural": clip}, small_runs.config()).process
            *_, last = (event for event in process.run() if isinstance(event, FrameDone))
            assert last.state.shape == (1, channels, 30, 40)
            assert last.images.shape == (1, 30, 40, 3)
            assert (GREY_NOTE in process.notes) == (channels == 1)

    def test_previews_are_grey(self, grey):
        process = prepare({"natural": grey}, small_runs.config()).process
        shown = [one for one in process.run(preview_seconds=0) if isinstance(one, Preview)]
        assert shown
        assert all(is_grey(one.images) for one in shown)

    def test_the_losses_are_those_of_the_grey_picture_in_three_channels(self, grey):
        """One channel costs what three equal ones do, and its gradient is the sum of theirs."""
        process = prepare({"natural": grey}, small_runs.config()).process
        objective, images, _ = process.rehearsal(torch.rand(1, 1, 30, 40))
        one = images.clone().requires_grad_()
        three = images.expand(-1, 3, -1, -1).clone().requires_grad_()
        losses = [objective.compute_unweighted(each) for each in (one, three)]
        torch.testing.assert_close(*losses)
        gradients = [
            torch.autograd.grad(loss.sum(), each)[0]
            for loss, each in zip(losses, (one, three), strict=True)
        ]
        torch.testing.assert_close(gradients[0], gradients[1].sum(dim=1, keepdim=True))

    def test_a_run_goes_on_to_the_same(self, grey):
        config = small_runs.config(samples=2)
        whole = [
            event for event in prepare({"natural": grey}, config).process.run()
            if isinstance(event, FrameDone)
        ]  # fmt: skip
        again = prepare({"natural": grey}, config).process
        *_, last = again.run(after=whole[2].frame, state=torch.from_numpy(whole[2].state))
        assert np.array_equal(last.images, whole[-1].images)

    def test_a_region(self, grey):
        inside = np.zeros((30, 40), bool)
        inside[5:25, 8:30] = True
        (made,) = stst.synthesize(grey, small_runs.config(), mask=inside)
        assert is_grey(made.frames)
        assert np.array_equal(made.frames[:, ~inside], grey.frames[:, ~inside])
        assert (made.frames != grey.frames).any(axis=3)[:, inside].mean() > 0.9

    def test_colour_comes_only_from_a_clip_that_has_some(self, grey, coloured):
        """One target with colour, and three channels are made; one that only gives colours, too."""
        for role in ("temporal_texture", "color"):
            (made,) = stst.synthesize(grey, small_runs.config(), {role: coloured})
            assert is_grey(made.frames) == (role == "temporal_texture")
        (made,) = stst.synthesize(coloured, small_runs.config(), {"color": grey})
        assert is_grey(made.frames)
        (made,) = stst.synthesize(coloured, small_runs.config())
        assert not is_grey(made.frames)


class TestScrambling:
    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("changes", [
        {}, {"color_transfer": False}, {"phase_per_channel": True}, {"precision": "fp32"},
        {"coherence": 0.5},
    ], ids=str)  # fmt: skip
    def test_every_mode(self, grey, mode, changes):
        for made in stst.scramble(grey, stst.StpsConfig(mode=mode, samples=2, **changes)):
            assert is_grey(made.frames)
            assert (made.frames != grey.frames).mean() > 0.5

    @pytest.mark.parametrize("mode", MODES)
    def test_it_is_what_three_channels_would_give(self, grey, mode):
        """The fields are the same, whether one channel is scrambled or three."""
        config = stst.StpsConfig(mode=mode, color_transfer=False, noise="shared")
        (one,) = stst.scramble(grey, config)
        tinted = grey.frames.copy()
        tinted[0, 0, 0, 2] ^= 1
        (three,) = stst.scramble(Video(tinted, grey.fps), config)
        difference = np.abs(one.frames.astype(int) - three.frames)
        assert difference.max() <= 1
        assert difference.mean() < 0.02

    def test_a_third_of_the_memory(self, grey, coloured):
        config = stst.StpsConfig()
        small, large = (
            Scrambling(config, clip, torch.device("cpu")).memory() for clip in (grey, coloured)
        )
        assert small < 0.5 * large

    def test_a_field_of_each_channel_is_said_to_have_no_effect(self, grey):
        process = Scrambling(stst.StpsConfig(phase_per_channel=True), grey, torch.device("cpu"))
        assert [*process.notes] == [
            GREY_NOTE, "phase_per_channel has no effect on a clip of one channel",
        ]  # fmt: skip


class TestFiles:
    """Grey on the command line and in files: asked for, on record, and found again."""

    @pytest.fixture
    def natural(self, tmp_path, coloured) -> Path:
        path = tmp_path / "natural.mkv"
        stst.write_video(path, coloured.frames, coloured.fps)
        return path

    @pytest.mark.parametrize("suffix", [".mkv", ".npy", "/"])
    def test_the_option_makes_a_stimulus_of_the_luminance(self, natural, tmp_path, grey, suffix):
        out = f"{tmp_path / 'made'}{suffix}"
        words = (natural, "-o", out, "--grey")
        small_runs.synthesize(*words)
        again = tmp_path / "made.mkv" if suffix == ".mkv" else Path(out)
        made = stst.read_video(again, fps=None if suffix == ".mkv" else 24)
        assert is_grey(made.frames)
        (expected,) = stst.synthesize(grey, sidecar_config(tmp_path / "made.json"))
        assert np.array_equal(made.frames, expected.frames)

    def test_the_record(self, natural, tmp_path, grey):
        import json

        small_runs.synthesize(natural, "-o", tmp_path / "made.mkv", "--grey")
        content = json.loads((tmp_path / "made.json").read_text())
        (entry,) = content["inputs"]
        assert content["config"]["input"]["grey"] is True
        assert entry["grey"] is True
        assert entry["frames_sha256"] == grey.sha256()
        assert GREY_NOTE in content["warnings"]
        result = small_runs.stst(
            "remake", tmp_path / "made.json", "-o", tmp_path / "again.mkv", *small_runs.TRUST
        )
        assert result.exit_code == 0, result.output
        assert (tmp_path / "again.mkv").read_bytes() == (tmp_path / "made.mkv").read_bytes()
        compared = small_runs.stst_analyze("compare", natural, tmp_path / "made.mkv")
        assert compared.exit_code == 0, compared.output
        assert "[grey]" in compared.stdout + compared.stderr

    def test_the_natural_clip_is_compared_without_its_colour(self, natural, tmp_path, grey):
        from stst.analysis.pairs import NaturalClip

        small_runs.stst("scramble", natural, "-o", tmp_path / "s.mkv", "--grey")
        pair = NaturalClip(natural).pair(tmp_path / "s.mkv")
        assert pair.alignment.grey
        assert pair.natural.sha256() == grey.sha256()
        assert is_grey(pair.other.frames)

    def test_another_kind_of_record_is_refused(self, natural, tmp_path):
        import json

        small_runs.stst("scramble", natural, "-o", tmp_path / "s.mkv")
        content = json.loads((tmp_path / "s.json").read_text())
        content["inputs"][0]["grey"] = "yes"
        (tmp_path / "s.json").write_text(json.dumps(content))
        small_runs.refused(
            small_runs.stst_analyze("compare", natural, tmp_path / "s.mkv"),
            "inputs.grey is 'yes'; it must be true or false.",
        )

    def test_a_clip_is_converted_on_record(self, natural, tmp_path, grey):
        import json

        small_runs.stst("scramble", natural, "-o", tmp_path / "s.mkv")
        words = ("convert", tmp_path / "s.mkv", tmp_path / "g.mkv", "--grey")
        assert small_runs.stst(*words).exit_code == 0
        content = json.loads((tmp_path / "g.json").read_text())
        assert content["output"]["converted"] == {"from": "s.mkv", "grey": True}
        small_runs.stst("convert", natural, tmp_path / "n.mkv", "--grey")
        assert np.array_equal(stst.read_video(tmp_path / "n.mkv").frames, grey.frames)

    @pytest.mark.parametrize("side", [None, 20])
    def test_shrunk_first_then_grey(self, natural, side):
        """A grey clip stays grey when it is shrunk, and the order of both is on the page."""
        made = stst.read_video(natural, max_side=side, grey=True)
        plain = stst.read_video(natural, max_side=side)
        assert np.array_equal(made.frames, np.stack([as_grey(one) for one in plain.frames]))
        assert made.source.grey
        assert not plain.source.grey

    def test_shrinking_keeps_grey(self, tmp_path, grey):
        stst.write_video(tmp_path / "g.mkv", grey.frames, grey.fps)
        for side in (39, 31, 20, 7):
            assert is_grey(stst.read_video(tmp_path / "g.mkv", max_side=side).frames)


def sidecar_config(path):
    """Take the config of a sidecar, without what was done to its input already."""
    import json

    tree = json.loads(path.read_text())["config"]
    return build({**tree, "input": {}}, stst.StstConfig)
