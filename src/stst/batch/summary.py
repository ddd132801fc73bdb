"""One row for each stimulus: where it is, and how it compares with its natural clip."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from stst.analysis.comparison import mean_of
from stst.analysis.features import MEASURES as FEATURES
from stst.analysis.features import Features, features
from stst.analysis.pairs import Alignment, NaturalClip
from stst.batch.plan import BatchJob
from stst.batch.states import HIDDEN, States
from stst.config import METHODS
from stst.errors import InputError
from stst.runs.sidecar import read_sidecar
from stst.utils.files import sha256_of_file, write_whole
from stst.utils.manifests import rows_as_text
from stst.utils.processes import Failure, Said, compute_alone, map_in_processes
from stst.utils.text import decode_text
from stst.video import LazyVideo

#: Columns of the summary by the measure that they are the mean of, over frames; empty where no
#: frame has a value.
MEASURES = {
    "intensity": "pixel_intensity",
    "contrast": "contrast",
    "pixel_change": "pixel_change",
    "flow_magnitude": "flow_magnitude",
    "flow_angle": "flow_angle_weighted_mean",
}
# to be raised when a column changes its meaning
_FORMAT = 2
_WORTH = 8
_FILES = ("master", "preview", "sidecar")
_CLIP = ("frames", "height", "width", "fps")
# what a sidecar has of every frame by name, and how its columns begin
_RECORDED = {"losses": "loss_", "unweighted": "unweighted_", "weights": "weight_"}


@dataclass(frozen=True)
class _Measured:
    row: Mapping[str, Any]
    note: str | None = None


def write_summary(
    path: Path,
    jobs: Sequence[BatchJob],
    states: States,
    processes: int,
    on_job: Callable[[str, str | None], None] = lambda label, note: None,
) -> int:
    """Write a table of all stimuli of a batch that are done, whoever made them.

    Parameters
    ----------
    path
        Of the table, in the batch's folder.
    jobs
        All of the manifest.
    states
        What became of them.
    processes
        How many stimuli are measured side by side at most; what was measured before is kept.
    on_job
        Called with a label, and what a user should know, for each that was measured.

    Returns
    -------
    int
        Number of rows.
    """
    while True:
        done = _list_done(jobs, states)
        rows = _rows(path.parent, done, processes, on_job)
        names = sorted({key for row in rows.values() for key in row})
        recorded = [key for one in _RECORDED.values() for key in names if key.startswith(one)]
        head = list(jobs[0].columns()) if jobs else []
        both = [f"{whose}{name}" for name in MEASURES for whose in ("natural_", "")]
        columns = [*head, *_FILES, *_CLIP, *both, *recorded, "probability", "warnings"]
        text = rows_as_text(columns, ({**j.columns(), **rows.get(j.label, {})} for j in done))
        with write_whole(path, overwrite=True) as part:
            part.write_text(text, "utf-8", newline="\n")
        # others may have finished theirs, and written an older table or a newer one
        if [job.label for job in _list_done(jobs, states)] == [job.label for job in done]:
            return len(done)


def _list_done(jobs: Iterable[BatchJob], states: States) -> list[BatchJob]:
    return [job for job in jobs if states.state(job.label) == "done" and job.files.sidecar.exists()]


def _rows(
    folder: Path,
    jobs: Sequence[BatchJob],
    processes: int,
    on_job: Callable[[str, str | None], None],
) -> dict[str, Mapping[str, Any]]:
    place = folder / HIDDEN / "measured"
    place.mkdir(parents=True, exist_ok=True)
    rows: dict[str, Mapping[str, Any]] = {}
    todo, stamps = [], {}
    hashed = cache(sha256_of_file)
    for job in jobs:
        # a sidecar holds the hashes of the clips, so that nothing else can have changed
        stamps[job.label] = f"{_FORMAT} {hashed(job.files.sidecar)}"
        kept = _read_row(place / f"{job.label}.json", stamps[job.label])
        if kept is None:
            todo.append(job)
        else:
            rows[job.label] = kept
    # a few are measured in less time than another process takes to start
    processes = min(processes, 1 + len(todo) // _WORTH)
    with closing(map_in_processes(_measure, todo, processes, compute_alone)) as results:
        for job, result in results:
            if isinstance(result, Failure):
                on_job(job.label, result.message)
            elif not isinstance(result, Said):
                rows[job.label] = result.row
                with write_whole(place / f"{job.label}.json", overwrite=True) as part:
                    content = {"stamp": stamps[job.label], "row": result.row}
                    part.write_text(json.dumps(content, allow_nan=False), "utf-8")
                on_job(job.label, result.note)
    return rows


def _read_row(path: Path, stamp: str) -> Mapping[str, Any] | None:
    try:
        content = json.loads(decode_text(path.read_bytes()))
    except (OSError, ValueError, RecursionError):
        return None
    fits = isinstance(content, dict) and content.get("stamp") == stamp
    row = content.get("row") if fits else None
    return row if isinstance(row, dict) else None


def _measure(job: BatchJob) -> _Measured:
    """Measure a stimulus and its natural clip."""
    sidecar = read_sidecar(job.files.sidecar)
    paths = job.files.files()
    row: dict[str, Any] = {name: paths[name].relative_to(job.folder).as_posix() for name in _FILES}
    clip = LazyVideo(paths["master"])
    row |= dict(zip(_CLIP, (len(clip), clip.height, clip.width, str(clip.fps)), strict=True))
    row |= _means(features(clip))
    row |= _average_record(sidecar.per_frame)
    row["warnings"] = " ".join(map(str, sidecar.warnings or ()))
    note = None
    if job.natural is not None:
        try:
            pair = NaturalClip(job.natural).pair(paths["master"])
            natural = _natural(job.natural, pair.alignment)
            row |= {f"natural_{key}": value for key, value in natural.items()}
        except InputError as error:
            # another kind of clip need not have the stimulus's size or length
            note = str(error) if METHODS[job.config.method].main_role == "natural" else None
    return _Measured(row, note)


@lru_cache(maxsize=1)
def _natural(path: Path, alignment: Alignment) -> dict[str, float]:
    """Measure a natural clip; stimuli that were made of it follow each other."""
    return _means(features(alignment.open(path)))


def _means(found: Features) -> dict[str, float]:
    """Average over the frames that have a value; a still clip, say, has no angle in any."""
    measures = {one.name: one for one in FEATURES}
    means = {name: mean_of(found, measures[measure]) for name, measure in MEASURES.items()}
    return {name: mean for name, mean in means.items() if not math.isnan(mean)}


def _average_record(per_frame: list[Any] | None) -> dict[str, float]:
    """Average what a sidecar has of every frame: losses, their weights, probability.

    Weighted losses are those before the last step, unweighted ones those of the finished frame.
    """
    frames = [one for one in per_frame or () if isinstance(one, dict)]
    found: dict[str, list[float]] = {}
    for frame in frames:
        for key, beginning in _RECORDED.items():
            for name, value in _leaves(frame.get(key)):
                found.setdefault(beginning + name, []).append(value)
    out = {name: float(np.mean(values)) for name, values in found.items()}
    if frames and _is_finite(frames[0].get("probability")):
        out["probability"] = float(frames[0]["probability"])
    return out


def _leaves(tree: Any) -> Iterator[tuple[str, float]]:
    """Give the numbers of nested tables by their joined names."""
    for name, value in tree.items() if isinstance(tree, dict) else ():
        if _is_finite(value):
            yield str(name), float(value)
        for below, number in _leaves(value):
            yield f"{name}_{below}", number


def _is_finite(value: Any) -> bool:
    """Say whether a sidecar holds a number there; Python reads what JSON does not have, NaN."""
    return isinstance(value, int | float) and math.isfinite(value)
