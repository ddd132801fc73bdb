"""The task of a worker process that writes the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_stst.background.measurements import CKA_DEFAULTS, ClipSet
from napari_stst.background.measuring import DEVICE, Counted
from napari_stst.background.messages import Result, Step
from napari_stst.background.tasks import Stop, Tell
from stst.video import Levels

if TYPE_CHECKING:
    from stst.config.cka import CkaSettings
    from stst.report import Clip, LeftOut, Part


def report_clips(
    clips: ClipSet,
    output: str,
    tell: Tell,
    stop: Stop,
    cka: Sequence[str] = (),
    prednet: str | None = None,
    null: Sequence[str] = (),
    settings: CkaSettings = CKA_DEFAULTS,
    overwrite: bool = False,
    measures: Sequence[str] = (),
) -> Result:
    """Write the HTML report, as ``stst-analyze report`` does.

    Parameters
    ----------
    clips, tell, stop
        As in `napari_stst.background.measuring.pair_clips`.
    output
        The folder to make.
    cka
        Models, as `napari_stst.background.measuring.measure_cka` has them.
    prednet
        Weights, a file or ``"none"``; None without it.
    null
        Natural clips of other content for the null of CKA, beside the sample clips.
    settings
        Of CKA, as there.
    overwrite
        Whether a report that is there may be replaced.
    measures
        Names of `stst.analysis.settings.MEASURES`.

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
    part_of_natural = (clips.frames, clips.max_side)
    opened = open_clips(clips.natural, clips.others, *part_of_natural, clips.levels)
    parts, notes = _load_parts(cka, settings, prednet, null, clips.levels, measures, tell)
    total = frames_to_read(opened) + sum(_count_steps(part, opened) for part in parts)
    counted = Counted(tell, stop, total)
    models = [word for measure in measures for word in ("--measure", measure)]
    models += [word for model in cka for word in ("--cka", model)]
    for key in ("examples", "estimator") if cka else ():
        value = getattr(settings, key)
        models += [f"--{key}", value] if value != getattr(CKA_DEFAULTS, key) else []
    models += ["--prednet", prednet] if prednet is not None else []
    models += [word for path in null if cka or measures for word in ("--null", path)]
    command = report_command(clips.natural, clips.others, *part_of_natural, models, clips.levels)
    failures: list[LeftOut] = []
    page, *_ = write_report(
        output,
        opened,
        command,
        overwrite,
        lambda name, _: counted.begin(name),
        parts,
        failures.append,
    )
    left_out = tuple(map(str, failures))
    return Result({"page": str(page), "notes": tuple(notes), "left_out": left_out})


def _count_steps(part: Part, clips: tuple[Clip, ...]) -> int:
    """Count what a part does; nothing where it cannot be done, which it says itself later."""
    from stst.errors import InputError

    try:
        return part.steps(clips)
    except InputError:
        return 0


def _load_parts(
    cka: Sequence[str],
    settings: CkaSettings,
    prednet: str | None,
    null: Sequence[str],
    levels: Levels,
    measures: Sequence[str],
    tell: Tell,
) -> tuple[list[Part], list[str]]:
    """Load the models and the measures of a report."""
    if not (cka or measures) and prednet is None:
        return [], []
    from stst.config.cka import parse_choice

    choices = [parse_choice(text) for text in dict.fromkeys(cka)]
    tell(Step("loading models" if cka or prednet else "", 0.0, {}))
    from stst.analysis.prediction import PredictionSettings
    from stst.report.models import load_parts

    prediction = None if prednet is None else PredictionSettings(prednet, device=DEVICE)
    return load_parts(choices, settings, prediction, DEVICE, null, levels, measures)
