"""What independent classifiers still see in a stimulus of its natural clip.

A class of ImageNet has neighbours that mean the same to anybody ("tabby", "Egyptian cat"), so the
measure that leads is the probability of the natural clip's ten most probable classes together.
Networks are no observers: what people recognise is found by a naming experiment, see
`stst.analysis.measures.naming`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stst.analysis.measures.judges import Judge
from stst.errors import InputError
from stst.video import Clip, first_frame

Values = NDArray[np.float64]

#: So many of the natural clip's most probable classes are summed over.
TOP = 10
#: A natural clip is nameable where judges agree with more than this probability.
NAMED = 0.3
#: What has to be read beside every result.
NO_OBSERVERS = (
    "Networks are no observers: what people recognise is found by a naming experiment, of which "
    "this can be no more than a hint."
)

_HIT = 5  # classes that count in top-5
_ENTROPY = "recognition.entropy"


@dataclass(frozen=True, eq=False)
class Judgement:
    """What a judge sees in a clip.

    Attributes
    ----------
    clip
        Its name, as tables have it.
    judge
        The judge's title.
    model
        As in the column ``model`` of tables.
    categories
        Names of the classes; empty where the judge does not tell them.
    probabilities
        (T, classes) of every frame, or every window of a video model; rows sum to 1.
    frames
        (T,) numbers of these frames in the clip's own numbering; of windows their last.
    fps
        Rate in Hz.
    """

    clip: str
    judge: str
    model: str
    categories: tuple[str, ...]
    probabilities: Values
    frames: tuple[int, ...]
    fps: Fraction

    @cached_property
    def mean(self) -> Values:
        """(classes,) mean prediction over frames."""
        mean: Values = self.probabilities.mean(0)
        return mean

    def top(self, count: int = TOP) -> tuple[int, ...]:
        """Give the most probable classes of the mean prediction.

        Parameters
        ----------
        count
            How many at most.

        Returns
        -------
        tuple of int
            Their numbers, 0-based, the most probable first; of equal ones the lower number.
        """
        return tuple(int(one) for one in np.argsort(-self.mean, kind="stable")[:count])

    def label(self, number: int) -> str:
        """Name a class.

        Parameters
        ----------
        number
            Of the class, 0-based.

        Returns
        -------
        str
            Its name, or ``class N`` where the judge does not tell it.
        """
        return self.categories[number] if self.categories else f"class {number}"

    @property
    def name(self) -> str:
        """What the judge calls the clip: its most probable class."""
        return self.label(self.top(1)[0])

    @property
    def probability(self) -> float:
        """Probability of that class."""
        return float(self.mean.max())


@dataclass(frozen=True, eq=False)
class Recognition:
    """What a judge still sees in a stimulus of its natural clip.

    Attributes
    ----------
    natural, stimulus
        Judgements of both clips by the same judge.

    Raises
    ------
    InputError
        If they come from different judges.
    """

    natural: Judgement
    stimulus: Judgement

    def __post_init__(self) -> None:
        if self.natural.model != self.stimulus.model:
            raise InputError(
                f"{self.stimulus.clip} was judged by {self.stimulus.model} and its natural clip by "
                f"{self.natural.model}. Compare judgements of one judge."
            )

    @cached_property
    def summary(self) -> Mapping[str, float]:
        """What `measures` says of the mean prediction."""
        return self.measures(self.stimulus.mean)

    def measures(self, prediction: Values) -> dict[str, float]:
        """Compare a prediction with what the natural clip is to the judge.

        Parameters
        ----------
        prediction
            (classes,) probabilities that sum to 1.

        Returns
        -------
        dict
            ``recognition.top10``: probability of the `TOP` classes together that are most probable
            for the natural clip, in [0, 1]; NaN for a judge that has no more than these.
            ``recognition.class``: probability of the natural clip's class. ``recognition.rank``:
            its rank, 1 where no class is more probable. ``recognition.in_top5``: 1 where the rank
            is 5 or less, else 0. ``recognition.entropy``: of the prediction, in bits; 0 where one
            class has all, the logarithm of their number where all are alike.
            ``prediction.class``, ``prediction.probability``: number of the most probable class,
            and its probability.
        """
        own = self.natural.top()
        probability = float(prediction[own[0]])
        rank = 1 + int((prediction > probability).sum())
        some = prediction[prediction > 0]
        return {
            "recognition.top10": float(prediction[list(own)].sum())
            if len(prediction) > TOP
            else float("nan"),
            "recognition.class": probability,
            "recognition.rank": rank,
            "recognition.in_top5": float(rank <= _HIT),
            _ENTROPY: float(-(some * np.log2(some)).sum()) + 0.0,
            "prediction.class": int(prediction.argmax()),
            "prediction.probability": float(prediction.max()),
        }

    def rows(self) -> Iterator[dict[str, Any]]:
        """Give the rows of a tidy table, see `stst.analysis.tables`.

        Yields
        ------
        dict
            A row for each frame (of a video model: window, by its last frame) and measure; after
            these, with ``.clip`` at the end of the measure, those of the mean prediction.
        """
        same = {
            "clip": self.stimulus.clip,
            "reference": self.natural.clip,
            "model": self.stimulus.model,
        }
        shown = zip(self.stimulus.frames, self.stimulus.probabilities, strict=True)
        for frame, prediction in shown:
            when = {"frame": frame, "time_s": float(frame / self.stimulus.fps)}
            for measure, value in self.measures(prediction).items():
                yield {**same, **when, **_cell(measure, value)}
        for measure, value in self.summary.items():
            yield {**same, **_cell(measure, value), "measure": f"{measure}.clip"}

    def verdict(self) -> str:
        """Say what the judge sees, beside the natural clip, in a sentence."""
        here, there, found = self.stimulus, self.natural, self.summary
        return (
            f"{here.clip}: {here.judge} sees {here.name} (p {here.probability:.2f}), in "
            f"{there.clip} {there.name} (p {there.probability:.2f}); it {self._together()}. "
            f"{there.name} has rank {found['recognition.rank']} of {len(here.mean)} (p "
            f"{found['recognition.class']:.2f}); entropy {found[_ENTROPY]:.2f} of at most "
            f"{np.log2(len(here.mean)):.2f} bits."
        )

    def _together(self) -> str:
        """Say what the natural clip's most probable classes get, and from which class it comes."""
        here, there = self.stimulus, self.natural
        own, seen, classes = there.top(), here.top(1)[0], len(here.mean)
        if classes <= TOP:
            return f"has only {classes} classes, too few to sum over {TOP} of them"
        said = (
            f"gives the natural clip's {TOP} most probable classes "
            f"{self.summary['recognition.top10']:.2f} together (natural: "
            f"{float(there.mean[list(own)].sum()):.2f})"
        )
        if seen in own[1:]:
            # a texture may be among the natural clip's ten, and be all that a stimulus has
            said += f", of which {here.name} has {there.mean[seen]:.2f} in the natural clip"
        return said


@dataclass(frozen=True)
class Nameability:
    """Whether judges agree on what a natural clip shows.

    Attributes
    ----------
    clip
        Its name.
    names
        By judge: what it calls the clip, and with which probability.
    label
        What two judges or more call it, each with a probability above `NAMED`; None where none
        agree so.
    """

    clip: str
    names: Mapping[str, tuple[str, float]]
    label: str | None

    @property
    def nameable(self) -> bool | None:
        """Whether two judges agree; None where fewer than two were asked."""
        return None if len(self.names) < 2 else self.label is not None

    def rows(self) -> Iterator[dict[str, Any]]:
        """Give a row of a tidy table: 1 for nameable, 0 for not, NaN where that is not known."""
        value = float("nan") if self.nameable is None else float(self.nameable)
        yield {"clip": self.clip, "measure": "recognition.nameable", "value": value, "unit": "1"}

    def sentence(self) -> str:
        """Say it, with what each judge calls the clip."""
        said = ", ".join(
            f"{name} by {judge} (p {p:.2f})" for judge, (name, p) in self.names.items()
        )
        if self.nameable is None:
            return f"Whether {self.clip} is nameable needs two judges; it is called {said}."
        if self.nameable:
            return f"{self.clip} is nameable: it is called {said}."
        return (
            f"{self.clip} is not nameable, and is left out of averages: it is called {said}; two "
            f"judges have to say the same with p above {NAMED}."
        )


@dataclass(frozen=True)
class MeanRecognition:
    """What a judge still sees in the stimuli of a set, over nameable natural clips.

    Attributes
    ----------
    judge
        Its title.
    natural, stimuli
        Probability of each natural clip's `TOP` most probable classes together, in the natural
        clips and in their stimuli: mean over the stimuli of each natural clip, then over natural
        clips. NaN where there are none.
    clips
        Names of the natural clips that are averaged over.
    left_out
        Names of those that are not nameable.
    """

    judge: str
    natural: float
    stimuli: float
    clips: tuple[str, ...]
    left_out: tuple[str, ...]


def judge_clip(
    name: str, clip: Clip, judge: Judge, on_frame: Callable[[int], None] = lambda frame: None
) -> Judgement:
    """Show a clip to a judge.

    Parameters
    ----------
    name
        Of the clip, as tables have it.
    clip
        Any size that the judge takes; read once.
    judge
        See `stst.analysis.measures.judges.load_judge`.
    on_frame
        Called with a 0-based number for every frame, or window of a video model, that was judged;
        raising in it cancels.

    Returns
    -------
    Judgement
        Frame by frame, or window by window.

    Raises
    ------
    InputError
        If the clip is shorter than the judge's window, or its frames do not fit the judge.
    """
    check_length(name, len(clip.frames), judge)
    first = first_frame(clip) + judge.model.window - 1
    probabilities = np.stack(list(judge.watch(clip, on_frame)))
    frames = tuple(range(first, first + len(probabilities)))
    return Judgement(
        name, judge.title, judge.model.name, judge.categories, probabilities, frames, clip.fps
    )


def check_length(name: str, length: int, judge: Judge) -> None:
    """Refuse a clip that is too short for a judge.

    Parameters
    ----------
    name
        Of the clip, for messages.
    length
        In frames.
    judge
        Who is to see it.

    Raises
    ------
    InputError
        Naming what the judge needs.
    """
    if length < judge.model.window:
        raise InputError(
            f"{name}: {length} frames are fewer than {judge.title} sees at once, "
            f"{judge.model.window}. Give more frames, or a smaller `window`, which "
            "`stst-analyze recognize` takes."
        )


def nameable(judgements: Sequence[Judgement]) -> Nameability:
    """Find out whether a natural clip shows something that judges agree on.

    Two judges agree where their most probable classes have the same name (or, without names, the
    same number), each with a probability above `NAMED`.

    Parameters
    ----------
    judgements
        Of one clip, by different judges; a judge that is there twice counts once.

    Returns
    -------
    Nameability
        With what each judge calls the clip.

    Raises
    ------
    InputError
        If there are none, or they are of several clips.
    """
    clips = dict.fromkeys(one.clip for one in judgements)
    if len(clips) != 1:
        raise InputError(
            f"nameable: judgements of {', '.join(clips) or 'no clip'}; expected those of one clip."
        )
    names = {one.judge: (one.name, one.probability) for one in judgements}
    return agree(next(iter(clips)), names)


def agree(clip: str, names: Mapping[str, tuple[str, float]]) -> Nameability:
    """Find out whether judges call a clip the same; see `nameable`.

    Parameters
    ----------
    clip
        Its name.
    names
        By judge: what it calls the clip, and with which probability.

    Returns
    -------
    Nameability
        With the name that two or more agree on.
    """
    votes: dict[str, list[str]] = {}
    for name, probability in names.values():
        if probability > NAMED:
            votes.setdefault(name.casefold(), []).append(name)
    agreed = max(votes.values(), key=len, default=[])
    return Nameability(clip, names, agreed[0] if len(agreed) > 1 else None)


def average_recognition(recognitions: Sequence[Recognition]) -> list[MeanRecognition]:
    """Average what judges see over the natural clips of a set that are nameable.

    Parameters
    ----------
    recognitions
        Of any number of natural clips, their stimuli and judges.

    Returns
    -------
    list of MeanRecognition
        For each judge, in the order in which they first come. With one judge no clip is known to
        be nameable, and all are left out.
    """
    by_clip: dict[str, dict[str, Judgement]] = {}
    for one in recognitions:
        by_clip.setdefault(one.natural.clip, {})[one.natural.model] = one.natural
    known = {clip: nameable([*judged.values()]).nameable for clip, judged in by_clip.items()}
    clips = tuple(clip for clip, good in known.items() if good)
    left_out = tuple(clip for clip, good in known.items() if not good)
    out = []
    for model, judge in dict.fromkeys((one.natural.model, one.natural.judge)
                                      for one in recognitions):  # fmt: skip
        own = [one for one in recognitions if one.natural.model == model]
        natural, stimuli = [], []
        for clip in clips:
            values = [one.summary["recognition.top10"] for one in own if one.natural.clip == clip]
            if values:
                there = by_clip[clip][model]
                natural.append(Recognition(there, there).summary["recognition.top10"])
                stimuli.append(float(np.mean(values)))
        out.append(MeanRecognition(judge, _mean(natural), _mean(stimuli), clips, left_out))
    return out


def _cell(measure: str, value: float) -> dict[str, Any]:
    return {"measure": measure, "value": value, "unit": "bit" if measure == _ENTROPY else "1"}


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
