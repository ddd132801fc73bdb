"""Which room may know which, and how large rooms and files may be.

Imports inside functions and for annotations count like all others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import stst
from stst.config.methods import BUILT_IN

grimp = pytest.importorskip("grimp", reason="the lint group is not installed")

SOURCES = Path(stst.__file__).parents[1]
PACKAGES = ("stst", "stst_cli", "napari_stst")
#: From what knows nothing of the others to what knows all. Rooms of a level do not know each other.
LEVELS = (
    ("version", "types"),
    ("utils",),
    ("config", "video", "weights"),
    ("models",),
    ("engine",),
    ("methods",),
    ("runs",),
    ("analysis",),
    ("figures", "training", "batch"),
    ("report",),
    ("study",),
    ("",),  # what `stst` itself exports
    ("stst_cli", "napari_stst"),
)
LEVEL = {room: number for number, level in enumerate(LEVELS) for room in level}
_MODULES, _LOOSE, _LINES = 15, 3, 450
#: Where users meet the methods, and so each of them by name: exports, menus and help.
DOORS = ("stst/__init__.py", "stst_cli/main.py", "stst_cli/make/batch/command.py",
         "napari_stst/contrib/menus.py")  # fmt: skip


def room_of(module: str) -> str:
    """Give the room of a module; that of errors is utils, for both serve all."""
    package, _, rest = module.partition(".")
    if package != "stst":
        return package
    room = rest.partition(".")[0]
    return "utils" if room == "errors" else room


def wrong_arrows(graph) -> list[str]:
    found = []
    for module in graph.modules:
        here = room_of(module)
        for other in graph.find_modules_directly_imported_by(module):
            there = room_of(other)
            if here != there and LEVEL[here] <= LEVEL[there]:
                found.append(f"{module} imports {other}")
    return sorted(found)


def method_of(module: str) -> str:
    """Name the method in whose folder a module lies; empty elsewhere."""
    parts = module.split(".")
    return parts[2] if parts[:2] == ["stst", "methods"] and len(parts) > 2 else ""


def of_other_methods(graph) -> list[str]:
    """Find what only the table may know: modules of a method, from another one or elsewhere."""
    found = []
    for module in graph.modules:
        here = method_of(module)
        # what it exports by name, for annotations
        if module == "stst":
            continue
        for other in graph.find_modules_directly_imported_by(module):
            if method_of(other) not in ("", here):
                found.append(f"{module} imports {other}")
    return sorted(found)


def sources() -> dict[str, str]:
    """Read all that is written here, templates included."""
    return {
        path.relative_to(SOURCES).as_posix(): path.read_text("utf-8")
        for package in PACKAGES
        for path in sorted((SOURCES / package).rglob("*"))
        if path.suffix in (".py", ".html", ".js")
    }


def mentions(texts: Mapping[str, str]) -> list[str]:
    """Find names of methods where only the table may know them, comments and strings included.

    Not that of the first method, which is the package's.
    """
    names = sorted(BUILT_IN.keys() - set(PACKAGES))
    found = []
    for name in names:
        command = BUILT_IN[name].command
        own = ("stst/config/", f"stst/methods/{name}/", f"stst_cli/make/{command}.py",
               f"napari_stst/make/{command}.py", *DOORS)  # fmt: skip
        for path, text in texts.items():
            if not path.startswith(own):
                lines = enumerate(text.splitlines(), 1)
                found += [f"{path}:{line}: {name}" for line, one in lines if name in one.lower()]
    return found


def circles(graph) -> list[list[str]]:
    """Give the sets of modules of which each leads back to itself (Tarjan 1972)."""
    number, lowest, stack, found = {}, {}, [], []

    def visit(module: str) -> None:
        number[module] = lowest[module] = len(number)
        stack.append(module)
        for other in graph.find_modules_directly_imported_by(module):
            if other not in number:
                visit(other)
                lowest[module] = min(lowest[module], lowest[other])
            elif other in stack:
                lowest[module] = min(lowest[module], number[other])
        if lowest[module] == number[module]:
            place = stack.index(module)
            if len(stack) - place > 1:
                found.append(sorted(stack[place:]))
            del stack[place:]

    for module in sorted(graph.modules):
        if module not in number:
            visit(module)
    return found


@pytest.fixture
def graph():
    # a copy of its own: tests plant arrows
    return grimp.build_graph(*PACKAGES, cache_dir=None)


def test_arrows_go_down_only(graph):
    assert {room_of(module) for module in graph.modules} == set(LEVEL)
    assert wrong_arrows(graph) == []


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("stst.engine.loop", "stst.methods.stst.prepare"),
        ("stst.methods.stps.prepare", "stst.runs.job"),
        ("stst.runs.job", "stst_cli.shared.progress"),
        ("stst.video.read", "stst.config.schema"),
        ("stst_cli.main", "napari_stst.viewer.docks"),
    ],
)
def test_a_planted_arrow_is_found(graph, importer, imported):
    graph.add_import(importer=importer, imported=imported)
    assert wrong_arrows(graph) == [f"{importer} imports {imported}"]


def test_only_the_table_knows_the_methods(graph):
    assert of_other_methods(graph) == []
    graph.add_import(importer="stst.methods.stst.synthesis", imported="stst.methods.stps.spectrum")
    graph.add_import(importer="stst.batch.plan", imported="stst.methods.leaps.prepare")
    graph.add_import(importer="stst_cli.make.leaps", imported="stst.methods.leaps.classifiers")
    assert of_other_methods(graph) == [
        "stst.batch.plan imports stst.methods.leaps.prepare",
        "stst.methods.stst.synthesis imports stst.methods.stps.spectrum",
        "stst_cli.make.leaps imports stst.methods.leaps.classifiers",
    ]


def test_only_the_table_and_its_own_command_and_widget_name_a_method():
    assert mentions(sources()) == []


@pytest.mark.parametrize(
    ("path", "planted", "name"),
    [
        ("stst/report/write.py", 'if clip.sidecar["method"] == "leaps":', "leaps"),
        ("stst/batch/plan.py", "from stst.config import StpsConfig", "stps"),
        ("stst/methods/leaps/prepare.py", "# as STPS does", "stps"),
        ("stst/report/templates/courses.html", "<p>LEAPS</p>", "leaps"),
        ("napari_stst/background/tasks.py", '"stst.methods.leaps.classifiers:names"', "leaps"),
        ("stst_cli/make/scramble.py", "def _leaps_words():", "leaps"),
    ],
)
def test_a_planted_name_is_found(path, planted, name):
    texts = sources()
    line = len(texts[path].splitlines()) + 1
    assert mentions(texts | {path: f"{texts[path]}{planted}\n"}) == [f"{path}:{line}: {name}"]


def test_no_two_modules_import_each_other(graph):
    assert circles(graph) == []


def test_a_planted_circle_is_found(graph):
    # the runner is what a job imports; over three modules as well
    graph.add_import(importer="stst.runs.runner", imported="stst.runs.job")
    graph.add_import(importer="stst.utils.text", imported="stst.utils.locks")
    assert circles(graph) == [
        ["stst.errors", "stst.utils.locks", "stst.utils.text"],
        ["stst.runs.job", "stst.runs.runner"],
    ]


def folders() -> Iterator[Path]:
    for package in PACKAGES:
        for folder in (SOURCES / package, *(SOURCES / package).rglob("*")):
            if folder.is_dir() and any(folder.glob("*.py")):
                yield folder


def test_no_room_is_crowded():
    crowded = {
        str(folder.relative_to(SOURCES)): count
        for folder in folders()
        if (count := len(list(folder.glob("*.py")))) > _MODULES
    }
    assert crowded == {}
    loose = {path.stem for path in (SOURCES / "stst").glob("*.py")} - {"__init__"}
    assert len(loose) <= _LOOSE, loose


def test_no_file_is_long():
    long = {}
    for folder in folders():
        for path in folder.glob("*.py"):
            lines = sum(bool(line.strip()) for line in path.read_text("utf-8").splitlines())
            if lines > _LINES:
                long[str(path.relative_to(SOURCES))] = lines
    assert long == {}
