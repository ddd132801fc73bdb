"""The task of a worker process that writes the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stst.background.measuring import DEVICE, Counted
from napari_stst.background.messages import Result, Step
from napari_stst.background.tasks import Stop, Tell
from stst.video import Levels

if TYPE_CHECKING:
    from stst.config.choice import Estimator, Examples
    from stst.report import Clip, LeftOut, Part


def report_clips(
    natural: str,
    others: Sequence[str],
    output: str,
    tell: Tell,
    stop: Stop,
    cka: Sequence[str] = (),
    prednet: str | None = None,
    null: Sequence[str] = (),
    examples: Examples = "channels",
    estimator: Estimator = "unbiased",
    overwrite: bool = False,
    frames: str | None = None,
    max_side: int | None = None,
    levels: Mapping[str, Any] | None = None,
) -> Result:
    """Write the HTML report, as ``stst-analyze report`` does.

    Parameters
    ----------
    natural, others, tell, stop, frames, max_side, levels
        As in `napari_stst.background.measuring.pair_clips`.
    output
        The folder to make.
    cka
        Models, as `napari_stst.background.measuring.measure_cka` has them.
    prednet
        Weights, a file or ``"none"``; None without it.
    null
        Natural clips of other content for the null of CKA, beside the sample clips.
    examples, estimator
        Of CKA, as there.
    overwrite
        Whether a report that is there may be replaced.

    Returns
    -------
    Result
        The path of the page, notes, and what was left out because it failed, a sentence each, as
        ``page``, ``notes`` and ``left_out``.
    """
    from stst.report import (
        check_report_output,
        frames_to_read,
        open_clips,
        report_command,
        write_report,
    )

    check_report_output(Path(output), overwrite)
    asked = Levels(**(levels or {}))
    clips = open_clips(natural, others, frames, max_side, asked)
    parts, notes = _parts(cka, (examples, estimator), prednet, null, asked, tell)
    total = frames_to_read(clips) + sum(_steps(part, clips) for part in parts)
    counted = Counted(tell, stop, total)
    models = [word for model in cka for word in ("--cka", model)]
    given = {"--examples": (examples, "channels"), "--estimator": (estimator, "unbiased")}
    for option, (value, usual) in given.items():
        models += [option, value] if cka and value != usual else []
    models += ["--prednet", prednet] if prednet is not None else []
    models += [word for path in null if cka for word in ("--null", path)]
    command = report_command(natural, others, frames, max_side, models, asked)
    failures: list[LeftOut] = []
    page, *_ = write_report(
        output,
        clips,
        command,
        overwrite,
        lambda name, _: counted.begin(name),
        parts,
        failures.append,
    )
    left_out = tuple(map(str, failures))
    return Result({"page": str(page), "notes": tuple(notes), "left_out": left_out})


def _steps(part: Part, clips: tuple[Clip, ...]) -> int:
    """Count what a part does; nothing where it cannot be done, which it says itself later."""
    from stst.errors import InputError

    try:
        return part.steps(clips)
    except InputError:
        return 0


def _parts(
    cka: Sequence[str],
    settings: tuple[Examples, Estimator],
    prednet: str | None,
    null: Sequence[str],
    levels: Levels,
    tell: Tell,
) -> tuple[list[Part], list[str]]:
    """Load the models of a report."""
    if not cka and prednet is None:
        return [], []
    from stst.config.choice import CkaSettings, parse_choice

    choices = [parse_choice(text) for text in dict.fromkeys(cka)]
    tell(Step("loading models", 0.0, {}))
    from stst.analysis.prediction import PredictionSettings
    from stst.report.models import loaded_parts

    prediction = None if prednet is None else PredictionSettings(prednet, device=DEVICE)
    return loaded_parts(choices, CkaSettings(*settings), prediction, DEVICE, null, levels)
