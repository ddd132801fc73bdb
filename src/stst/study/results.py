"""What a study says, once all is measured: everything that its page shows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from stst.analysis.evidence.values import Key, Value
from stst.analysis.measures.confounds import describe_confounds, describe_energy_confounds
from stst.analysis.measures.likeness import Likeness, energy_likeness, pixel_likeness
from stst.analysis.measures.recognition import Nameability
from stst.analysis.pairs import NaturalClip
from stst.study.entries import StudyEntry
from stst.study.findings import Finding, find_all
from stst.study.outliers import Outlier, find_outliers
from stst.study.run import Study
from stst.utils.names import usable
from stst.video import LazyVideo


@dataclass(frozen=True, eq=False)
class Results:
    """Everything that the page shows.

    Attributes
    ----------
    study
        What it is of.
    values
        By label, of those that were measured.
    problems
        By label, of the others.
    naturals
        What judges call the natural clips.
    findings, outliers
        What the values say.
    likeness
        Of all clips, in pixels and in energy; empty where none could be read.
    confounds
        Clips that are alike without a reason, a sentence each.
    """

    study: Study
    values: Mapping[str, Mapping[Key, Value]]
    problems: Mapping[str, str]
    naturals: Mapping[Path, Nameability]
    findings: Sequence[Finding]
    outliers: Sequence[Outlier]
    likeness: Sequence[Likeness]
    confounds: Sequence[str]

    @property
    def clips(self) -> int:
        """How many natural clips have a stimulus that was measured."""
        entries = self.study.stimuli.entries
        return len({one.natural for one in entries if one.pair.label in self.values})

    @property
    def title(self) -> str:
        """Say what was measured."""
        stimuli, clips = len(self.values), self.clips
        return (
            f"{stimuli} stimul{'us' if stimuli == 1 else 'i'} of {clips} natural "
            f"clip{'' if clips == 1 else 's'}"
        )


def evaluate(study: Study) -> Results:
    """Test what was measured, and compare all clips with each other.

    Parameters
    ----------
    study
        That was run.

    Returns
    -------
    Results
        For `write_study`.
    """
    values, problems = study.values()
    entries = [one for one in study.stimuli.entries if one.pair.label in values]
    naturals = study.naturals(values)
    nameable = [path for path, one in naturals.items() if one.nameable]
    findings = find_all(entries, values, study.settings.margins, nameable)
    outliers = find_outliers(entries, values)
    opened = _open_all(study, entries)
    likeness, confounds = _compare_clips(opened) if opened.clips else ((), ())
    return Results(
        study, values, problems, naturals, findings, outliers, likeness, confounds
    )  # fmt: skip


@dataclass
class _Opened:
    """All clips of a set by name, natural ones first.

    Attributes
    ----------
    clips
        By name.
    made_of
        By the name of each stimulus, that of its natural clip.
    hashes
        Of the frames, by name; those of one natural clip, whatever its part, are the same.
    """

    clips: dict[str, LazyVideo]
    made_of: dict[str, str]
    hashes: dict[str, str]


def _compare_clips(opened: _Opened) -> tuple[tuple[Likeness, ...], tuple[str, ...]]:
    """Say how alike all clips are, and which have no reason to be."""
    pixels, energy = pixel_likeness(opened.clips), energy_likeness(opened.clips)
    words = opened.made_of, opened.hashes
    confounds = *describe_confounds(pixels, *words), *describe_energy_confounds(energy, *words)
    return (pixels, energy), confounds


def _open_all(study: Study, entries: Sequence[StudyEntry]) -> _Opened:
    measuring = study.measuring
    naturals: dict[str, LazyVideo] = {}
    stimuli: dict[str, LazyVideo] = {}
    names: dict[tuple[Path, str], str] = {}
    opened = _Opened({}, {}, {})
    hashes: dict[Path, str] = {}
    labels = {one.pair.label for one in entries}
    for one in entries:
        clip = NaturalClip(
            one.pair.natural_path, measuring.frames, measuring.max_side, measuring.levels
        )
        pair = clip.pair(one.pair.other_path)
        key = one.natural, str(pair.alignment)
        if key not in names:
            wanted = f"natural {usable(one.natural.stem)} {pair.alignment}".strip()
            names[key] = _new_name(wanted, {*labels, *naturals})
            naturals[names[key]] = pair.natural
            opened.hashes[names[key]] = hashes.setdefault(one.natural, pair.natural.sha256())
        stimuli[one.pair.label] = pair.other
        opened.made_of[one.pair.label] = names[key]
        opened.hashes[one.pair.label] = pair.other.sha256()
    opened.clips.update({**naturals, **stimuli})
    return opened


def _new_name(wanted: str, taken: Collection[str]) -> str:
    """Give a clip a name of its own, with a number if need be."""
    numbered = (f"{wanted} ({number})" for number in count(2))
    return next(name for name in chain([wanted], numbered) if name not in taken)
