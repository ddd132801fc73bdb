# Every target sets up what it needs: only Python 3.11 or newer has to be there.
# Compiled once: torch alone would take each new process a second more where Python may write no bytecode.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-all fuzz bench docs docs-figures dist screenshots screen names-of-screen clean

# the core and its command line, nothing for developing
.venv/core: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; this is $$($(PYTHON) --version). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
	  { echo "Python's venv module is missing. On Debian or Ubuntu: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -e .
	@touch $@

.venv/dev: .venv/core
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -e '.[napari]' --group test --group lint
	@touch $@

# What a window needs on Linux. Installed where that can be done without asking; else it is named.
SCREEN := xvfb xauth libgl1 libegl1 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 libxkbcommon-x11-0 libdbus-1-3
names-of-screen:
	@echo $(SCREEN)

screen:
	@if [ "$$(uname)" = Linux ] && ! command -v Xvfb >/dev/null && [ -z "$$DISPLAY" ]; then \
	  if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	    (apt-get -qq update && apt-get -qq install -y --no-install-recommends $(SCREEN)) >/dev/null \
	      || echo "Xvfb could not be installed: tests of the viewer are skipped."; \
	  else echo "No screen and no Xvfb: tests of the viewer are skipped. On Debian or Ubuntu: apt install $(SCREEN)"; fi; fi

demo: .venv/core
	$(BIN)/python docs/demo.py

test: .venv/dev screen
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

test-all: .venv/dev screen
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist worksteal

# 5000 damaged inputs for everything that is read, about 25 minutes on 2 cores; make fuzz FUZZ="--format mkv --seed 1"
FUZZ ?=
fuzz: .venv/dev
	PYTHONPATH=tests $(BIN)/python -m fuzz $(FUZZ)

# what docs/cost.md and docs/concepts/inference.md say, measured here: about half an hour on 2 cores, with STST_WEIGHTS_DIR set or weights fetched
bench: .venv/dev
	$(BIN)/python benchmarks/step.py
	$(BIN)/python benchmarks/ceiling.py
	$(BIN)/python benchmarks/color.py
	$(BIN)/python benchmarks/batch.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/load.py
	$(BIN)/python benchmarks/coverage.py
	$(BIN)/python benchmarks/quality.py sample_data/cat.mkv --frames 0:2 --max-side 192 --name quality_cat

.venv/docs: .venv/core
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -e '.[docs]'
	@touch $@

# the documentation site, docs/_build/html/index.html; warnings and broken links are errors
docs: .venv/docs
	$(BIN)/python -m sphinx -q -W --keep-going -b html -d docs/_build/doctrees docs docs/_build/html
	$(BIN)/python docs/check_site.py docs/_build/html

# pictures of the documentation that our own code draws; about 15 minutes on 2 cores
docs-figures: .venv/core
	$(BIN)/python docs/figures.py

# wheel and sdist in dist/, checked, and the wheel used in fresh environments: without a viewer, and with one.
# A release gives VERSION, which has to be the package's own.
dist: .venv/core
	@found="$$($(BIN)/python -c 'import stst; print(stst.__version__)')"; test -z "$(VERSION)" -o "$(VERSION)" = "$$found" \
	  || { echo "The tag says $(VERSION), src/stst/version.py says $$found."; exit 1; }
	rm -rf dist build/try
	$(BIN)/uv build --quiet
	$(BIN)/uv tool run --quiet twine check --strict dist/*
	$(BIN)/uv venv --quiet build/try
	$(BIN)/uv pip install --quiet --compile-bytecode --python build/try/bin/python dist/*.whl
	$(BIN)/python .ci/try_wheel.py build/try/bin
	$(BIN)/uv pip install --quiet --compile-bytecode --python build/try/bin/python "$$(ls dist/*.whl)[napari]" pyqt6
	$(BIN)/python .ci/try_wheel.py build/try/bin --viewer
	rm -rf build/try

# the viewer's widgets in use, for the README and the documentation
screenshots: .venv/dev screen
	$(BIN)/python docs/screenshots.py

clean:
	rm -rf .venv demo
