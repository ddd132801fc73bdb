"""What a docstring says a function takes and gives is what its signature says."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain, product
from pathlib import Path
from textwrap import indent

import pytest

SRC = Path(__file__).parents[2] / "src"
PLAIN = {
    "Any": "object",
    "Callable": "callable",
    "NDArray": "ndarray",
    "Mapping": "dict",
    "Literal": "str",
}
Aliases = dict[str, list[ast.expr]]


def aliases_of(trees: list[ast.Module]) -> Aliases:
    """Give what names of types stand for: aliases, and the bounds of type variables."""
    found: Aliases = defaultdict(list)
    for statement in (one for tree in trees for one in tree.body):
        match statement:
            case ast.Assign(targets=[ast.Name(name)], value=ast.Subscript() | ast.BinOp() as value):
                found[name].append(value)
            case ast.AnnAssign(
                target=ast.Name(name), annotation=ast.Name("TypeAlias"), value=value
            ):
                found[name].append(value)
            case ast.Assign(
                targets=[ast.Name(name)], value=ast.Call(ast.Name("TypeVar"), keywords=keywords)
            ):
                bounds = [one.value for one in keywords if one.arg == "bound"]
                found[name] += bounds or [ast.Name("object")]
    return found


def words(node: ast.expr, aliases: Aliases) -> set[str]:
    """Say an annotation in all ways that a docstring may."""
    match node:
        case ast.Constant(str() as text):
            return words(ast.parse(text, mode="eval").body, aliases)
        case ast.Constant(value):
            return {str(value)}
        case ast.Name(name) | ast.Attribute(attr=name):
            meant = (words(one, aliases) for one in aliases.get(name, ()))
            return {name, PLAIN.get(name, name)}.union(*meant)
        case ast.BinOp(left, ast.BitOr(), right):
            return joined(" or ", words(left, aliases), words(right, aliases))
        case ast.Subscript(base, parts):
            heads = words(base, aliases)
            items = parts.elts if isinstance(parts, ast.Tuple) else [parts]
            if heads & {"callable", "ndarray", "str", "type"}:
                return heads
            said = [words(one, aliases) for one in items if ast.unparse(one) != "..."]
            alike = len({ast.unparse(one) for one in items}) == 1
            linked = said[0] if alike else joined(" to " if "dict" in heads else " and ", *said)
            return heads | joined(" of ", heads, linked)
    raise TypeError(ast.unparse(node))


def joined(by: str, *parts: set[str]) -> set[str]:
    return {by.join(one) for one in product(*parts)}


def sections(text: str) -> dict[str, list[str]]:
    """Give the entries of every numpydoc section, without what is said of them."""
    parts = re.split(r"^([A-Z][A-Za-z ]+)\n-{3,}\n", text, flags=re.M)
    return {
        title: re.findall(r"^(\S(?:.*,\n)*.*)$", body, re.M)
        for title, body in zip(parts[1::2], parts[2::2], strict=True)
    }


def given(annotation: ast.expr, title: str) -> ast.expr:
    """Take out of a generator what the section is about."""
    match annotation:
        case ast.Subscript(ast.Name("Generator"), ast.Tuple([first, _, last])):
            return first if title == "Yields" else last
        case ast.Subscript(ast.Name("Iterator"), item) if title == "Yields":
            return item
    return annotation


def differences(function: ast.FunctionDef, text: str, aliases: Aliases) -> Iterator[str]:
    """Say where a docstring and the signature of its function disagree."""
    found = sections(text)
    every = function.args
    arguments = [
        *every.posonlyargs, *every.args, *filter(None, [every.vararg]), *every.kwonlyargs,
        *filter(None, [every.kwarg]),
    ]  # fmt: skip
    taken = [one.arg for one in arguments if one.arg not in ("self", "cls")]
    entries = [re.split(r",\s+", line.replace("*", "")) for line in found.get("Parameters", ())]
    if entries and sorted(chain(*entries)) != sorted(taken):
        yield f"Parameters are {entries}, it takes {taken}"
        entries = []
    # what is said of several stands where the first of them does
    places = [[taken.index(name) for name in entry] for entry in entries]
    if places != sorted(map(sorted, places)):
        yield f"Parameters are {entries}, in another order than {taken}"
    for title in {"Returns", "Yields"} & set(found):
        said = [re.sub(r"^\w+ : |\b[\w.]+\.", "", line) for line in found[title]]
        annotation = given(function.returns or ast.Constant(None), title)
        if isinstance(annotation, ast.Constant) and annotation.value is None:
            yield f"{title} of a function that gives nothing"
            continue
        wanted = [annotation]
        if len(said) > 1 and isinstance(annotation, ast.Subscript):
            wanted = getattr(annotation.slice, "elts", wanted)
        fits = len(wanted) == len(said) and all(
            entry in words(one, aliases) or ast.unparse(one) == "Any"
            for entry, one in zip(said, wanted, strict=True)
        )
        if not fits:
            yield f"{title} says {said}, the annotation {ast.unparse(annotation)}"


def complaints(sources: dict[str, str]) -> list[str]:
    """Give a line for every docstring that disagrees with its signature."""
    trees = {name: ast.parse(source) for name, source in sources.items()}
    known = aliases_of(list(trees.values()))
    out = []
    for name, tree in trees.items():
        for owner in ast.walk(tree):
            aliases = known
            if isinstance(owner, ast.ClassDef):
                aliases = {**known, "Self": [ast.Name(owner.name)]}
            for function in ast.iter_child_nodes(owner):
                if isinstance(function, ast.FunctionDef):
                    documented = owner if function.name == "__init__" else function
                    text = ast.get_docstring(documented) or ""
                    where = f"{name}:{function.lineno} {function.name}"
                    out += [f"{where}: {one}" for one in differences(function, text, aliases)]
    return out


def test_docstrings_agree_with_signatures():
    assert not complaints(
        {str(path.relative_to(SRC)): path.read_text("utf-8") for path in SRC.rglob("*.py")}
    )


@pytest.mark.parametrize(
    ("signature", "section"),
    [
        ("(a, b)", "Parameters\na\n    x\nb\n    y"),
        ("(a, b, c)", "Parameters\na,\nc\n    x\nb\n    y"),
        ("(a, *b, c=1, **d)", "Parameters\na, *b\n    x\nc, d\n    y"),
        ("() -> list[str]", "Returns\nlist of str\n    x"),
        ("() -> dict[str, Tensor] | None", "Returns\ndict of str to Tensor or None\n    x"),
        ("() -> tuple[list[Pair], int]", "Returns\npairs : list of Pair\n    x\nint\n    y"),
        ("() -> tuple[int, int]", "Returns\ntuple of int\n    x"),
        ("() -> tuple[Path, ...]", "Returns\ntuple of pathlib.Path\n    x"),
        ("() -> Rows", "Returns\nlist of dict\n    x"),
        ("() -> Iterator[Event]", "Yields\nEvent\n    x"),
        ("() -> Generator[Event, None, int]", "Returns\nint\n    x"),
    ],
)
def test_what_agrees_is_let_through(signature, section):
    assert complaints({"a.py": with_docstring(signature, section)}) == []


@pytest.mark.parametrize(
    ("signature", "section", "said"),
    [
        ("(a, b)", "Parameters\nb\n    x\na\n    y", "in another order than ['a', 'b']"),
        ("(a, b)", "Parameters\nb, a\n    x", "in another order than ['a', 'b']"),
        ("(a, b)", "Parameters\na\n    x", "[['a']], it takes ['a', 'b']"),
        ("() -> str", "Returns\ndict\n    x", "['dict'], the annotation str"),
        ("() -> list[int]", "Returns\nlist of str\n    x", "the annotation list[int]"),
        ("() -> str", "Returns\nstr or None\n    x", "['str or None']"),
        ("() -> str | None", "Returns\nstr\n    x", "the annotation str | None"),
        ("() -> Status", "Returns\nlist of Status\n    x", "['list of Status']"),
        ("() -> tuple[str, int]", "Returns\nint\n    x\nstr\n    y", "['int', 'str']"),
        ("() -> tuple[str, int]", "Returns\nstr\n    x\nint\n    y\nint\n    z", "'int', 'int'"),
        ("() -> None", "Returns\nstr\n    x", "gives nothing"),
        ("()", "Returns\nstr\n    x", "gives nothing"),
        ("() -> Iterator[Event]", "Yields\nint\n    x", "the annotation Event"),
        ("() -> Generator[Event, None, int]", "Returns\nEvent\n    x", "the annotation int"),
    ],
)
def test_what_disagrees_is_found(signature, section, said):
    (line,) = complaints({"a.py": with_docstring(signature, section)})
    assert line.startswith("a.py:2 f: ")
    assert said in line


def with_docstring(signature: str, section: str) -> str:
    title, body = section.split("\n", 1)
    text = f'"""Do it.\n\n{title}\n-------\n{body}\n"""'
    return f"Rows = list[dict[str, Any]]\ndef f{signature}:\n{indent(text, '    ')}\n"
