"""How the stimuli of a study were made, as their sidecars say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stst.report.provenance import list_making
from stst.study.entries import StudyEntry
from stst.video import provenance_of


def describe_making(entries: Sequence[StudyEntry]) -> list[tuple[str, str]]:
    """Say how the stimuli of each condition were made.

    Parameters
    ----------
    entries
        All that were measured.

    Returns
    -------
    list of tuple of str
        Condition, and in one line each fact with all values that its stimuli have; no condition
        none of whose stimuli has a sidecar.
    """
    out = []
    for condition in dict.fromkeys(one.condition for one in entries):
        paths = [one.pair.other_path for one in entries if one.condition == condition]
        made = [dict(list_making(found)) for path in paths if (found := provenance_of(path))]
        if made:
            without = len(paths) - len(made)
            missing = [f"{without} of {len(paths)} have no sidecar"] if without else []
            out.append((condition, "; ".join([*_join_facts(made), *missing])))
    return out


def _join_facts(made: Sequence[dict[str, str]]) -> Iterator[str]:
    """Name each fact once, with all values that it has."""
    for name in dict.fromkeys(name for facts in made for name in facts):
        values = dict.fromkeys(facts.get(name, "none") for facts in made)
        yield f"{name} {' or '.join(values)}"
