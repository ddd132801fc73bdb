"""How the stimuli of a study were made, as their sidecars say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stst.report.provenance import list_settings
from stst.study.entries import StudyEntry
from stst.video import provenance_of

_Facts = dict[str, str]


def describe_making(entries: Sequence[StudyEntry]) -> list[tuple[str, str]]:
    """Say how the stimuli of each condition were made.

    Parameters
    ----------
    entries
        All that were measured.

    Returns
    -------
    list of tuple of str
        Condition, and what all its stimuli have in common in one line, then what differs; nothing
        of conditions none of whose stimuli has a sidecar.
    """
    out = []
    for condition in dict.fromkeys(one.condition for one in entries):
        paths = [one.pair.other_path for one in entries if one.condition == condition]
        made = [_facts_of(found) for path in paths if (found := provenance_of(path))]
        if made:
            without = len(paths) - len(made)
            missing = [f"{without} of {len(paths)} have no sidecar"] if without else []
            out.append((condition, "; ".join([*_join_facts(made), *missing])))
    return out


def _facts_of(sidecar: Mapping[str, Any]) -> _Facts:
    """List what a methods section has to say of one stimulus."""
    environment = _mapping(sidecar.get("environment"))
    output = _mapping(sidecar.get("output"))
    facts = {
        "method": str(sidecar.get("method", "")),
        "seed": str(sidecar.get("seed", "")),
        **dict(list_settings(_mapping(sidecar.get("config")))),
        "computed in": str(environment.get("precision", "")),
        "device": str(environment.get("device", "")),
        "frames": str(output.get("frames", "")),
        "height × width": " × ".join(str(side) for side in output.get("size") or ()),
        "Hz": str(output.get("fps", "")),
    }
    for one in sidecar.get("weights") or ():
        checked = "" if one.get("verified") else ", not a known file"
        facts[f"weights of {one.get('name')}"] = f"{str(one.get('hash'))[:19]}…{checked}"
    versions = _mapping(environment.get("versions"))
    facts |= {name: str(versions[name]) for name in ("napari-stst", "torch") if name in versions}
    return {name: value for name, value in facts.items() if value}


def _join_facts(made: Sequence[_Facts]) -> Iterator[str]:
    """Name each fact once, with all values that it has."""
    for name in dict.fromkeys(name for facts in made for name in facts):
        values = dict.fromkeys(facts.get(name, "none") for facts in made)
        yield f"{name} {' or '.join(values)}"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
