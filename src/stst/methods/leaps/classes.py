"""Find the class that a user means."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from stst.errors import InputError

_SHOWN = 5


def class_index(text: str, categories: Sequence[str], count: int, model: str) -> int:
    """Find a class by its name, the beginning of it, or its number.

    Parameters
    ----------
    text
        What the user wrote; case does not matter.
    categories
        Names of the classes; empty where the model does not tell them.
    count
        Number of classes.
    model
        For messages.

    Raises
    ------
    InputError
        If there is none, or several begin so; names what comes near.
    """
    wanted = " ".join(text.split()).casefold()
    names = [name.casefold() for name in categories]
    if wanted in names:
        return names.index(wanted)
    if wanted.isdecimal() and len(wanted) < 10:
        if int(wanted) < count:
            return int(wanted)
        raise InputError(f"`target` {text}: {model} has {count} classes, 0 to {count - 1}.")
    if not names:
        raise InputError(
            f"`target` {text}: {model} does not name its classes (it has no attribute "
            f"'categories'). Give a number from 0 to {count - 1}."
        )
    begun = [index for index, name in enumerate(names) if name.startswith(wanted)]
    if len(begun) == 1:
        return begun[0]
    if begun:
        raise InputError(
            f"`target` {text}: {len(begun)} classes of {model} begin so: "
            f"{_list_items([categories[index] for index in begun])}. Write more of it."
        )
    near = _near(wanted, names)
    hint = f" Did you mean {_list_items([categories[index] for index in near])}?" if near else ""
    raise InputError(
        f"`target` {text}: {model} has no class of that name.{hint} "
        f"A number from 0 to {count - 1} does as well."
    )


def _near(wanted: str, names: Sequence[str]) -> list[int]:
    """Choose names that hold the words, or are spelled alike."""
    holding = [index for index, name in enumerate(names) if wanted and wanted in name]
    alike = difflib.get_close_matches(wanted, names, n=_SHOWN)
    return list(dict.fromkeys([*holding[:_SHOWN], *(names.index(name) for name in alike)]))[:_SHOWN]


def _list_items(names: Sequence[str]) -> str:
    more = f", … ({len(names)} in all)" if len(names) > _SHOWN else ""
    return ", ".join(repr(name) for name in names[:_SHOWN]) + more
