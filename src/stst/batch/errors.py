"""All that is wrong with a batch, said at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from stst.errors import InputError


def count_noun(number: int, noun: str) -> str:
    """Write ``1 job`` and ``2 jobs``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


class BatchError(InputError):
    """Jobs of a batch that cannot be done; nothing was started.

    Attributes
    ----------
    problems
        One line each, with the place in the manifest and the field.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        rest = count_noun(count - 1, "more problem")
        more = "" if count == 1 else f" And {rest}; nothing was started."
        super().__init__(self.problems[0] + more)


class Problems:
    """Collects what is wrong with single jobs."""

    def __init__(self) -> None:
        self._found: list[str] = []

    @contextmanager
    def collect(self, where: str = "") -> Iterator[None]:
        """Note what is wrong in the block, instead of raising it.

        Parameters
        ----------
        where
            Put before the message where it does not begin with it.
        """
        try:
            yield
        except InputError as error:
            self.note(str(error), where)

    def note(self, problem: str, where: str = "") -> None:
        """Add one.

        Parameters
        ----------
        problem
            In words; made one line.
        where
            As in `collect`.
        """
        line = " ".join(problem.splitlines())
        self._found.append(line if not where or line.startswith(where) else f"{where}: {line}")

    def check(self) -> None:
        """Raise what was noted.

        Raises
        ------
        BatchError
            If there was anything, each problem once.
        """
        if self._found:
            raise BatchError(list(dict.fromkeys(self._found)))
