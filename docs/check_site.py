"""Check the built site: internal links, anchors and pictures exist, and nothing asks the network.

``python docs/check_site.py docs/_build/html`` lists what is wrong and exits with 1, or says how
much it has looked at.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

#: Attributes that make a browser load something as soon as a page is opened.
_LOADED = {
    ("img", "src"),
    ("img", "srcset"),
    ("script", "src"),
    ("iframe", "src"),
    ("source", "src"),
    ("source", "srcset"),
    ("video", "src"),
    ("video", "poster"),
    ("audio", "src"),
    ("embed", "src"),
    ("object", "data"),
}
_LOADING_RELATIONS = {"stylesheet", "icon", "preload", "prefetch", "preconnect", "dns-prefetch"}
_IN_STYLES = re.compile(r"""(?:url\(|@import\s+)\s*["']?(https?:)?//""")


class _Page(HTMLParser):
    """What one page refers to, and what can be referred to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag == "link" and _LOADING_RELATIONS & set(values.get("rel", "").split()):
            self.loaded.append(values["href"])
        self.loaded += [values[name] for kind, name in _LOADED if kind == tag and name in values]
        if re.search(_IN_STYLES, values.get("style", "")):
            self.loaded.append(values["style"])


def problems(site: Path) -> Iterator[str]:
    """Name every broken link and every request that would leave the site."""
    pages = {
        path.resolve(): _Page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))
    }
    for path, page in pages.items():
        where = path.relative_to(site.resolve())
        for target in page.loaded:
            parts = urlsplit(target)
            if parts.netloc or parts.scheme in ("http", "https"):
                yield f"{where}: loads {target} from elsewhere"
            elif parts.scheme != "data" and not _file(path, parts.path).is_file():
                yield f"{where}: {target} is missing"
        for target in page.links:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            found = _file(path, parts.path) if parts.path else path
            if not found.is_file():
                yield f"{where}: {target} is missing"
            elif parts.fragment and found in pages:
                anchor = unquote(parts.fragment)
                if anchor not in pages[found].anchors | {"top", ""}:
                    yield f"{where}: {target} has no such place"
    for path in sorted(site.rglob("*.css")):
        if re.search(_IN_STYLES, path.read_text("utf-8")):
            yield f"{path.relative_to(site)}: loads something from elsewhere"


def _file(page: Path, target: str) -> Path:
    found = (page.parent / unquote(target)).resolve()
    return found / "index.html" if found.is_dir() else found


def main() -> None:
    """Print what is wrong, or how many pages were looked at."""
    site = Path(sys.argv[1])
    count = len(list(site.rglob("*.html")))
    found = list(problems(site)) if count else [f"{site} holds no page."]
    print("\n".join(found), end="\n" if found else "", file=sys.stderr)
    if found:
        raise SystemExit(1)
    print(f"{count} pages, no broken link: {site / 'index.html'}")


if __name__ == "__main__":
    main()
