"""Layers that are no clips as they are: why, and how they become some."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stst.viewer.layers import AXES, frames_of, is_clip
from stst.errors import InputError

if TYPE_CHECKING:
    from napari.layers import Image

#: Frames of the clip that a single picture becomes.
STILL = 24


@dataclass(frozen=True)
class Conversion:
    """One way to make a clip of a layer.

    Attributes
    ----------
    words
        What is done, for the user and the record.
    low, high
        Values that become 0 and 255; what lies between is spread evenly and rounded to the
        nearest, what lies outside becomes the nearer of the two.
    channel
        The axis that holds the colours, or a single one; None where it is where it belongs, or
        nowhere.
    """

    words: str
    low: float
    high: float
    channel: int | None = None


def explain_unfit(layer: Any) -> str:
    """Say why an image layer cannot serve as a clip.

    Parameters
    ----------
    layer
        Any layer.

    Returns
    -------
    str
        A few words; empty where it is a clip, or no image at all.
    """
    from napari.layers import Image

    if not isinstance(layer, Image) or is_clip(layer):
        return ""
    found = []
    if layer.multiscale:
        found.append("in several resolutions")
    dtype = _pixels_of(layer).dtype
    if dtype != np.uint8:
        found.append(f"{dtype}, not 8-bit")
    if layer.ndim == 2:
        found.append("a single picture")
    elif layer.ndim > 3:
        found.append(f"{layer.ndim} axes, not time, height and width")
    return ", ".join(found)


def list_conversions(layer: Image) -> list[Conversion]:
    """Give the ways to make a clip of a layer, the likeliest first.

    Parameters
    ----------
    layer
        An image that is no clip.

    Returns
    -------
    list of Conversion
        Empty where there is none, see `explain_inconvertible`.

    Raises
    ------
    InputError
        If it holds values that are no finite numbers.
    """
    return [
        Conversion(", ".join(filter(None, (order, values))), low, high, channel)
        for order, channel in _list_axis_orders(layer)
        for values, low, high in _list_ranges(layer)
    ]


def explain_inconvertible(layer: Image) -> str:
    """Say what to do with a layer that has no way to become a clip."""
    return (
        f"the layer {layer.name!r} is {explain_unfit(layer)}, and cannot be converted. Split it "
        "into layers of three axes, time, height and width (right click > Split Stack), and choose "
        "one."
    )


def convert_layer(layer: Image, way: Conversion) -> Image:
    """Make a clip of a layer; what was done is in its metadata as ``converted``.

    Parameters
    ----------
    layer
        An image that is no clip.
    way
        One of `list_conversions`.

    Raises
    ------
    InputError
        If it is transparent in places.
    """
    from napari.layers import Image

    data = _pixels_of(layer)
    frames = np.stack(
        [_scale_to_8_bit(one, way) for one in _iterate_pictures(layer, data, way.channel)]
    )
    rgb = frames.ndim == 4
    if rgb:
        frames = frames_of(frames)
    metadata = {
        "converted": {
            "layer": str(layer.name),
            "dtype": str(data.dtype),
            "shape": [int(one) for one in data.shape],
            "how": way.words,
            "values": [way.low, way.high],
        }
    }
    if layer.ndim == 2:
        frames = np.repeat(frames, STILL, axis=0)
    if "fps" in layer.metadata:
        metadata["fps"] = layer.metadata["fps"]
    same = {"scale": layer.scale, "translate": layer.translate} if layer.ndim == 3 else {}
    return Image(
        frames, name=f"{layer.name} (8 bit)", rgb=rgb, metadata=metadata, axis_labels=AXES, **same
    )


def _pixels_of(layer: Image) -> Any:
    return layer.data[0] if layer.multiscale else layer.data


def _list_axis_orders(layer: Image) -> list[tuple[str, int | None]]:
    """Give where the colours may be, with words for it."""
    if layer.ndim == 2:
        return [(f"{STILL} times the same picture", None)]
    if layer.ndim == 3:
        return [("", None)]
    if layer.ndim != 4 or layer.rgb:
        return []
    shape = _pixels_of(layer).shape
    # as frames are kept in most programs: colours last, before the rows, or first of all
    return [
        (f"axis {axis} as {'colour' if shape[axis] == 3 else 'the only channel'}", axis)
        for count in (3, 1)
        for axis in (3, 1, 0)
        if shape[axis] == count
    ]


def _list_ranges(layer: Image) -> list[tuple[str, float, float]]:
    """Give what may become black and white, with words for it."""
    data = _pixels_of(layer)
    kind = data.dtype.kind
    if data.dtype == np.uint8:
        return [("values as they are", 0.0, 255.0)]
    if kind == "b":
        return [("false is black, true is white", 0.0, 1.0)]
    if kind not in "iuf":
        return []
    low, high = _find_extremes(data)
    if not np.isfinite([low, high]).all():
        raise InputError(
            f"the layer {layer.name!r} holds values that are no finite numbers. Replace them first."
        )
    found: list[tuple[str, float, float]] = []
    if kind == "f":
        if low >= 0 and high <= 1:
            found.append(("0 to 1", 0.0, 1.0))
    else:
        info = np.iinfo(data.dtype)
        found.append((f"all that {data.dtype} holds", float(info.min), float(info.max)))
    found.append(("lowest to highest value", low, high))
    dark, bright = map(float, layer.contrast_limits)
    found.append(("as it is shown", dark, bright))
    spread: dict[tuple[float, float], str] = {}
    for words, start, stop in found:
        if stop > start:
            spread.setdefault((start, stop), words)
    return [
        (f"{words}: {start:g} becomes black, {stop:g} white", start, stop)
        for (start, stop), words in spread.items()
    ]


def _find_extremes(data: Any) -> tuple[float, float]:
    ends = [(float(np.min(one)), float(np.max(one))) for one in map(np.asarray, data)]
    return min(low for low, _ in ends), max(high for _, high in ends)


def _iterate_pictures(
    layer: Image, data: Any, channel: int | None
) -> Iterator[np.ndarray[Any, Any]]:
    """Give the frames one by one, the colours last."""
    if layer.ndim == 2:
        yield np.asarray(data)
        return
    if channel is None:
        yield from map(np.asarray, data)
        return
    moved = np.moveaxis(np.asarray(data), channel, -1)
    yield from moved if moved.shape[-1] == 3 else moved[..., 0]


def _scale_to_8_bit(picture: np.ndarray[Any, Any], way: Conversion) -> np.ndarray[Any, Any]:
    share = (picture.astype(np.float64) - way.low) / (way.high - way.low)
    return np.rint(np.clip(share, 0.0, 1.0) * 255).astype(np.uint8)
