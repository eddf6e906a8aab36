"""How the documentation is built: ``sphinx-build -W docs docs/_build/html``."""

from importlib.metadata import version as version_of

project = "subpool"
author = "The subpool authors"
project_copyright = "2026, The subpool authors"
release = version = version_of("subpool")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["data-results.md", "performance-results.md", "_build"]
source_suffix = {".md": "markdown"}

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_class_signature = "mixed"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_numpy_docstring = False
default_role = "code"  # a single back-tick in a docstring marks code, as it does in Markdown
python_use_unqualified_type_names = True

html_theme = "furo"
html_title = "subpool"
html_copy_source = False
html_show_sphinx = False
