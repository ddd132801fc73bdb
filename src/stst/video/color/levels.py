"""What is asked of clips of more than 8 bits, and of high dynamic range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stst.errors import InputError

#: Names of tone curves, see `stst.video.color.tonemap`.
CURVES = ("bt2408",)
#: The most that PQ can code, in cd/m².
HIGHEST_PEAK = 10_000


@dataclass(frozen=True)
class Levels:
    """How values become 8 bits of standard range; clips that have these already stay as they are.

    Attributes
    ----------
    bits
        8: values of more bits are converted to so many, rounded exactly. None: such clips are
        refused.
    tonemap
        Tone curve that brings PQ and HLG to standard range, ``"bt2408"``. None: such clips are
        refused.
    peak_nits
        Peak luminance in cd/m² that a clip was made for, where its file does not say it; None
        for 1000.

    Raises
    ------
    InputError
        If a value is none of these.
    """

    bits: int | None = None
    tonemap: str | None = None
    peak_nits: float | None = None

    def __post_init__(self) -> None:
        if self.bits is not None and (type(self.bits) is not int or self.bits != 8):
            raise InputError(f"bits is {self.bits!r}; it must be 8, or be left out.")
        if self.tonemap is not None and self.tonemap not in CURVES:
            raise InputError(f"tonemap is {self.tonemap!r}; it must be {' or '.join(CURVES)}.")
        peak = self.peak_nits
        if peak is None:
            return
        # bool is a number, too
        number = isinstance(peak, int | float) and not isinstance(peak, bool)
        if not number or not 0 < peak <= HIGHEST_PEAK:
            raise InputError(
                f"peak_nits is {peak!r}; it must be above 0 and at most {HIGHEST_PEAK} cd/m²."
            )
        if self.tonemap is None:
            raise InputError(
                f"peak_nits is {peak:g}, but nothing is tone-mapped. Give "
                f'`tonemap="{CURVES[0]}"` as well, or leave the peak out.'
            )

    def as_dict(self) -> dict[str, Any]:
        """Give what is asked for, without what is not: arguments of `stst.read_video`."""
        values = {"bits": self.bits, "tonemap": self.tonemap, "peak_nits": self.peak_nits}
        return {key: value for key, value in values.items() if value is not None}

    def options(self) -> list[str]:
        """Write it as words of a command line."""
        words = {"--bits": self.bits, "--tonemap": self.tonemap, "--peak-nits": self.peak_nits}
        return [
            word
            for name, value in words.items()
            if value is not None
            for word in (name, f"{value:g}" if isinstance(value, float) else str(value))
        ]


#: Nothing is asked for: only 8 bits of standard range are read.
AS_STORED = Levels()


def read_levels(record: Mapping[str, Any], where: str) -> Levels:
    """Read in a sidecar's record of a clip how its values became 8 bits.

    Parameters
    ----------
    record
        Of an input.
    where
        Of the sidecar, for messages.

    Returns
    -------
    Levels
        With which the same frames are read again.

    Raises
    ------
    InputError
        If it says something else than this version knows.
    """
    try:
        return Levels(record.get("bits"), record.get("tonemap"), record.get("peak_nits"))
    except InputError as error:
        raise InputError(f"{where}: inputs: {error}") from error
