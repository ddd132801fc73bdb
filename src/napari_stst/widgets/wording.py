"""What is wrong with a form or a run: the verdict first, in the form's own words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from stst.errors import TO_RESUME
from stst.utils.text import reword_settings, setting_value

# sentences that ask for what is a button here, or asked for
_REMEDIES = {
    TO_RESUME: "Resume",
    "Give `resume=True` to continue it, or `overwrite=True` to start anew.": "Name the same output "
    "again: resuming it, and starting anew, are offered.",
    "Give everything as it was, or start anew with `overwrite=True`.": "Name the same output again "
    "and choose to start anew.",
    "Start anew with `overwrite=True`.": "Name the same output again and choose to start anew.",
    "Give `overwrite=True` to replace it, or choose another name.": "Choose another output.",
}
# what is called otherwise than in the core, in whatever form
_LABELS = {"max_side": "longest side", "target": "class"}
_STATES = {"True": "on", "False": "off"}


def word_for_form(text: str, labels: Mapping[str, str] = MappingProxyType({})) -> str:
    """Replace the settings that a message of the core names by the labels of a form.

    Parameters
    ----------
    text
        A message.
    labels
        What the form calls keys, by key, with dots; of no certain form by default.

    Returns
    -------
    str
        The message, in which ``input.max_side:`` and ``max_side`` in backticks are ``longest
        side``. What has no label keeps its name: ``samples``, ``a.b = c``.

    Examples
    --------
    >>> word_for_form("config: input.max_side: no", {"input.max_side": "longest side"})
    'longest side: no'
    >>> word_for_form("Give `bits=8`.")
    'Give bits 8.'
    """
    text = text.removeprefix("config: ")
    keys = sorted(labels, key=len, reverse=True)
    for key in keys:
        text = re.sub(rf"(?<![\w.]){re.escape(key)}\.(\d+)\.(\w+)(?=: )", _row(labels[key]), text)
        text = re.sub(rf"(?<![\w.]){re.escape(key)}(?=: )", labels[key], text)
    for words, ours in _REMEDIES.items():
        text = text.replace(words, ours)

    def reword(name: str, value: str | None) -> str:
        label = next((labels[key] for key in keys if f".{key}".endswith(f".{name}")), None)
        if label is None:
            label = _LABELS.get(name, name if "." in name else name.replace("_", " "))
        if value is None:
            return label
        equals = " = " if label == name and "." in name else " "
        return f"{label}{equals}{_STATES.get(value, setting_value(value))}"

    return reword_settings(text, reword)


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
