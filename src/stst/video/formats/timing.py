"""The rate of a video file: what it states, checked against its time stamps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from stst.video.color.levels import AS_STORED, Levels
from stst.video.formats.rates import (
    even_rate,
    exact_rate,
    parse_rate,
    place_stamps,
    rate_note,
    snap_rate,
)
from stst.video.remedies import convert_command

#: Tag of our masters, because Matroska cannot hold 60000/1001.
RATE_TAG = "STST_FPS"
#: FFmpeg's names of formats that are a stream of packets, without an index or a header.
STREAMS = ("mpegts", "mpeg")
#: Higher rates than this are not proposed: of a varying one FFmpeg makes what it likes.
_USUAL = 240
#: Matroska's ticks are milliseconds.
_FINEST = 1000


@dataclass(frozen=True)
class Timing:
    """What is known of a clip's rate.

    Attributes
    ----------
    rate
        Hz; None if the frames are unevenly spaced in time, or nothing is known.
    notes
        One sentence each, where the rate is not proven by the time stamps.
    refusal
        Why the clip is not read without further options, or None.
    """

    rate: Fraction | None
    notes: tuple[str, ...] = ()
    refusal: str | None = None


@dataclass(frozen=True)
class Header:
    """What a file's header says of its rate.

    Attributes
    ----------
    path
        The file.
    format_name
        FFmpeg's name of the format.
    metadata
        Tags of the container and the stream.
    average, guessed
        Rates in Hz as FFmpeg gives them. In Matroska the average one is the track's duration of a
        frame, where it has one; else both are made from the time stamps, with a table of usual
        rates.
    frame_ticks
        Ticks that a frame lasts, as the file says; 0 where it says nothing, or less than a tick.
    coded
        The rate in Hz that the codec's own header holds, which counts where the container has
        none: in transport and program streams.
    levels
        How the frames' values are asked to be read; for the commands of messages.
    """

    path: Path
    format_name: str
    metadata: Mapping[str, str]
    average: Fraction | None
    guessed: Fraction | None
    frame_ticks: int = 0
    coded: Fraction | None = None
    levels: Levels = AS_STORED

    def list_stated_rates(self) -> list[Fraction]:
        """Give the rates in Hz that the file itself states, in order of trust."""
        rates = []
        if RATE_TAG in self.metadata:
            rates.append(parse_rate(self.metadata[RATE_TAG], f"{self.path}: {RATE_TAG}"))
        # a track without a duration of a frame gives its frames none either
        timed = self.average and (self.frame_ticks or self.average > _FINEST)
        if "matroska" in self.format_name and self.average and timed:
            rates.append(snap_rate(self.average))
        if self.format_name in STREAMS and self.coded:
            rates.append(self.coded)
        return rates

    def guesses(self) -> list[Fraction]:
        """Give the rates in Hz that FFmpeg derived."""
        if not self.guessed:
            return []
        return [snap_rate(self.guessed) if "matroska" in self.format_name else self.guessed]


def timing_of(times: Sequence[int | None], time_base: Fraction, header: Header) -> Timing:
    """Find the rate of a clip.

    Parameters
    ----------
    times
        Presentation time of every frame in ticks, as far as known.
    time_base
        Seconds per tick.
    header
        What the file says.

    Returns
    -------
    Timing
        The rate, or why there is none.
    """
    stated, guesses = header.list_stated_rates(), header.guesses()
    given = [*stated, *guesses]
    if place_stamps(times) is None:
        rate = given[0] if given else None
    else:
        rate = even_rate(times, time_base, stated, guesses)
    if rate is None:
        usual = [one for one in given if one <= _USUAL and one.denominator <= 1001]
        proposed = usual[0] if usual else Fraction(30)
        refusal = (
            "a variable frame rate (the frames are unevenly spaced in time). To take the frames "
            f"nearest in time: {_command(header, '--resample-fps', proposed)}. If only the "
            f"time stamps are wrong: {_command(header, '--fps', proposed)}."
        )
        return Timing(None, refusal=refusal)
    note = rate_note(times, time_base, rate, stated, guesses)
    return Timing(rate, (note,) if note else ())


def timing_of_avi(stamps: Sequence[int], time_base: Fraction, empty: int, header: Header) -> Timing:
    """Find the rate of an AVI file, where a tick is a frame and dropped frames are empty chunks.

    Parameters
    ----------
    stamps
        Time stamp of every chunk that is not empty, in ticks, rising.
    time_base
        Seconds per tick; exact, because the header holds it.
    empty
        Number of empty chunks.
    header
        What else the file says.

    Returns
    -------
    Timing
        The rate, or why there is none.
    """
    if len(stamps) == 1:
        return Timing(1 / time_base)
    rate = exact_rate(list(enumerate(stamps)), time_base)
    if rate is not None:
        note = f"{empty} chunks are empty (dropped frames); those that are there are even in time."
        return Timing(rate, (note,) if empty else ())
    dropped = stamps[-1] - stamps[0] + 1 - len(stamps)
    if dropped <= 0:  # the header of a damaged file holds any numbers
        return timing_of(stamps, time_base, header)
    frames = f"{dropped} dropped frame" + ("s" if dropped != 1 else "")
    return Timing(
        None,
        refusal=(
            f"{frames}: a variable frame rate. To fill the gaps with the frames nearest in time: "
            f"{_command(header, '--resample-fps', 1 / time_base)}."
        ),
    )


def _command(header: Header, option: str, rate: Fraction) -> str:
    mark = f"_{float(rate):.5g}".replace(".", "_")
    return convert_command(header.path, option, str(rate), mark=mark, levels=header.levels)
