"""How the site is built; ``make docs`` runs it. Nothing here asks the network for anything."""

from __future__ import annotations

import sys
from pathlib import Path

import stst

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "napari-stst"
author = "napari-stst developers"
copyright = author
version = release = stst.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx-mathjax-offline",
    "api_pages",
    "config_keys",
]
exclude_patterns = ["_build"]
nitpicky = False
default_role = "name"
smartquotes = False  # two hyphens of an option are two hyphens

myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_default_options = {"exclude-members": "model_config"}  # pydantic's own
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 80
python_use_unqualified_type_names = True
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"napari-stst {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_theme_options = {
    "navigation_with_keys": False,
    "light_css_variables": {"color-brand-primary": "#1f5fa8", "color-brand-content": "#1f5fa8"},
    "dark_css_variables": {"color-brand-primary": "#7fb6f0", "color-brand-content": "#7fb6f0"},
}
copybutton_exclude = ".linenos, .gp, .go"
