"""The pages of the reference hold the whole public API, which says what it takes and gives."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

PAGES = Path(__file__).parents[2] / "docs" / "reference" / "api"
DIRECTIVE = re.compile(r"^\.\. auto(\w+):: (\S+)\n(   :members:)?", re.M)
PACKAGES = (
    "stst",
    "stst.config",
    "stst.figures",
    "stst.models",
    "stst.report",
    "stst.video",
    "stst.weights",
)


def named(path: str) -> Any:
    """Import what a dotted path names."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        try:
            thing: Any = import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            thing = getattr(thing, part)
        return thing
    raise AssertionError(path)


def documented() -> list[tuple[str, str, str]]:
    """List kind, path and whether members are shown, of everything that the pages ask for."""
    texts = [page.read_text("utf-8") for page in sorted(PAGES.glob("*.md"))]
    return [found for text in texts for found in DIRECTIVE.findall(text)]


def things() -> Iterator[tuple[str, Any]]:
    """Give every function and class of the pages, those of whole modules one by one."""
    for kind, path, _ in documented():
        thing = named(path)
        if kind == "module":
            for name, member in vars(thing).items():
                own = getattr(member, "__module__", None) == path
                if own and not name.startswith("_") and callable(member):
                    yield f"{path}.{name}", member
        elif kind != "data":
            yield path, thing


def functions() -> Iterator[tuple[str, Any]]:
    """Give every public function of the pages, methods included."""
    alone = {path for kind, path, members in documented() if kind == "class" and not members}
    for path, thing in things():
        if inspect.isfunction(thing):
            yield path, thing
        elif inspect.isclass(thing) and path not in alone:
            for name, member in vars(thing).items():
                if isinstance(member, classmethod | staticmethod):
                    member = member.__func__
                own = inspect.isfunction(member) and member.__module__.startswith("stst")
                if own and not name.startswith("_"):
                    yield f"{path}.{name}", member


FUNCTIONS = dict(functions())
CLASSES = {path: thing for path, thing in things() if inspect.isclass(thing)}


def raised(function: Any) -> set[str]:
    """Name the exceptions that a function raises itself."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    calls = [one.exc for one in ast.walk(tree) if isinstance(one, ast.Raise) and one.exc]
    names = {ast.unparse(one.func) if isinstance(one, ast.Call) else "" for one in calls}
    return names & {"InputError", "StstError", "DivergedError"}


def sections(function: Any) -> dict[str, str]:
    text = inspect.getdoc(function) or ""
    parts = re.split(r"^([A-Z][A-Za-z ]+)\n-{3,}\n", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_on_a_page(package):
    on_pages = {path for _, path, _ in documented()} | {path for path, _ in things()}
    objects = {id(named(path)) for path in on_pages}
    names = set(import_module(package).__all__) - {"__version__"}
    shown = {path.rsplit(".", 1)[1] for path in on_pages}
    lacking = {
        name
        for name in names
        if id(getattr(import_module(package), name)) not in objects or name not in shown
    }
    assert not lacking


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_says_what_it_takes_gives_and_raises(name):
    function = FUNCTIONS[name]
    assert inspect.getdoc(function)
    found = sections(function)
    parameters = [p for p in inspect.signature(function).parameters if p not in ("self", "cls")]
    described = re.findall(r"^(\w[\w, ]*)$", found.get("Parameters", ""), re.M)
    assert {one for line in described for one in line.split(", ")} == set(parameters)
    # a string, as all modules postpone the evaluation of annotations; what takes nothing says in
    # its first line what it gives
    nothing = ("None", "Iterator[None]")  # the second of a context
    if parameters and inspect.signature(function).return_annotation not in nothing:
        assert "Returns" in found or "Yields" in found
    for error in raised(function):
        assert error in found.get("Raises", "")


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_says_what_it_holds(name):
    thing = CLASSES[name]
    assert inspect.getdoc(thing)
    text = " ".join(inspect.getdoc(base) or "" for base in thing.__mro__ if base is not object)
    if issubclass(thing, BaseModel):
        fields = set(thing.model_fields)
    else:
        fields = set(getattr(thing, "__dataclass_fields__", {}))
    described = re.findall(r"^(\w[\w, ]*)$", text.replace("    ", ""), re.M)
    words = {one for line in described for one in line.split(", ")}
    for field in fields:
        assert field.startswith("_") or field in words or f"`{field}`" in text, field
    for key, member in vars(thing).items():
        if isinstance(member, property | cached_property) and not key.startswith("_"):
            getter = member.fget if isinstance(member, property) else member.func
            assert inspect.getdoc(getter), key
