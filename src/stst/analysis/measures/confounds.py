"""Which clips of a set are alike that should not be.

Stimuli of different natural clips that were made from the same noise have pixels that correlate,
which no difference of the natural clips explains: a confound for decoding and for representational
similarity analysis. So is energy that all stimuli of a method have, whatever they were made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np

from stst.analysis.measures.likeness import Likeness
from stst.errors import InputError

#: Pixel correlations below it are not warned of: 1 % of the variance that clips share.
LEAST = 0.1
#: Energy is warned of where stimuli share more than this beyond what natural clips do: a tenth.
EXCESS = 0.1


def describe_confounds(
    pixels: Likeness, naturals: Mapping[str, str], hashes: Mapping[str, str] | None = None
) -> list[str]:
    """Say which clips of a set are alike without a reason, one sentence each.

    Stimuli of different natural clips are expected to be no more alike than different natural clips
    are. A pair is told of where its pixels correlate by more than `LEAST` and by more than those of
    any two natural clips do in size.

    Parameters
    ----------
    pixels
        Of `stst.analysis.measures.likeness.pixel_likeness`, over stimuli and natural clips of the
        set.
    naturals
        By the name of each stimulus, that of its natural clip.
    hashes
        By the name of each clip, that of its frames (`stst.frames_sha256`): clips that have the
        same are told of, too.

    Returns
    -------
    list of str
        Clips that are the same first; then pairs, the most alike first.

    Raises
    ------
    InputError
        If a stimulus is not among the clips that were compared.
    """
    hashes = hashes or {}
    null = _null(pixels, naturals, hashes)
    highest = max([LEAST, *(abs(value) for value in null)])
    pairs = _pairs_above(highest, pixels, naturals, hashes)
    return [*_same_clips(naturals, hashes), *_pixel_sentences(pairs, naturals, null)]


def describe_energy_confounds(
    energy: Likeness, naturals: Mapping[str, str], hashes: Mapping[str, str] | None = None
) -> list[str]:
    """Say whether stimuli have energy in common that their natural clips do not have.

    That a stimulus has the energy of its own natural clip is what many are made for; then stimuli
    of different clips are as alike as these clips. A pair is counted where it shares more than any
    two natural clips do, by more than `EXCESS`.

    Parameters
    ----------
    energy
        Of `stst.analysis.measures.likeness.energy_likeness`, over stimuli and natural clips of the
        set.
    naturals, hashes
        As `describe_confounds` takes them; pairs of the same frames are not counted.

    Returns
    -------
    list of str
        A sentence for all pairs, which names the most alike; none without such pairs, or without
        two natural clips to compare them with.

    Raises
    ------
    InputError
        If a stimulus is not among the clips that were compared.
    """
    hashes = hashes or {}
    null = _null(energy, naturals, hashes)
    pairs = _pairs_above(max(null) + EXCESS, energy, naturals, hashes) if null else []
    if not pairs:
        return []
    value, one, other = pairs[0]
    many = f"{len(pairs)} pairs" if len(pairs) > 1 else "One pair"
    verb = "have" if len(pairs) > 1 else "has"
    span = f"{100 * min(null):.0f} to {100 * max(null):.0f} %, {_count(null)}"
    return [
        f"{many} of stimuli of different natural clips {verb} more energy in the same bands than "
        f"any two natural clips of the set do ({span}): {one} and {other} {100 * value:.0f} %. "
        "Such energy is that of the method, or of its noise, and not of their clips."
    ]


def _pairs_above(
    highest: float, likeness: Likeness, naturals: Mapping[str, str], hashes: Mapping[str, str]
) -> list[tuple[float, str, str]]:
    """Find stimuli of different natural clips that are more alike, the most alike first."""
    clips = _clips_of(naturals, hashes)
    pairs = []
    for one, other in combinations(naturals, 2):
        value = likeness.value(one, other)
        same = one in hashes and hashes[one] == hashes.get(other)
        if clips[one] != clips[other] and value > highest and not same:
            pairs.append((value, one, other))
    return sorted(pairs)[::-1]


def _clips_of(naturals: Mapping[str, str], hashes: Mapping[str, str]) -> dict[str, str]:
    """Say what each stimulus was made of, for two files may hold one natural clip."""
    return {stimulus: hashes.get(natural, natural) for stimulus, natural in naturals.items()}


def _null(
    likeness: Likeness, naturals: Mapping[str, str], hashes: Mapping[str, str]
) -> list[float]:
    """Give the values of each two different natural clips of a set."""
    for stimulus in naturals:
        if stimulus not in likeness.names:
            raise InputError(
                f"{stimulus}: not among the clips that were compared: {', '.join(likeness.names)}."
            )
    clips = _clips_of(naturals, hashes)
    different = {clips[one]: natural for one, natural in naturals.items()}.values()
    known = [name for name in dict.fromkeys(different) if name in likeness.names]
    values = [likeness.value(one, other) for one, other in combinations(known, 2)]
    return [value for value in values if not np.isnan(value)]


def _same_clips(naturals: Mapping[str, str], hashes: Mapping[str, str]) -> Iterator[str]:
    """Tell of clips with the same frames, if there is a stimulus among them."""
    groups: dict[str, list[str]] = {}
    for name, digest in hashes.items():
        groups.setdefault(digest, []).append(name)
    for names in groups.values():
        if len(names) > 1 and not naturals.keys().isdisjoint(names):
            yield f"{', '.join(names)} are the same clip, frame by frame."


def _pixel_sentences(
    pairs: Iterable[tuple[float, str, str]], naturals: Mapping[str, str], null: Sequence[float]
) -> Iterator[str]:
    if null:
        span = f"{min(null):.2f} to {max(null):.2f}"
        usual = f"different natural clips of the set {span} ({_count(null)})"
    else:
        usual = "there are no two natural clips in the set to compare that with"
    for value, one, other in pairs:
        yield (
            f"{one} and {other} were made of different clips ({naturals[one]}, {naturals[other]}), "
            f"and their pixels correlate by {value:.2f}; {usual}. They may have been made from the "
            "same noise: a confound. Give each its own seed, or noise = 'per_clip'."
        )


def _count(null: Sequence[float]) -> str:
    return f"{len(null)} pair{'s' if len(null) > 1 else ''}"
