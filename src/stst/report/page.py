"""The page: a frame around sections, which know nothing of each other."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from stst.report.formatting import printable
from stst.version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

#: By this line a page of this program is known again.
GENERATOR = '<meta name="generator" content="napari-stst'


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes
    ----------
    title
        Its heading.
    anchor
        Its name in links; letters and hyphens.
    body
        HTML, of `part`.
    """

    title: str
    anchor: str
    body: Markup


def part(template: str, **values: Any) -> Markup:
    """Fill in a template of this package; every value that is not `Markup` is escaped."""
    from markupsafe import Markup

    return Markup(_environment().get_template(template).render(**values))


def page(title: str, lead: Markup, sections: Sequence[Section], command: str) -> bytes:
    """Put sections into a page that loads nothing.

    Parameters
    ----------
    title
        Plain text.
    lead
        HTML that stands between the title and the sections.
    sections
        In the order of the page.
    command
        What made the page; plain text, may be empty.

    Returns
    -------
    bytes
        HTML in UTF-8.
    """
    from markupsafe import Markup

    files = resources.files("stst.report") / "templates"
    style, script = ((files / name).read_text("utf-8") for name in ("style.css", "player.js"))
    text = part(
        "page.html",
        title=title,
        lead=lead,
        sections=sections,
        command=command,
        version=__version__,
        generator=Markup(GENERATOR),
        style=Markup(style),
        script=Markup(script),
        # no script but this one runs, whatever a label or a sidecar holds
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    return text.encode()


def data_uri(kind: str, content: bytes) -> str:
    """Give a file's content as an address, for a media type such as ``image/png``."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("stst.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_show,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _show(value: Any) -> Any:
    from markupsafe import Markup

    return value if isinstance(value, Markup) or not isinstance(value, str) else printable(value)
