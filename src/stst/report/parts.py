"""What can be added to a report of clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from stst.report.clips import Clip
from stst.report.content import Begin
from stst.report.page import Section

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Added:
    """What a part adds to a report.

    Attributes
    ----------
    section
        Of the page.
    figures
        By the name of the file, without its suffix.
    tables
        Rows by the name of the file.
    """

    section: Section
    figures: Mapping[str, Figure]
    tables: Mapping[str, Sequence[Mapping[str, Any]]]


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
        """
        ...

    def added(self, clips: tuple[Clip, ...], begin: Begin) -> Added:
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
            Section, figures and tables.
        """
        ...
