"""Clips of their own for terms, and the door for clips in memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import stst
from small_runs import FPS, config, frames
from stst.errors import InputError
from stst.video import Video


class TestTargets:
    @pytest.fixture
    def clips(self, tmp_path):
        def make(role, **changes):
            return Video(frames(**{"seed": len(role)} | changes), FPS)

        return make

    def run(self, natural, targets, **changes):
        return stst.synthesize(natural, config(**changes), targets)[0]

    @pytest.mark.parametrize(
        ("changes", "what", "there", "here"),
        [
            ({"height": 20}, r"size \(height x width\)", "18x20", "20x20"),
            ({"count": 4}, "number of frames", "3", "4"),
        ],
    )
    def test_they_must_agree(self, clips, changes, what, there, here):
        natural = clips("natural")
        targets = {"temporal_texture": clips("temporal_texture", **changes)}
        message = rf"disagree in {what}: natural \(an array\) has {there}, temporal_.* has {here}"
        with pytest.raises(InputError, match=message):
            self.run(natural, targets)
        with pytest.raises(InputError, match="`stst convert` .* cuts, shrinks and resamples"):
            self.run(natural, {"color": targets["temporal_texture"]})

    def test_rates_must_agree(self, clips):
        natural = clips("natural")
        other = replace(natural, fps=FPS * 2)
        with pytest.raises(InputError, match=r"frame rate in Hz: color .* 60000/1001, natural"):
            self.run(natural, {"color": other})

    def test_a_clip_without_a_use_need_not_agree(self, clips):
        """Size and rate are those of the targets where the natural clip is replaced."""
        natural = Video(frames(5, 30, 30), FPS)
        other = replace(clips("other"), fps=FPS * 2)
        made = self.run(natural, {"spatial_texture": other, "temporal_texture": other})
        assert made.frames.shape == (3, 18, 20, 3)
        assert made.fps == FPS * 2

    @pytest.mark.parametrize(
        ("role", "changes", "follows"),
        [
            ("spatial_texture", {}, True),
            ("temporal_texture", {}, False),
            ("spatial_content", {"spatial": {"texture_weight": 0, "content_weight": 1}}, True),
            ("temporal_texture", {"spatial": {"texture_weight": 0}}, True),
        ],
    )
    def test_colours_follow_spatial_texture_else_the_first_target(
        self, clips, role, changes, follows
    ):
        natural, other = clips("natural"), clips("other")
        found = self.run(natural, {role: other}, **changes).frames
        as_other, as_natural = (
            self.run(natural, {role: other, "color": color}, **changes).frames
            for color in (other, natural)
        )
        assert not np.array_equal(as_other, as_natural)
        assert np.array_equal(found, as_other if follows else as_natural)

    @pytest.mark.parametrize(
        ("role", "changes", "message"),
        [
            ("spatial_content", {}, r"weight 0.*`spatial\.content_weight=1`"),
            ("temporal_content", {}, r"weight 0.*`temporal\.content_weight=1`"),
            ("color", {"color_transfer": False}, "color_transfer is false"),
            ("spatial_txture", {}, "no such term. There are: spatial_texture, .*, color"),
        ],
    )
    def test_one_without_a_use_is_refused(self, clips, role, changes, message):
        with pytest.raises(InputError, match=rf"target {role}: .*{message}"):
            self.run(clips("natural"), {role: clips("other")}, **changes)

    def test_a_target_used_at_some_frames_only(self, clips):
        natural, other = clips("natural"), clips("other")
        changes = {"frames": [{"range": "2:", "spatial": {"content_weight": 1.0}}]}
        with_it = self.run(natural, {"spatial_content": other}, **changes).frames
        without = self.run(natural, {}, **changes).frames
        assert np.array_equal(with_it[:2], without[:2])
        assert not np.array_equal(with_it[2], without[2])

    def test_a_stream_used_at_some_frames_only(self, clips):
        changes = {"frames": [{"range": "1:2", "temporal": {"texture_weight": 1.0}}]}
        off = {"temporal": {"texture_weight": 0}}
        made = self.run(clips("natural"), {}, **changes, **off).frames
        without = self.run(clips("natural"), {}, **off).frames
        assert np.array_equal(made[0], without[0])
        assert not np.array_equal(made[1], without[1])

    def test_a_stream_without_layers(self, clips):
        changes = {
            "frames": [{"range": "1:", "spatial": {"content_weight": 1.0}}],
            "spatial": {"content_layers": []},
        }
        with pytest.raises(InputError, match=r"spatial\.content_layers is empty"):
            self.run(clips("natural"), {}, **changes)


class TestInMemory:
    def test_keys_for_files_are_refused(self):
        natural = Video(frames(), FPS)
        with pytest.raises(InputError, match=r"config\.input applies to files"):
            stst.synthesize(natural, config(input={"max_side": 9}))
        with pytest.raises(InputError, match=r"config\.targets applies to files.*read_video"):
            stst.synthesize(natural, config(targets={"color": "x.mp4"}))

    def test_an_array_is_refused(self):
        with pytest.raises(InputError, match=r"natural: expected a stst\.Video, found ndarray"):
            stst.synthesize(frames(), config())

    def test_an_unknown_preset(self):
        with pytest.raises(InputError, match="unknown preset 'fsat' .did you mean 'fast'"):
            stst.synthesize(Video(frames(), FPS), "fsat")

    def test_events(self):
        seen = []
        made = stst.synthesize(Video(frames(), FPS), config(samples=2), on_event=seen.append)
        assert [len(video) for video in made] == [3, 3]
        names = [type(event).__name__ for event in seen]
        assert names == [
            "RunStarted",
            *["IterationDone", "IterationDone", "IterationDone", "FrameDone"] * 3,
        ]
