"""Whole commands that make of a file what can be read, for messages."""

from __future__ import annotations

import shlex
from pathlib import Path

from stst.errors import InputError
from stst.utils.files import as_text
from stst.video.color.levels import AS_STORED, Levels


def convert_command(
    path: Path | str, *options: str, mark: str = "", levels: Levels = AS_STORED
) -> str:
    """Write out a ``stst convert`` that makes a master of a clip.

    Parameters
    ----------
    path
        Of the clip.
    options
        Words of the command after the output.
    mark
        What the new clip's stem has at its end.
    levels
        How the clip's values are read, without which the command would be refused for them.

    Returns
    -------
    str
        Quoted for a shell, in backticks.
    """
    new = name_beside(path, f"{mark}.mkv")
    words = ["stst", "convert", as_word(path), as_word(new), *options, *levels.options()]
    return f"`{shlex.join(words)}`"


def mask_command(path: Path | str, deep: bool = False) -> str:
    """Write out a command that makes a mask of the regions that a file numbers or colours.

    Parameters
    ----------
    path
        A picture or a clip.
    deep
        Whether it holds more than 8 bits, which are no clip's.

    Returns
    -------
    str
        For a shell, in backticks; it makes ``X_mask.npy``.
    """
    is_array = Path(path).suffix.lower() == ".npy"
    new, name = as_text(name_beside(path, "_mask.npy")), as_text(path)
    if not deep:
        takes = f"stst; m = stst.open_video({name!r}, fps=1, picture=True).read().max(3)"
    elif is_array:
        takes = f"numpy; m = numpy.load({name!r})"
    else:
        takes = f"numpy, PIL.Image; m = numpy.asarray(PIL.Image.open({name!r}))"
    code = f"import numpy, {takes}; numpy.save({new!r}, m > 0)".replace("numpy, numpy", "numpy")
    return _python(code)


def rgb_command(path: Path | str) -> str:
    """Write out a command that makes ``X_rgb.png`` of a picture in other colours."""
    new, name = as_text(name_beside(path, "_rgb.png")), as_text(path)
    return _python(f"import PIL.Image; PIL.Image.open({name!r}).convert('RGB').save({new!r})")


def _python(code: str) -> str:
    plain = not set('"$`\\!') & set(code)
    return f'`python -c "{code}"`' if plain else f"`{shlex.join(['python', '-c', code])}`"


def mask_remedy(path: Path | str, deep: bool = False) -> str:
    """Say how a mask is made of an image of labels, or of soft edges."""
    new = name_beside(path, "_mask.npy").name
    return (
        f"If they number regions, take all of these: {mask_command(path, deep)}, and then {new}; "
        "== 3 in place of > 0 takes region 3 alone, and >= 128 cuts a soft mask in the middle."
    )


def without_rate(path: Path | str, found: str, levels: Levels) -> InputError:
    """Refuse a clip whose rate is not known; `found` says where it was looked for."""
    command = convert_command(path, "--fps", "30", mark="_30", levels=levels)
    return InputError(
        f"{path} holds no frame rate ({found}). Make a clip of it at the rate that it has, e.g. "
        f"{command}, and use that; in Python: fps=30."
    )


def name_beside(path: Path | str, ending: str) -> Path:
    """Name a file beside another file or folder, with an ending in place of its suffix."""
    path = Path(path)
    if path.name in ("", ".."):
        path = path.resolve()
    stem = path.name if path.is_dir() else path.stem
    return path.with_name(stem + ending) if stem else path / f"clip{ending}"


def as_word(path: Path | str) -> str:
    """Write a path so that no command takes it for an option."""
    text = as_text(path)
    return f"./{text}" if text.startswith("-") else text
