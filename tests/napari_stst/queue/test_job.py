from __future__ import annotations

import numpy as np

from napari_stst.background.messages import ClipPicture, Picture, Result, Started
from napari_stst.queue.job import QueuedJob
from napari_stst.queue.request import MakeRequest
from small_runs import clip, config


def test_warnings_of_a_stimulus_stay_and_begin_with_no_folder(viewer, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr("napari_stst.queue.job.show_warning", told.append)
    master = clip(tmp_path / "made.mkv", count=3)
    job = QueuedJob(viewer, MakeRequest(None, str(master), config()))
    warning = f"{master}: 1.2% of all values were clipped to 0 or 255."
    job._on_message(Result({"outputs": [{"master": str(master)}], "warnings": [warning]}))
    assert told == ["made.mkv: 1.2% of all values were clipped to 0 or 255."]
    assert job.text == f"done: {master}\n{told[0]}"


def test_samples_are_drawn_into_their_own_layers(viewer, tmp_path):
    job = QueuedJob(viewer, MakeRequest(None, str(tmp_path / "made.mkv"), config()))
    one = np.full((6, 8, 3), 5, np.uint8)
    job._on_message(Started(2, (6, 8), 0, 1.0, False, (0, 1, 2), "25", (), done=[[one], [], []]))
    first, second, third = job.layers
    grey = third.data[0, 0, 0, 0]
    job._on_message(Picture(1, np.full((2, 3, 4, 3), 9, np.uint8), True, first=1))
    # of samples that are not shown there are no pictures
    job._on_message(Picture(1, np.zeros((0, 3, 4, 3), np.uint8), True, first=3))
    values = [[layer.data[frame, 0, 0, 0] for frame in range(2)] for layer in job.layers]
    assert values == [[5, grey], [grey, 9], [grey, 9]]
    job._on_message(ClipPicture(np.full((1, 2, 6, 8, 3), 7, np.uint8), first=2))
    assert [int(layer.data.max()) for layer in (first, second, third)] == [
        max(5, grey), max(9, grey), 7,
    ]  # fmt: skip
