"""Two clips side by side in a vision model: CKA of what its layers make of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from stst.config.choice import CkaSettings
from stst.video import Clip

if TYPE_CHECKING:
    from stst.models.classifiers import LoadedClassifier

DEFAULT = CkaSettings()


def cka_rows(
    natural: Clip,
    others: Mapping[str, Clip],
    reference: str,
    model: LoadedClassifier,
    settings: CkaSettings = DEFAULT,
    on_frame: Callable[[int], None] = lambda frame: None,
) -> list[dict[str, Any]]:
    """Compare clips with their natural clip at every layer of a model.

    Parameters
    ----------
    natural
        Shown to the model once, whatever the number of others.
    others
        By the name of the clip, as tables have it; all of the length and size of `natural`, see
        `stst.analysis.pairs`.
    reference
        Name of the natural clip, as tables have it.
    model
        See `stst.models.classifiers.load_classifier`.
    settings
        What is compared.
    on_frame
        Called whenever a frame (or a window of a video model) of any clip has been through the
        model, `steps` times in all; raising in it cancels.

    Returns
    -------
    list of dict
        Rows of a tidy table, see `stst.analysis.tables`: clip by clip, layer by layer. ``frame``
        is in the other clip's own numbering, for a video model the last of its window; with
        frames as examples there is one row per clip and layer. NaN where CKA is undefined.

    Raises
    ------
    InputError
        If a clip is shorter than the model's window, its size does not fit the model, or an
        activation cannot be compared.
    """
    raise NotImplementedError


def steps(length: int, others: int, model: LoadedClassifier) -> int:
    """Count the calls of `on_frame` for clips of `length` frames, and so many others."""
    return (1 + others) * max(0, length - model.window + 1)
