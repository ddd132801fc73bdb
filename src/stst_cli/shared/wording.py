"""What the core says, in the options of the command that runs."""

from __future__ import annotations

import re
import shlex

import click

from stst.errors import TO_RESUME
from stst.utils.text import reword_settings, setting_value

# what needs no quotes on a command line, and what stands for a value in a message
_PLAIN = re.compile(r"[\w.,:/@%+=-]+")


def in_options(text: str, command: click.Command | None = None) -> str:
    """Turn the settings that a message names into options.

    Parameters
    ----------
    text
        What the core says, with settings in backticks as Python writes them.
    command
        Whose options; None for the one that runs.

    Returns
    -------
    str
        ``max_side`` is ``--max-side``, ``overwrite=True`` is ``--overwrite``, ``octave_scale=0.5``
        is ``--set octave_scale=0.5`` where the command has ``--set``. What the command has no
        option for stays as it is, in backticks.
    """
    if command is None:
        context = click.get_current_context(silent=True)
        if context is None:
            return text
        command = context.command
    options = _Options(command)
    resume = "the command again with --resume, or that of a batch as it was"
    text = text.replace(TO_RESUME, resume if options.find("resume") else "the same command again")
    return reword_settings(text, options.reword)


class _Options:
    """The options of a command, by the settings of the core."""

    def __init__(self, command: click.Command) -> None:
        self._command = command
        self._options = [one for one in command.params if isinstance(one, click.Option)]

    def find(self, name: str) -> click.Option | None:
        """Find the option that is spelled as a setting, or else gives it."""
        spelled = f"--{name.replace('_', '-')}"
        for option in self._options:
            if spelled in option.opts:
                return option
        return next((option for option in self._options if option.name == name), None)

    def reword(self, name: str, value: str | None) -> str | None:
        """Write a setting as an option; None where there is none."""
        option = self.find(name)
        if option is None:
            return self._key(name, value)
        spelled = next(word for word in option.opts if word.startswith("--"))
        if value is None:
            return spelled
        given = setting_value(value)
        if option.is_flag:
            # without a value of its own a flag stands for True
            flag = option.flag_value if isinstance(option.flag_value, bool) else True
            return spelled if given is flag else self._key(name, value)
        words = _words(given)
        if not option.multiple:
            words = [",".join(words)]
        return " ".join(f"{spelled} {_quote(word)}" for word in words)

    def _key(self, name: str, value: str | None) -> str | None:
        """Write a key of a config as ``--set`` gives it."""
        if self.find("assignments") is None or not self._has_key(name):
            return None
        if value is None:
            return name
        given = setting_value(value)
        text = str(given).lower() if isinstance(given, bool) else str(given)
        return f"--set {shlex.quote(f'{name}={text}')}"

    def _has_key(self, name: str) -> bool:
        """Say whether the command's method has a key; of a batch it is the one by default."""
        from stst.config import METHODS
        from stst.config.methods import BUILT_IN

        command = str(self._command.name)
        methods = {spec.command: method for method, spec in BUILT_IN.items()}
        method = methods.get(command, command if command in METHODS else "stst")
        return name.partition(".")[0] in METHODS[method].config.model_fields


def _words(value: object) -> list[str]:
    """Write a value as an option takes it: one word, or several of a list or of pairs."""
    if isinstance(value, dict):
        return [f"{key}={one}" for key, one in value.items()]
    return [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]


def _quote(word: str) -> str:
    return word if _PLAIN.fullmatch(word) else f'"{word}"'
