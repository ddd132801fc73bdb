from __future__ import annotations

from napari_stst.background.messages import Result
from napari_stst.queue.job import Making
from napari_stst.queue.request import Order
from small_runs import clip


def test_warnings_of_a_stimulus_stay_and_begin_with_no_folder(viewer, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr("napari_stst.queue.job.show_warning", told.append)
    master = clip(tmp_path / "made.mkv", count=3)
    making = Making(viewer, Order(None, str(master), {}))
    warning = f"{master}: 1.2% of all values were clipped to 0 or 255."
    making._heard(Result({"outputs": [{"master": str(master)}], "warnings": [warning]}))
    assert told == ["made.mkv: 1.2% of all values were clipped to 0 or 255."]
    assert making.text == f"done: {master}\n{told[0]}"
