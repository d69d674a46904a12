# make lab    JupyterLab on the start notebook; the first call creates .venv and installs everything into it
# make test   all tests, browser included
# make check  ruff, mypy, import-linter, codespell, nbstripout
# python3, or a newer one beside it where python3 is too old
PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11,$(shell $(p) -c \
  'import sys; sys.version_info < (3, 11) or print("$(p)")' 2>/dev/null)) python3)
VENV ?= .venv
# Where this is empty, pip resolves the newest versions instead of the locked ones: make test LOCK=
LOCK ?= requirements.lock
LAB_ARGS ?=
PYTEST_ARGS ?=
# Two tests at a time, in the order of tests/conftest.py; JOBS=0 runs all in one process.
JOBS ?= 2

BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet $(if $(LOCK),--constraint $(LOCK))

.PHONY: help lab test check check-style check-types check-floors check-spelling check-notebooks lock screenshots wheel clean
help:
	@sed -n 's/^# make/make/p' Makefile

lab: $(VENV)/.installed-lab
	$(BIN)/mi-widgets lab --folder notebooks $(LAB_ARGS)

test: $(VENV)/.installed-dev
	$(BIN)/python tests/browser/chromium.py --install
	@echo 'Compiling the engine; in a new environment this takes half a minute.'
	$(BIN)/python -c 'from mi_widgets.peaks._engines._door import resolve_engine; resolve_engine("numba")'
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

# make -k check goes on after the first complaint.
check: check-style check-types check-floors check-spelling check-notebooks
check-style: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
check-types: $(VENV)/.installed-dev
	$(BIN)/mypy
check-floors: $(VENV)/.installed-dev
	$(BIN)/lint-imports
check-spelling: $(VENV)/.installed-dev
	$(BIN)/codespell
check-notebooks: $(VENV)/.installed-dev
	$(BIN)/nbstripout --verify notebooks/*.ipynb

# The pictures in docs/, from the same browser tests.
screenshots: $(VENV)/.installed-dev
	$(BIN)/python tests/browser/chromium.py --install
	$(BIN)/python -m pytest --docs tests/browser $(PYTEST_ARGS)

# Pin the newest versions that resolve, for every supported Python and platform; Binder takes a part of the same lock.
lock: $(VENV)/.installed-dev
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --upgrade \
	  --quiet --no-header --no-annotate --output-file requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra widgets --extra structure --extra files --extra bayes --constraint requirements.lock \
	  --python-version 3.11 --python-platform x86_64-manylinux_2_35 --quiet --no-header --no-annotate --output-file binder/requirements.txt

# The oldest versions that pyproject.toml allows: make test VENV=.venv-lowest LOCK=build/lowest.txt
build/lowest.txt: $(VENV)/.installed-dev pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --extra dev --resolution lowest-direct --python-version 3.11 \
	  --quiet --no-header --no-annotate --output-file $@

wheel: $(VENV)/.installed-dev
	$(BIN)/python -m build --outdir dist

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

# An environment is made anew only if it is missing; its stamps follow pyproject.toml and the lock.
$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'mi_widgets needs Python 3.11 or newer, and "$(PYTHON)" is not. Write: make PYTHON=python3.12 (or the one you have)'; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo 'The venv module of "$(PYTHON)" is missing. On Debian and Ubuntu: apt-get install python3-venv'; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed-lab: $(VENV)/.created pyproject.toml $(LOCK)
	@echo 'Installing into $(VENV); the first time this takes a minute or two.'
	$(PIP_INSTALL) --editable '.[lab,files]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.created pyproject.toml $(LOCK)
	@echo 'Installing into $(VENV); the first time this takes a minute or two.'
	$(PIP_INSTALL) --editable '.[dev]'
	@touch $(VENV)/.installed-lab $@
