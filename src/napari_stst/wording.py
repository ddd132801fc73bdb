"""What is wrong with a form, in the form's own words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping


def in_form_words(text: str, labels: Mapping[str, str]) -> str:
    """Replace keys of a config and options of the command line by the labels of a form.

    Parameters
    ----------
    text
        A message.
    labels
        By key, with dots.

    Returns
    -------
    str
        The message, in which ``input.max_side:`` and ``--max-side`` are ``longest side``.

    Examples
    --------
    >>> in_form_words("config: input.max_side: no", {"input.max_side": "longest side"})
    'longest side: no'
    """
    text = text.removeprefix("config: ")
    for key in sorted(labels, key=len, reverse=True):
        label, option = labels[key], key.rpartition(".")[2].replace("_", "-")
        text = re.sub(rf"(?<![\w.]){re.escape(key)}\.(\d+)\.(\w+)(?=: )", _row(label), text)
        text = re.sub(rf"(?<![\w.]){re.escape(key)}(?=: )", label, text)
        text = re.sub(rf"(?<![\w-])--{re.escape(option)}(?![\w-])", label, text)
    return text


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
        return {"": in_form_words(text, labels)}
    ends = [one.start() for one in found[1:]] + [len(text) + 2]
    parts: dict[str, str] = {}
    for one, end in zip(found, ends, strict=True):
        words = in_form_words(text[one.start() : end - 2], labels)
        parts[one[1]] = "; ".join(filter(None, (parts.get(one[1]), words)))
    return parts


def _row(label: str) -> Callable[[re.Match[str]], str]:
    """Count rows of a table as people do."""
    return lambda found: f"{label}, row {int(found[1]) + 1}, {found[2].replace('_', ' ')}"
