"""The task of a worker process that writes the report."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_stst.background.measuring import DEVICE, Counted
from napari_stst.background.messages import Result, Step
from napari_stst.background.tasks import Stop, Tell


def report_clips(
    natural: str,
    others: Sequence[str],
    output: str,
    tell: Tell,
    stop: Stop,
    cka: Sequence[str] = (),
    prednet: str | None = None,
    overwrite: bool = False,
    frames: str | None = None,
    max_side: int | None = None,
) -> Result:
    """Write the HTML report, as ``stst-analyze report`` does.

    Parameters
    ----------
    natural, others, tell, stop, frames, max_side
        As in `napari_stst.background.measuring.pair_clips`.
    output
        The folder to make.
    cka
        Models, as `napari_stst.background.measuring.measure_cka` has them.
    prednet
        Weights, a file or ``"none"``; None without it.
    overwrite
        Whether a report that is there may be replaced.

    Returns
    -------
    Result
        The path of the page, and notes, as ``page`` and ``notes``.
    """
    from stst.report import check_report_output, frames_to_read, open_clips, write_report

    check_report_output(Path(output), overwrite)
    clips = open_clips(natural, others, frames, max_side)
    parts, notes = _parts(cka, prednet, tell)
    total = frames_to_read(clips) + sum(part.steps(clips) for part in parts)
    counted = Counted(tell, stop, total)
    command = report_command(natural, others, cka, prednet, frames, max_side)
    page, *_ = write_report(
        output, clips, command, overwrite, lambda name, _: counted.begin(name), parts
    )
    return Result({"page": str(page), "notes": tuple(notes)})


def report_command(
    natural: str,
    others: Sequence[str],
    cka: Sequence[str] = (),
    prednet: str | None = None,
    frames: str | None = None,
    max_side: int | None = None,
) -> str:
    """Write the command that makes the same report."""
    words = ["stst-analyze", "report", natural, *others, "-o", "DIR"]
    words += ["--frames", frames] if frames is not None else []
    words += ["--max-side", str(max_side)] if max_side is not None else []
    words += [word for model in cka for word in ("--cka", model)]
    return shlex.join(words + (["--prednet", prednet] if prednet is not None else []))


def _parts(cka: Sequence[str], prednet: str | None, tell: Tell) -> tuple[list[Any], list[str]]:
    """Load the models of a report, so that what is wrong is said before any work."""
    if not cka and prednet is None:
        return [], []
    from stst.config.choice import CkaSettings, parse_choice

    choices = [parse_choice(text) for text in dict.fromkeys(cka)]
    tell(Step("loading models", 0.0, {}))
    from stst.analysis.prediction import PredictionSettings, load_predictor
    from stst.devices import pick_device
    from stst.models.classifiers import load_classifier
    from stst.report.models import CkaPart, Part, PredictionPart

    models = [load_classifier(one, pick_device(DEVICE)) for one in choices]
    parts: list[Part] = [CkaPart(models, CkaSettings())] if models else []
    if prednet is not None:
        parts.append(PredictionPart(load_predictor(PredictionSettings(prednet, device=DEVICE))))
    return parts, list(dict.fromkeys(note for model in models for note in model.notes))
