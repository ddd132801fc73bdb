"""A natural clip and its nulls, and what is measured of stimuli beside them.

What is known of the natural clip and of its nulls is kept, for its stimuli share it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stst.analysis.measures.coherence import Coherence, coherence
from stst.analysis.measures.energy import Energy, compare_energy, energy
from stst.analysis.measures.photometry import Photometry, photometry
from stst.analysis.nulls import (
    NULL_LENGTH,
    NullClip,
    NullKind,
    Row,
    add_nulls,
    first_part,
    make_nulls,
)
from stst.video import Clip, Video, spread

if TYPE_CHECKING:
    from stst.analysis.cka.unrelated import UnrelatedClips
    from stst.analysis.gram_models import GramModel
    from stst.analysis.measures.judges import Judge
    from stst.analysis.measures.recognition import Judgement

#: Of coherence, in frames: in octaves, for each costs as much as the first.
LAGS = (1, 2, 4, 8)
#: So many unrelated clips are measured beside each natural clip at most, evenly out of all.
UNRELATED = 8

# nulls that are made: the clip scrambled, and noise
_MADE = 2
_DISTANCE = "gram_distance.mean"
_Nulls = list[tuple[NullKind, list[Row]]]
_Rows = list[dict[str, Any]]
#: Called with the 0-based number of every measured frame; raising in it cancels.
OnFrame = Callable[[int], None]


def _ignore(frame: int) -> None:
    return


@dataclass(frozen=True, eq=False)
class Baseline:
    """A natural clip and the nulls that stand beside it.

    Attributes
    ----------
    clip
        The natural clip.
    part
        Its first frames, for which the nulls are made.
    nulls
        See `stst.analysis.nulls.make_nulls`.
    known
        What was measured, by name.
    """

    clip: Clip
    part: Video
    nulls: tuple[NullClip, ...]
    known: dict[str, Any] = field(default_factory=dict)

    def keep(self, name: str, measure: Callable[[], Any]) -> Any:
        """Measure once."""
        if name not in self.known:
            self.known[name] = measure()
        return self.known[name]

    def null_rows(self, name: str, measure: Callable[[NullClip], Iterable[Row]]) -> _Nulls:
        """Measure every null once."""
        found: _Nulls = self.keep(
            f"{name} nulls", lambda: [(one.kind, list(measure(one))) for one in self.nulls]
        )
        return found


def choose_unrelated(clip: Clip, unrelated: UnrelatedClips) -> list[tuple[str, Clip]]:
    """Choose the unrelated clips that stand beside a natural clip.

    Parameters
    ----------
    clip
        The natural clip.
    unrelated
        To choose from.

    Returns
    -------
    list of tuple of str and Clip
        Name and clip of those that are long enough, `UNRELATED` at most.

    Raises
    ------
    InputError
        If none has nothing to do with the natural clip.
    """
    length = min(len(clip.frames), NULL_LENGTH)
    apart = unrelated.apart_from(clip, clip)
    fit = [(one.name, one.clip) for one in apart if len(one.clip.frames) >= length]
    return [fit[place] for place in spread(len(fit), UNRELATED)]


def make_baseline(clip: Clip, unrelated: Sequence[tuple[str, Clip]]) -> Baseline:
    """Make the nulls of a natural clip.

    Parameters
    ----------
    clip
        The natural clip.
    unrelated
        Of `choose_unrelated`.

    Returns
    -------
    Baseline
        Nothing is measured yet.
    """
    part = first_part(clip)
    return Baseline(clip, part, tuple(make_nulls(part, unrelated)))


def natural_rows(
    measure: str,
    baseline: Baseline,
    reference: str,
    on_frame: OnFrame = _ignore,
    beside_nulls: bool = False,
) -> _Rows:
    """Give the rows of the natural clip itself.

    Parameters
    ----------
    measure
        A name of `stst.analysis.settings.MEASURES`.
    baseline
        Of `make_baseline`.
    reference
        What the natural clip is called in tables.
    on_frame
        Called with the 0-based number of every measured frame; raising in it cancels.
    beside_nulls
        Whether the nulls stand in these rows, for no other clip has any. Energy has none there: its
        nulls are comparisons with the natural clip.

    Returns
    -------
    list of dict
        See `stst.analysis.tables`.
    """
    own = _measure_natural(measure, baseline, on_frame)
    rows = [*map(dict, own.rows(reference))]
    if not beside_nulls or isinstance(own, Energy):
        return rows
    return add_nulls(rows, _measure_nulls(measure, baseline, on_frame))


def stimulus_rows(
    measure: str,
    baseline: Baseline,
    other: Clip,
    name: str,
    reference: str,
    on_frame: OnFrame = _ignore,
) -> _Rows:
    """Give the rows of another clip beside the nulls of the natural one.

    Parameters
    ----------
    measure, baseline, reference, on_frame
        As in `natural_rows`.
    other
        Of the natural clip's length and size.
    name
        What it is called in tables.

    Returns
    -------
    list of dict
        See `stst.analysis.nulls.add_nulls`.
    """
    measured = _MEASURES[measure](other, on_frame)
    rows = [*map(dict, measured.rows(name, reference))]
    nulls = _measure_nulls(measure, baseline, on_frame)
    if not isinstance(measured, Energy):
        return add_nulls(rows, nulls)
    compared = compare_energy(_measure_natural(measure, baseline, on_frame), measured)
    return [*rows, *add_nulls(compared.rows(name, reference), nulls)]


@dataclass(frozen=True, eq=False)
class StimulusRows:
    """What was measured of one clip.

    Attributes
    ----------
    place
        Of the clip among all that are shown; the natural one has 0.
    name
        As its rows name it.
    rows
        Of `stimulus_rows`.
    """

    place: int
    name: str
    rows: Sequence[Row]


@dataclass(frozen=True, eq=False)
class MeasuredClips:
    """What was measured of a natural clip and of others.

    Attributes
    ----------
    natural
        Of `natural_rows`.
    others
        Without any, the nulls stand in the rows of the natural clip.
    """

    natural: Sequence[Row]
    others: Sequence[StimulusRows]

    @property
    def rows(self) -> list[Row]:
        """Of all clips, the natural one first."""
        return [*self.natural, *(row for one in self.others for row in one.rows)]


def measure_clips(
    measure: str,
    baseline: Baseline,
    reference: str,
    others: Sequence[tuple[int, str, Clip]],
    on_frame: OnFrame = _ignore,
) -> MeasuredClips:
    """Measure a natural clip and others beside its nulls.

    Parameters
    ----------
    measure, baseline, reference, on_frame
        As in `natural_rows`.
    others
        Place, name in tables and frames of each.

    Returns
    -------
    MeasuredClips
        After as many calls of `on_frame` as `count_frames` says.
    """
    natural = natural_rows(measure, baseline, reference, on_frame, beside_nulls=not others)
    return MeasuredClips(
        natural,
        [
            StimulusRows(
                place, name, stimulus_rows(measure, baseline, clip, name, reference, on_frame)
            )
            for place, name, clip in others
        ],
    )


def count_frames(measure: str, natural: int, others: Sequence[int], unrelated: int) -> int:
    """Count the frames that are measured of a natural clip, other clips and nulls.

    Parameters
    ----------
    measure
        As in `natural_rows`.
    natural, others
        Numbers of frames. Without others the nulls stand beside the natural clip.
    unrelated
        How many clips `choose_unrelated` gives.

    Returns
    -------
    int
        Calls of `on_frame` over all.
    """
    nulls = unrelated + _MADE
    if measure == "energy":
        # the nulls are compared with the part, which is measured for that
        nulls = nulls + 1 if others else 0
    return natural + sum(others) + nulls * min(natural, NULL_LENGTH)


def distance_rows(
    baseline: Baseline, other: Clip, name: str, reference: str, models: Sequence[GramModel]
) -> _Rows:
    """Give distances of Gram matrices beside those of the nulls.

    Parameters
    ----------
    baseline, other, name, reference
        As in `stimulus_rows`.
    models
        The same for all clips of a baseline.

    Returns
    -------
    list of dict
        See `stst.analysis.nulls.add_nulls`.
    """
    from stst.analysis.validity import validity

    clips = [null.clip for null in baseline.nulls]

    def measure() -> _Nulls:
        found = validity(baseline.part, clips, models)
        return [
            # how far natural frames are from each other has no null
            (null.kind, [row for row in one.rows("", "") if row["measure"] == _DISTANCE])
            for null, one in zip(baseline.nulls, found, strict=True)
        ]

    nulls: _Nulls = baseline.keep("distances", measure)
    (found,) = validity(baseline.clip, [other], models)
    return add_nulls(found.rows(name, reference), nulls)


def recognition_rows(
    baseline: Baseline, other: Clip, name: str, reference: str, judge: Judge
) -> _Rows:
    """Give what a judge recognises in the natural clip and in another one, beside the nulls.

    Parameters
    ----------
    baseline, other, name, reference
        As in `stimulus_rows`.
    judge
        Loaded.

    Returns
    -------
    list of dict
        Of the natural clip, then of the other one; see `stst.analysis.nulls.add_nulls`.
    """
    from stst.analysis.measures.recognition import Recognition, judge_clip

    key = judge.model.name
    own: Judgement = baseline.keep(key, lambda: judge_clip(reference, baseline.clip, judge))
    nulls = baseline.null_rows(
        key, lambda null: Recognition(own, judge_clip(null.name, null.clip, judge)).rows()
    )
    itself = baseline.keep(f"{key} itself", lambda: list(Recognition(own, own).rows()))
    rows = add_nulls(Recognition(own, judge_clip(name, other, judge)).rows(), nulls)
    return [*map(dict, itself), *rows]


_Measured = Energy | Coherence | Photometry


def _measure_energy(clip: Clip, on_frame: OnFrame) -> Energy:
    # a window would compare the middle of the frame alone; a stimulus has its statistics anywhere
    return energy(clip, window="none", on_frame=on_frame)


def _measure_coherence(clip: Clip, on_frame: OnFrame) -> Coherence:
    return coherence(clip, LAGS, on_frame=on_frame)


def _measure_light(clip: Clip, on_frame: OnFrame) -> Photometry:
    return photometry(clip, on_frame=on_frame)


_MEASURES: dict[str, Callable[[Clip, OnFrame], _Measured]] = {
    "energy": _measure_energy,
    "coherence": _measure_coherence,
    "photometry": _measure_light,
}


def _measure_natural(measure: str, baseline: Baseline, on_frame: OnFrame) -> Any:
    return baseline.keep(measure, lambda: _MEASURES[measure](baseline.clip, on_frame))


def _measure_nulls(measure: str, baseline: Baseline, on_frame: OnFrame) -> _Nulls:
    def rows_of(null: NullClip) -> Iterable[Row]:
        found = _MEASURES[measure](null.clip, on_frame)
        if not isinstance(found, Energy):
            return found.rows(null.name)
        part: Energy = baseline.keep(
            "energy of the part", lambda: _measure_energy(baseline.part, on_frame)
        )
        return compare_energy(part, found).rows(null.name)

    return baseline.null_rows(measure, rows_of)
