"""``stst samples``: clips to try things with."""

from __future__ import annotations

from pathlib import Path

import click

from stst_cli.shared.options import PATH, overwrite_option
from stst_cli.shared.terminal import say


@click.command(no_args_is_help=True)
@click.argument("folder", type=PATH, metavar="DIR")
@overwrite_option
def samples(folder: Path, overwrite: bool) -> None:
    """Copy the sample clips to the folder DIR, which is made if it does not exist.

    A cat, an astronaut and a cup of coffee, seen by a moving camera: 24 frames of 144x192 px each.
    README.md names the photographs, motion.json the exact motion.
    """
    from stst.errors import InputError
    from stst.utils.files import check_output, write_whole
    from stst.video.samples import sample_files

    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; the clips go to a folder. Choose another name.")
    files = {folder / one.name: one for one in sample_files()}
    if folder.exists():
        for path in files:
            check_output(path, overwrite)
    else:
        check_output(folder, overwrite=False)
        folder.mkdir()
    for path, source in files.items():
        with write_whole(path, overwrite) as part:
            part.write_bytes(source.read_bytes())
        say(str(path))
