"""What can be added to a report of clips."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from stst.errors import StstError
from stst.report.clips import Clip
from stst.report.content import Begin
from stst.report.page import Section

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Something that was to be in a report and is not, because it failed.

    Attributes
    ----------
    what
        E.g. ``CKA in resnet50``.
    error
        Why.
    """

    what: str
    error: StstError

    def __str__(self) -> str:
        return f"{self.what} is left out: {self.error}"


@contextmanager
def leaving_out(what: str, left_out: list[LeftOut]) -> Iterator[None]:
    """Let a block fail without taking the rest of the report with it.

    Parameters
    ----------
    what
        Is done in the block.
    left_out
        Gets an entry if that fails.
    """
    try:
        yield
    except StstError as error:
        left_out.append(LeftOut(what, error))
    except (MemoryError, RuntimeError) as error:
        from stst.runs.failures import is_out_of_memory

        if not is_out_of_memory(error):
            raise
        words = "out of memory. Take fewer frames, or smaller ones (`max_side`)."
        left_out.append(LeftOut(what, StstError(words)))


@dataclass(frozen=True, eq=False)
class Added:
    """What a part adds to a report.

    Attributes
    ----------
    section
        Of the page; None where all of it failed.
    figures
        By the name of the file, without its suffix.
    tables
        Rows by the name of the file.
    left_out
        What failed.
    """

    section: Section | None
    figures: Mapping[str, Figure]
    tables: Mapping[str, Sequence[Mapping[str, Any]]]
    left_out: Sequence[LeftOut] = ()


class Part(Protocol):
    """Something that can be added to a report."""

    def steps(self, clips: tuple[Clip, ...]) -> int:
        """Count the calls of what `begin` gives, over all pieces of work.

        Parameters
        ----------
        clips
            Of the report, the natural one first.

        Returns
        -------
        int
            At least 0.

        Raises
        ------
        InputError
            If it cannot be done with these clips; `added` then says that it is left out.
        """
        ...

    def add(self, clips: tuple[Clip, ...], begin: Begin) -> Added:
        """Measure the clips and lay out what was found.

        Parameters
        ----------
        clips
            Of the report, the natural one first.
        begin
            Called with the name of a piece of work; what it gives is called at every step.

        Returns
        -------
        Added
            Section, figures and tables, or why they are not there.
        """
        ...
