"""Writing a report: a folder that appears whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stst.analysis.comparison import comparison_rows
from stst.analysis.settings import CKA, MEASURES, PREDICTION
from stst.analysis.tables import table, write_table
from stst.errors import InputError
from stst.figures import feature_courses, feature_means, frame_sheet, picture
from stst.report.clips import Clip
from stst.report.content import Begin, Content, measure_content
from stst.report.courses import lay_out_courses, sections
from stst.report.page import GENERATOR, page, part
from stst.report.sections import FIRST, LAST, comparison_section, key_of
from stst.utils.files import check_output, write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from stst.report.parts import Added, LeftOut, Part

PAGE = "index.html"
FIGURES = ("frames", "features", "means")
TABLES = ("features.csv", "comparison.csv")
# of further measures and of what models make of the clips, where that is asked for
_MORE_FIGURES = (*MEASURES, "cka", "cka_means", "prediction", "prediction_means")
_MORE_TABLES = (*MEASURES.values(), CKA, PREDICTION)
_KINDS = ("png", "svg")
_SHARP = 200  # dots per inch of the drawn figures


def write_report(
    folder: Path | str,
    clips: tuple[Clip, ...],
    command: str = "",
    overwrite: bool = False,
    begin: Begin = lambda name, frames: lambda frame: None,
    parts: Sequence[Part] = (),
    on_left_out: Callable[[LeftOut], object] = lambda one: None,
) -> tuple[Path, ...]:
    """Write a report of clips.

    Parameters
    ----------
    folder
        To be made.
    clips
        Of `open_clips`.
    command
        What the user typed, for the page.
    overwrite
        Whether a report that is there may be replaced.
    begin
        Called with the label of a clip and the number of frames to go through; what it returns is
        called once for each, and raising in it cancels. There are `frames_to_read` in all, and
        those that the parts count.
    parts
        What else is shown, see `stst.report.models.load_parts`. How a run went is shown by itself
        where a sidecar tells it. What fails in one of them is left out, and the page says so.
    on_left_out
        Called with everything that is left out, once the report is there.

    Returns
    -------
    tuple of Path
        The files, the page first.

    Raises
    ------
    InputError
        See `check_report_output`.
    StstError
        If writing fails.
    """
    folder = Path(folder)
    replace = check_report_output(folder, overwrite)
    with write_whole(folder, replace) as beside:
        beside.mkdir()
        content = measure_content(clips, beside, begin)
        added = [*lay_out_courses(clips), *(one.add(clips, begin) for one in parts)]
        _write_figures(content, beside)
        _write_tables(content, beside)
        for one in added:
            _write_added(one, beside)
        names = _files(one.name for one in beside.iterdir())
        (beside / PAGE).write_bytes(_page_of(content, added, names, command))
    for failure in (failure for one in added for failure in one.left_out):
        on_left_out(failure)
    return tuple(folder / name for name in (PAGE, *names))


def check_report_output(folder: Path, overwrite: bool) -> bool:
    """Refuse a folder that no report can be written to, before any work.

    Parameters
    ----------
    folder
        To be made.
    overwrite
        Whether a report that is there may be replaced.

    Returns
    -------
    bool
        Whether there is something that will be replaced.

    Raises
    ------
    InputError
        If the folder cannot be made there, or something is there that is no report, or that is
        one and `overwrite` is false.
    """
    if not folder.name or folder.name == "..":
        raise InputError(f"{folder}: a report is a folder of its own. Give a name such as report/.")
    if folder.is_dir() and not any(folder.iterdir()):
        check_output(folder, overwrite=True)
        return True
    if overwrite and (folder.exists() or folder.is_symlink()):
        _check_ours(folder)
    check_output(folder, overwrite)
    return overwrite


def _check_ours(folder: Path) -> None:
    """Refuse to replace anything that is not a report, or holds more than one."""
    if not folder.is_dir() or not _is_page(folder / PAGE):
        raise InputError(f"{folder} is not a report, so it is not replaced. Choose another name.")
    names = {one.name for one in folder.iterdir()}
    foreign = sorted(names - {PAGE, *_files(names)})
    if foreign:
        raise InputError(
            f"{folder} holds {foreign[0]!r}, which is not of a report; it would be deleted. "
            "Choose another name."
        )


def _is_page(path: Path) -> bool:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return GENERATOR in file.read(4096)
    except OSError:
        return False


def _files(there: Iterable[str]) -> list[str]:
    """Name, of the files that are there, those of a report, in order; without the page."""
    of_courses = [section.name for section in sections().values()]
    figures = (*FIGURES, *of_courses, *_MORE_FIGURES)
    ours = [f"{name}.{kind}" for name in figures for kind in _KINDS]
    tables = (*TABLES, *(f"{name}.csv" for name in of_courses), *_MORE_TABLES)
    present = set(there)
    return [name for name in (*ours, *tables) if name in present]


def _page_of(content: Content, added: Sequence[Added], files: Sequence[str], command: str) -> bytes:
    natural = content.natural.path.name or str(content.natural.path)
    others = content.clips[1:]
    title = natural
    if others:
        title += f" and {others[0].label if len(others) == 1 else f'{len(others)} other clips'}"
    notes = dict.fromkeys(note for clip in content.clips for note in clip.notes)
    left_out = [str(failure) for one in added for failure in one.left_out]
    lead = part("lead.html", key=key_of(content), left_out=left_out, notes=list(notes), files=files)
    sections = [
        *(section(content) for section in FIRST if others or section is not comparison_section),
        *(one.section for one in added if one.section is not None),
        *(section(content) for section in LAST),
    ]
    return page(title, lead, sections, command)


def _write_figures(content: Content, folder: Path) -> None:
    captions = [f"frame {one}, {content.seconds(one):.3f} s" for one in content.numbers]
    sheet = frame_sheet(content.stills, captions)
    for name, figure, dpi in (
        ("frames", sheet, None),
        ("features", feature_courses(content.features), _SHARP),
        ("means", feature_means(content.features), _SHARP),
    ):
        _write_figure(figure, folder / name, dpi)


def _write_figure(figure: Figure, path: Path, dpi: float | None) -> None:
    for kind in _KINDS:
        path.with_name(f"{path.name}.{kind}").write_bytes(picture(figure, kind, dpi))


def _write_added(added: Added, folder: Path) -> None:
    for name, figure in added.figures.items():
        _write_figure(figure, folder / name, _SHARP)
    for name, rows in added.tables.items():
        write_table(table(rows), folder / name)


def _write_tables(content: Content, folder: Path) -> None:
    features = [
        row for clip in content.clips for row in content.features[clip.label].rows(clip.name)
    ]
    compared = [
        row
        for clip in content.clips[1:]
        for row in comparison_rows(content.comparisons[clip.label], clip.name, content.natural.name)
    ]
    for name, rows in zip(TABLES, (features, compared), strict=True):
        if rows:
            write_table(table(rows), folder / name)
