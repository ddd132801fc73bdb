"""What is wrong with a form or a run: the verdict first, in the form's own words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from stst.errors import TO_RESUME

# what the command line offers, and what it is called here
_REMEDIES = {
    TO_RESUME: "Resume",
    "Give --resume to continue it, or --overwrite to start anew.": "Name the same output again: "
    "resuming it, and starting anew, are offered.",
    "Give everything as it was, or start anew with --overwrite.": "Name the same output again and "
    "choose to start anew.",
    "Start anew with --overwrite.": "Name the same output again and choose to start anew.",
    "Give --overwrite to replace it, or choose another name.": "Choose another output.",
    "--max-side": "the longest side",
    "--target": "the class",
}


def word_for_form(text: str, labels: Mapping[str, str] = MappingProxyType({})) -> str:
    """Replace keys of a config and options of the command line by the labels of a form.

    Parameters
    ----------
    text
        A message.
    labels
        What the form calls keys, by key, with dots; of no certain form by default.

    Returns
    -------
    str
        The message, in which ``input.max_side:`` and ``--max-side`` are ``longest side``; where
        there is no label, ``--set a.b=c`` becomes ``a.b = c``, and ``--frames`` ``frames``.

    Examples
    --------
    >>> word_for_form("config: input.max_side: no", {"input.max_side": "longest side"})
    'longest side: no'
    """
    text = text.removeprefix("config: ")
    labels = labels or {}
    for key in sorted(labels, key=len, reverse=True):
        label, option = labels[key], key.rpartition(".")[2].replace("_", "-")
        text = re.sub(rf"(?<![\w.]){re.escape(key)}\.(\d+)\.(\w+)(?=: )", _row(label), text)
        text = re.sub(rf"(?<![\w.]){re.escape(key)}(?=: )", label, text)
        text = re.sub(rf"(?<![\w-])--{re.escape(option)}(?![\w-])", label, text)
    for words, ours in _REMEDIES.items():
        text = re.sub(rf"{re.escape(words)}(?![\w-])", ours, text)
    text = re.sub(r"--set '?([\w.]+)=", r"\1 = ", text)
    return re.sub(r"(?<![\w-])--([a-z]+(?:-[a-z]+)*)", lambda m: m[1].replace("-", " "), text)


def parts_by_key(text: str, labels: Mapping[str, str]) -> dict[str, str]:
    """Find which keys a message is about.

    Parameters
    ----------
    text
        A message that names keys as `stst.config.build` does.
    labels
        By key, with dots.

    Returns
    -------
    dict
        By key what is said of it, in the form's words; under "" what is of no key.
    """
    text = text.removeprefix("config: ")
    keys = "|".join(re.escape(key) for key in sorted(labels, key=len, reverse=True))
    found = list(re.finditer(rf"(?:^|(?<=; ))({keys})(?:\.\d+[.\w]*)?: ", text))
    if not found or found[0].start() > 0:
        return {"": word_for_form(text, labels)}
    ends = [one.start() for one in found[1:]] + [len(text) + 2]
    parts: dict[str, str] = {}
    for one, end in zip(found, ends, strict=True):
        words = word_for_form(text[one.start() : end - 2], labels)
        parts[one[1]] = "; ".join(filter(None, (parts.get(one[1]), words)))
    return parts


def shorten_paths(text: str, paths: Iterable[Path | None]) -> str:
    """Leave the folders out of the names of files, for where there is little room.

    Parameters
    ----------
    text
        A message.
    paths
        Files whose folders are known to the user.
    """
    folders = {str(path.absolute().parent) for path in paths if path is not None}
    for folder in sorted(folders, key=len, reverse=True):
        text = text.replace(f"{folder.rstrip('/')}/", "")
    return text


def _row(label: str) -> Callable[[re.Match[str]], str]:
    """Count rows of a table as people do."""
    return lambda found: f"{label}, row {int(found[1]) + 1}, {found[2].replace('_', ' ')}"
