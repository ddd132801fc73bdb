"""``stst-analyze report``: a page that shows clips beside each other, and its figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stst_cli.analyze.models import command_words, load_parts, model_options
from stst_cli.analyze.options import measure_option
from stst_cli.shared.options import PATH, ClipPart, clip_options, overwrite_option
from stst_cli.shared.terminal import say, say_notes


@click.command(no_args_is_help=True)
@click.argument("natural", type=PATH)
@click.argument("others", type=PATH, metavar="[OTHER]...", nargs=-1)
@click.option("-o", "--output", type=PATH, required=True, metavar="DIR", help="Folder to make.")
@measure_option
@clip_options
@model_options
@overwrite_option
@click.option("--json", "as_json", is_flag=True, help="Print the paths as JSON.")
def report(
    natural: Path, others: tuple[Path, ...], output: Path, measures: tuple[str, ...],
    part: ClipPart, overwrite: bool, as_json: bool, **words: Any,
) -> None:  # fmt: skip
    """Make a page that shows every OTHER clip beside the clip NATURAL, or NATURAL alone.

    DIR/index.html needs no other file and no network: frames, previews, low-level features over
    time, their comparison, and how each clip was made. --measure adds energy, coherence of motion
    and light beside nulls, --cka and --prednet what models make of the clips. Figures and tables
    lie beside it.

    Where the sidecar of a stimulus names NATURAL, the frames and the size that it was made with
    are shown, or of these the --frames that you ask for, in NATURAL's numbering; for other clips,
    --frames and --max-side say what to take of NATURAL, and of an OTHER that is as long, or as
    large. A clip that was made of a stimulus is shown beside what the model saw of that
    (X.stimulus.mkv), or alone.

    What fails in a measure or a model is left out; the page and the last line say so, and the exit
    code is 1.
    """
    import json

    from stst.errors import StstError
    from stst.report import (
        LeftOut,
        check_report_output,
        frames_to_read,
        open_clips,
        report_command,
        write_report,
    )
    from stst_cli.shared.progress import count_frames

    check_report_output(output, overwrite)
    clips = open_clips(natural, others, *part)
    measures = tuple(dict.fromkeys(measures))
    words |= {"measures": measures, "beside_nulls": bool(measures)}
    parts = load_parts(words, part.levels, measures)
    say_notes(note for clip in clips for note in clip.notes)
    command = report_command(
        natural, others, part.frames, part.max_side, command_words(words), part.levels
    )
    steps = frames_to_read(clips) + sum(part.steps(clips) for part in parts)
    with count_frames(steps) as begin:
        failures: list[LeftOut] = []
        paths = write_report(output, clips, command, overwrite, begin, parts, failures.append)
    names = [click.format_filename(path) for path in paths]
    if as_json:
        page, *files = names
        found = {"report": page, "files": files, "left_out": list(map(str, failures))}
        click.echo(json.dumps(found, indent=2))
    else:
        say(names[0])
    if failures:
        raise StstError(f"not all is in the report: {' '.join(map(str, failures))}")
