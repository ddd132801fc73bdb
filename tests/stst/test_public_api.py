from __future__ import annotations

import inspect
import typing

import pytest

import stst

NAMES = [name for name in stst.__all__ if name != "__version__"]


def test_the_list_is_whole():
    assert stst.__all__ == sorted(set(stst.__all__))
    assert dir(stst) == stst.__all__
    assert set(stst._PLACE_OF) == set(NAMES)
    with pytest.raises(AttributeError, match="module 'stst' has no attribute 'nothing'"):
        _ = stst.nothing


@pytest.mark.parametrize("name", NAMES)
def test_every_name_can_be_imported_and_is_documented(name):
    thing = getattr(stst, name)
    assert inspect.getdoc(thing), name
    assert thing.__module__.split(".")[0] == "stst"


def functions():
    for name in NAMES:
        thing = getattr(stst, name)
        if not inspect.isclass(thing):
            yield name, thing
            continue
        for own, member in vars(thing).items():
            if own.startswith("_") or "pydantic" in str(getattr(member, "__module__", "")):
                continue
            if isinstance(member, property):
                member = member.fget
            elif isinstance(member, classmethod | staticmethod):
                member = member.__func__
            if inspect.isfunction(member) and member.__module__.startswith("stst"):
                yield f"{name}.{own}", member


@pytest.mark.parametrize(("name", "function"), [pytest.param(*f, id=f[0]) for f in functions()])
def test_every_function_is_documented_and_annotated(name, function):
    assert inspect.getdoc(function), name
    signature = inspect.signature(function)
    hints = typing.get_type_hints(function)
    assert "return" in hints, name
    for parameter in signature.parameters.values():
        if parameter.name != "self" and parameter.name != "cls":
            assert parameter.name in hints, f"{name}: {parameter.name}"
    documented = inspect.getdoc(function)
    if "Parameters\n---" in documented:
        section = documented.split("Parameters\n---", 1)[1]
        for parameter in signature.parameters:
            if parameter not in ("self", "cls"):
                assert parameter in section, f"{name} does not say what {parameter} is"
