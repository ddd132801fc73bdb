"""What the widgets take beside the natural clip: regions, other clips, layers in memory, files."""

from __future__ import annotations

import json

import numpy as np
from napari.layers import Image, Shapes
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QFileDialog

from napari_stst.make.generate import GenerateWidget
from napari_stst.make.scramble import ScrambleWidget
from napari_stst.make.sources import write_mask
from napari_stst.viewer.layers import layer_of
from napari_stst.viewer.regions import mask_of
from old_versions import REMEDY, copied
from small_runs import TREE, clip, config, frames, stst
from stst.config import StpsConfig, StstConfig, build, to_toml
from stst.video import read_video


def add(viewer, path) -> Image:
    data, options, _ = layer_of(path)
    return viewer.add_layer(Image(data, **options))


def opened(viewer, kind=GenerateWidget):
    widget = kind(viewer)
    viewer.window.add_dock_widget(widget, name=widget.title)
    if kind is GenerateWidget:
        widget.set_tree(TREE)
    return widget


def choose(box, name) -> None:
    place = box.findText(name)
    assert place >= 0, [box.itemText(one) for one in range(box.count())]
    box.setCurrentIndex(place)


def make(widget, until):
    widget.make()
    until(lambda: widget.run.job is not None and widget.run.job.state in ("done", "failed"))
    assert widget.run.job.state == "done", widget.run.job.text
    return widget.run.job


def test_a_region_and_frames_in_memory(viewer, until, tmp_path, errors):
    natural = viewer.add_image(frames(), rgb=True, name="in memory")
    corners = np.array([[2, 3], [2, 12], [8, 12], [8, 3]])
    viewer.add_layer(Shapes([corners], shape_type="rectangle", name="region"))
    widget = opened(viewer)
    choose(widget._region, "region")
    widget._rate.setText("30000/1001")
    job = make(widget, until)
    inside = np.zeros((18, 20), bool)
    inside[2:9, 3:13] = True
    made = np.asarray(job.layers[0].data)
    assert np.array_equal(made[:, ~inside], natural.data[:, ~inside])
    assert not np.array_equal(made[:, inside], natural.data[:, inside])
    assert str(job.layers[0].data.video.fps) == "30000/1001"
    sidecar = json.loads((tmp_path / "in memory_metamer.json").read_text())
    assert {one["role"]: one["path"] for one in sidecar["inputs"]} == {
        "natural": "in memory_metamer.natural.mkv", "mask": "in memory_metamer.mask.png"
    }  # fmt: skip
    assert np.array_equal(
        read_video(tmp_path / "in memory_metamer.natural.mkv").frames, natural.data
    )
    # it can be made again without the viewer
    assert stst("remake", tmp_path / "in memory_metamer.json", "-o", "again.mkv",
                "--trust-model", "tiny_model:spatial",
                "--trust-model", "tiny_model:temporal").exit_code == 0  # fmt: skip
    assert errors == []


def test_labels_on_other_frames_than_are_made(viewer, tmp_path, errors):
    natural = add(viewer, clip(tmp_path / "natural.mkv", count=4))
    painted = np.zeros((4, 18, 20), int)
    painted[:2, 3:7, 5:9] = 1
    viewer.add_labels(painted, name="region")
    widget = opened(viewer)
    widget.set_tree({**TREE, "input": {"frames": "2:4"}})
    choose(widget._region, "region")
    widget.make()
    assert "'region' marks nothing on the frames 2 to 3" in errors[0]
    assert list(tmp_path.glob("*mask*")) == []
    assert widget.natural() is natural


def test_frames_in_memory_need_a_rate(viewer, errors):
    viewer.add_image(frames(), rgb=True, name="in memory")
    widget = opened(viewer)
    assert widget._rate.isVisibleTo(widget)
    widget.make()
    assert "'in memory' has no frame rate" in errors[0]
    assert "in the row 'frame rate'" in errors[0]
    assert widget.run.job is None


def test_a_clip_for_one_term(viewer, until, tmp_path):
    add(viewer, clip(tmp_path / "natural.mkv"))
    add(viewer, clip(tmp_path / "other.mkv", seed=5))
    widget = opened(viewer)
    choose(widget._natural, "natural")
    choose(widget._targets["temporal_texture"], "other")
    job = make(widget, until)
    sidecar = json.loads((tmp_path / "natural_metamer.json").read_text())
    roles = {one["role"]: one["path"] for one in sidecar["inputs"]}
    assert roles == {"natural": "natural.mkv", "temporal_texture": "other.mkv"}
    assert job.request.tree["targets"] == {"temporal_texture": str(tmp_path / "other.mkv")}


def test_every_selected_clip(viewer, until, tmp_path):
    for name in "abc":
        add(viewer, clip(tmp_path / f"{name}.mkv", seed=ord(name)))
    widget = opened(viewer, ScrambleWidget)
    viewer.layers.selection = {viewer.layers["a"], viewer.layers["c"]}
    widget.make_selected()
    until(lambda: [one.state for one in widget.queue.jobs] == ["done", "done"])
    assert sorted(one.name for one in tmp_path.glob("*_scrambled.mkv")) == [
        "a_scrambled.mkv", "c_scrambled.mkv"
    ]  # fmt: skip


def test_shared_noise_is_warned_of_where_several_clips_have_it(viewer, tmp_path, monkeypatch):
    for name in "ab":
        add(viewer, clip(tmp_path / f"{name}.mkv", seed=ord(name)))
    widget = opened(viewer, ScrambleWidget)
    monkeypatch.setattr(widget, "_prepare_request", lambda *words: None)
    told = []
    monkeypatch.setattr("napari_stst.make.maker_widget.show_warning", told.append)
    viewer.layers.selection = set(viewer.layers)
    widget.make_selected()
    assert told == []
    widget.set_tree(StpsConfig(noise="shared").model_dump())
    widget.make_selected()
    (line,) = told
    assert "the stimuli of these 2 clips are not independent" in line
    viewer.layers.selection = {viewer.layers["a"]}
    widget.make_selected()
    assert len(told) == 1


def test_scrambling_as_the_command_does(viewer, until, tmp_path, errors):
    path = clip(tmp_path / "natural.mkv", count=5, height=24, width=26)
    add(viewer, path)
    widget = opened(viewer, ScrambleWidget)
    widget.set_tree(StpsConfig(mode="spatial", coherence=0.25, seed=9).model_dump())
    widget.copy_command()
    assert QGuiApplication.clipboard().text() == (
        f"stst scramble {path} -o {tmp_path}/natural_scrambled.mkv --preset stps --seed 9 "
        "--set 'mode=\"spatial\"' --set coherence=0.25"
    )
    make(widget, until)
    done = stst("scramble", path, "-o", tmp_path / "there.mkv", "--seed", 9, "--mode", "spatial",
                "--coherence", 0.25)  # fmt: skip
    assert done.exit_code == 0, done.output
    here = tmp_path / "natural_scrambled.mkv"
    assert here.read_bytes() == (tmp_path / "there.mkv").read_bytes()
    assert errors == []


class TestConfigs:
    def test_saving_begins_where_the_results_are(self, viewer, tmp_path, monkeypatch):
        (tmp_path / "data").mkdir()
        add(viewer, clip(tmp_path / "data/natural.mkv"))
        widget = opened(viewer)
        asked = []
        monkeypatch.setattr(
            QFileDialog, "getSaveFileName", lambda *args: asked.append(args[2]) or ("", "")
        )
        widget.save_config()
        assert asked == [str(tmp_path / "data/config.toml")]

    def test_saved_and_loaded(self, viewer, tmp_path):
        add(viewer, clip(tmp_path / "natural.mkv"))
        widget = opened(viewer)
        widget.set_tree({**TREE, "seed": 11, "octave_scale": 1.75})
        widget.save_config(str(tmp_path / "c.toml"))
        widget.choose_preset("quick")
        assert build(widget.tree(), StstConfig).octave_scale == 1.5
        answers = []
        widget.ask = lambda text, choices: answers.append(text) or choices[0]
        widget.load_config(str(tmp_path / "c.toml"))
        loaded = build(widget.tree(), StstConfig)
        assert (loaded.seed, loaded.octave_scale) == (11, 1.75)
        assert loaded.spatial.model == "tiny_model:spatial"
        # asked once for each model of one's own
        assert len(answers) == 2
        assert "tiny_model:spatial" in answers[0]
        widget.load_config(str(tmp_path / "c.toml"))
        assert len(answers) == 2

    def test_a_model_that_is_not_trusted_is_not_taken(self, viewer, tmp_path):
        (tmp_path / "c.toml").write_text(to_toml(config(seed=12)))
        widget = opened(viewer)
        widget.choose_preset("quick")
        widget.ask = lambda text, choices: choices[-1]
        widget.load_config(str(tmp_path / "c.toml"))
        assert build(widget.tree(), StstConfig).spatial.model == "filterbank"

    def test_a_sidecar_s_clips_are_opened(self, viewer, until, tmp_path):
        add(viewer, clip(tmp_path / "natural.mkv"))
        clip(tmp_path / "other.mkv", seed=5)
        (tmp_path / "c.toml").write_text(
            "octaves = [{exponent = 0, iterations = 3, learning_rate = 0.5}]\n"
            '[targets]\ncolor = "other.mkv"\n'
        )
        widget = opened(viewer)
        widget.load_config(str(tmp_path / "c.toml"))
        assert [one.name for one in viewer.layers] == ["natural", "other"]
        assert widget._targets["color"].currentText() == "other"

    def test_a_mask_becomes_labels(self, viewer, tmp_path):
        natural = add(viewer, clip(tmp_path / "natural.mkv"))
        drawn = np.zeros((18, 20), bool)
        drawn[3:7, 5:9] = True
        write_mask(drawn, None, tmp_path / "m.png")
        (tmp_path / "c.toml").write_text('mask = "m.png"\n')
        widget = opened(viewer)
        for _ in range(2):
            widget.load_config(str(tmp_path / "c.toml"))
            assert [one.name for one in viewer.layers] == ["natural", "m"]
        assert widget._region.currentText() == "m"
        assert np.array_equal(mask_of(widget._region.currentData(), natural), drawn)

    def test_a_sidecar_brings_its_natural_clip(self, viewer, until, tmp_path):
        path = clip(tmp_path / "natural.mkv")
        assert stst("synthesize", path, "-o", tmp_path / "made.mkv", "--preset", "quick",
                    "--set", "frames=[]", "--set", "padding_frames=1", "--set",
                    "octaves=[{exponent = 0, iterations = 1, learning_rate = 0.1}]",
                    "--seed", 6).exit_code == 0  # fmt: skip
        add(viewer, clip(tmp_path / "other.mkv", seed=3))
        widget = opened(viewer)
        widget.choose_preset("paper")
        widget.load_config(str(tmp_path / "made.json"))
        assert widget.natural().name == "natural"
        assert widget._presets.currentText() == "quick"
        assert build(widget.tree(), StstConfig).seed == 6

    def test_a_natural_clip_that_is_gone_is_told(self, viewer, tmp_path, monkeypatch):
        content = {
            "schema_version": 1, "method": "stst", "config": config().model_dump(mode="json"),
            "inputs": [{"role": "natural", "path": "gone.mkv", "frames_sha256": "0"}],
            "environment": {}, "output": {"frames_sha256": "0"},
        }  # fmt: skip
        (tmp_path / "made.json").write_text(json.dumps(content))
        add(viewer, clip(tmp_path / "natural.mkv"))
        widget = opened(viewer)
        widget.ask = lambda text, choices: choices[0]
        told = []
        monkeypatch.setattr("napari_stst.make.maker_widget.show_warning", told.append)
        widget.load_config(str(tmp_path / "made.json"))
        assert "gone.mkv does not exist" in told[0]
        assert widget.natural().name == "natural"

    def test_a_sidecar_of_version_0_1(self, viewer, tmp_path, monkeypatch):
        """Its settings are loaded, and it is said that they make another stimulus here."""
        folder = copied(tmp_path)
        widget = opened(viewer)
        widget.ask = lambda text, choices: choices[0]
        told = []
        monkeypatch.setattr("napari_stst.make.maker_widget.show_warning", told.append)
        widget.load_config(str(folder / "metamer.json"))
        (line,) = told
        assert line.startswith("metamer.json is loaded as settings for a new stimulus: napari-stst")
        assert REMEDY in line
        chosen = build(widget.tree(), StstConfig)
        assert (chosen.seed, chosen.noise) == (3, "per_clip")
        assert chosen.spatial.model == "tiny_model:spatial"
        assert widget.natural().name == "natural"

    def test_of_another_method(self, viewer, tmp_path, errors):
        (tmp_path / "c.toml").write_text('method = "stps"\n')
        opened(viewer).load_config(str(tmp_path / "c.toml"))
        assert "it is for the method stps, this widget makes stst" in errors[0]

    def test_a_preset_keeps_clip_seed_and_size(self, viewer):
        widget = opened(viewer)
        widget.set_tree({**TREE, "seed": 4, "input": {"frames": "0:2", "max_side": 64}})
        widget.choose_preset("paper")
        chosen = build(widget.tree(), StstConfig)
        assert (chosen.seed, chosen.input.frames, chosen.input.max_side) == (4, "0:2", 64)
        assert (chosen.spatial.model, chosen.octaves[-1].iterations) == ("vgg19", 1000)

    def test_a_model_brings_its_own_layers(self, viewer):
        widget = opened(viewer)
        assert widget._model.currentText() == "as under Advanced"
        widget.choose_model("builtin")
        assert widget._model.currentText() == "builtin"
        assert widget._model.count() == 2
        assert not widget.weights.isVisibleTo(widget)
        widget.choose_model("paper")
        assert widget.weights.isVisibleTo(widget)
