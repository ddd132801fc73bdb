"""What the pages made of docstrings and of commands need beyond autodoc and sphinx-click."""

from __future__ import annotations

import ast
import inspect
import re
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

from docutils import nodes
from pydantic import BaseModel
from sphinx.domains.python import PyObject
from sphinx.roles import XRefRole

import stst


def _import_with_types() -> None:
    """Import every module with what it needs for its annotations alone, so that they resolve."""
    for found in walk_packages(stst.__path__, "stst."):
        module = import_module(found.name)
        for part in ast.parse(inspect.getsource(module)).body:
            if isinstance(part, ast.If) and ast.unparse(part.test) == "TYPE_CHECKING":
                imports = ast.Module(part.body, [])
                exec(compile(imports, str(module.__file__), "exec"), vars(module))


class Name(XRefRole):
    """Names between single backticks: a link where they are whole (``stst.…``), else code."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Choose by how the name begins."""
        if self.text.startswith("stst."):
            self.name, self.refdomain, self.reftype = "py:obj", "py", "obj"
            self.classes = ["xref", "py", "py-obj"]
            return self.create_xref_node()
        return [nodes.literal(self.rawtext, self.text)], []


def _no_signature(app: Any, what: str, name: str, thing: Any, *rest: Any) -> tuple[str, str] | None:
    """Leave out the signature of configs: their keys stand in the docstring, one by one."""
    if what == "class" and isinstance(thing, type) and issubclass(thing, BaseModel):
        return "", ""
    return None


def _one_by_one(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Write ``a, b`` of a section Attributes as two: napoleon takes the first for a type."""
    if "Attributes" not in lines:
        return
    place = lines.index("Attributes") + 2
    while place < len(lines):
        if re.fullmatch(r"\w+(, \w+)+", lines[place]):
            names = lines[place].split(", ")
            end = place + 1
            while end < len(lines) and (lines[end].startswith(" ") or not lines[end]):
                end += 1
            meaning = lines[place + 1 : end]
            lines[place:end] = [line for one in names for line in (one, *meaning)]
        place += 1


def _examples_as_code(app: Any, context: Any, lines: list[str]) -> None:
    """Set lines that a command's help does not wrap as code, and take stars as they are."""
    out: list[str] = []
    for line in lines:
        if line.startswith("| "):
            if not out or not out[-1].startswith("   "):
                out += ["::", ""]
            out.append(f"   {line[2:].strip()}")
        else:
            out.append(line.replace("*", "\\*"))
    lines[:] = out


def _dashes(app: Any, tree: nodes.document) -> None:
    """Put a dash between a parameter and its meaning: two hyphens are those of an option."""
    for text in list(tree.findall(nodes.Text)):
        if text.startswith(" -- "):
            text.parent.replace(text, nodes.Text(f" – {text[4:]}"))


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx."""
    _import_with_types()
    app.add_role("name", Name())
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    app.connect("doctree-read", _dashes)
    app.connect("autodoc-process-signature", _no_signature)
    app.connect("autodoc-process-docstring", _one_by_one, priority=100)  # before napoleon
    app.connect("sphinx-click-process-description", _examples_as_code)
    return {"parallel_read_safe": True}
