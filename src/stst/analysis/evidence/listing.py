"""Values of whole clips beside their nulls, as pages and the viewer list them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from stst.analysis.evidence.baseline import MeasuredClips
from stst.analysis.evidence.quantities import QUANTITIES, Quantity, quantity_of
from stst.analysis.evidence.values import Key, Null, Value, collect_values

_RESIDUAL, _VISIBLE, _OCCLUDED = "warp_residual.", "warp_residual_visible.", "occluded."
_NAN = float("nan")


@dataclass(frozen=True, eq=False)
class ListedValue:
    """A measure of one clip.

    Attributes
    ----------
    place
        Of the clip; the natural one has 0.
    value
        NaN where it is undefined.
    nulls
        By kind; those of the natural clip.
    visible, occluded
        Of a warp residual: the same without what is occluded, and the share that this leaves out.
        NaN of other measures.
    """

    place: int
    value: float
    nulls: Mapping[str, Null]
    visible: float = _NAN
    occluded: float = _NAN


@dataclass(frozen=True, eq=False)
class ListedMeasure:
    """A measure of several clips.

    Attributes
    ----------
    key, quantity, title
        Which one, and in words.
    values
        Those of the natural clip, where it has a value of its own, and of the others.
    """

    key: Key
    quantity: Quantity
    title: str
    values: Sequence[ListedValue]

    @property
    def has_occlusions(self) -> bool:
        """Whether values have `visible` and `occluded` beside them."""
        return self.key.measure.startswith(_RESIDUAL)


def list_measures(table: str, clips: Sequence[MeasuredClips]) -> list[ListedMeasure]:
    """List what a study asks of the measures of a table.

    Parameters
    ----------
    table
        A name of `stst.analysis.settings.TABLES`.
    clips
        Natural clips with their others; several where a natural clip was aligned differently.

    Returns
    -------
    list of ListedMeasure
        In the order of `stst.analysis.evidence.quantities.QUANTITIES`. What a measure has without
        occlusions stands beside it and not by itself.
    """
    values: dict[Key, list[ListedValue]] = {}
    for one in clips:
        for place, found in _collect(one, table):
            for key, value in found.items():
                number = value.value if place else value.natural
                if quantity_of(table, key.measure) and (place or number == number):
                    values.setdefault(key, []).append(_list_value(place, number, key, found))
    listed = []
    for key, own in values.items():
        quantity, title = quantity_of(table, key.measure) or (None, "")
        if quantity is not None and not key.measure.startswith(_VISIBLE):
            listed.append(ListedMeasure(key, quantity, title, own))
    return sorted(listed, key=lambda one: QUANTITIES.index(one.quantity))


def _collect(clips: MeasuredClips, table: str) -> Iterator[tuple[int, dict[Key, Value]]]:
    """Give the place of each clip and its values, the natural clip first."""
    found = [
        (one.place, collect_values([*clips.natural, *one.rows], table, one.name))
        for one in clips.others
    ]
    yield 0, found[0][1] if found else collect_values(clips.natural, table, "")
    yield from found


def _list_value(place: int, number: float, key: Key, found: Mapping[Key, Value]) -> ListedValue:
    nulls = found[key].nulls
    if not key.measure.startswith(_RESIDUAL):
        return ListedValue(place, number, nulls)
    what = key.measure.removeprefix(_RESIDUAL)
    beside = (found[key._replace(measure=f"{name}{what}")] for name in (_VISIBLE, _OCCLUDED))
    return ListedValue(
        place, number, nulls, *((one.value if place else one.natural) for one in beside)
    )
