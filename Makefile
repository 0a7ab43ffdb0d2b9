# Two commands matter: `make book` and `make test`. Both work on a bare machine with Python 3.11+.

PYTHON ?= python3
SCALE  ?= paper

VENV  := .venv
BIN   := $(VENV)/bin
BUILD := book/_build
# One stamp for each content of the two files that say what the environment holds.
STAMP := $(VENV)/.stamp-$(shell cat pyproject.toml constraints.txt | cksum | cut -d' ' -f1)

SOURCES  := $(wildcard notebooks/*/*.py)
PAIRS    := $(SOURCES:.py=.ipynb)
EXECUTED := $(PAIRS:%=book/%)
PACKAGE  := $(shell find src/recluster -name '*.py')
RECORDS  := $(shell find results)
LOOK     := $(shell find book/_static book/_ext -type f -not -name '*.pyc')

.PHONY: help env book notebooks archives check test clean FORCE

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

env: $(STAMP) ## the environment in .venv, from pyproject.toml and constraints.txt

# An installation that was cut short leaves .incomplete behind and starts again from nothing.
$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Python 3.11 to 3.13 is needed: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@if [ -e $(VENV)/.incomplete ] || ! $(BIN)/python -m pip --version >/dev/null 2>&1; \
	  then $(PYTHON) -m venv --clear $(VENV); fi
	@touch $(VENV)/.incomplete
	$(BIN)/python -m pip install --disable-pip-version-check --quiet \
	  --constraint constraints.txt --editable '.[book,dask,dev,finch]'
	@rm -f $(VENV)/.stamp-* $(VENV)/.incomplete
	@touch $@

book: notebooks $(BUILD)/look ## the site in book/_build/html; SCALE=smoke|laptop|paper
	@rm -f $(BUILD)/html/index.html
	$(BIN)/jupyter-book build -W -n --keep-going book/
	@test -s $(BUILD)/html/index.html || { echo "no site was written"; exit 1; }
	$(BIN)/python notebooks/gate.py book/

# Sphinx copies styles and pictures only when it writes a page: forget the pages when they change.
$(BUILD)/look: $(LOOK)
	@mkdir -p $(BUILD)
	@rm -rf $(BUILD)/.doctrees
	@touch $@

notebooks: $(PAIRS) $(EXECUTED) ## the pairs of notebooks/ and their executed copies in book/notebooks/

notebooks/%.ipynb: notebooks/%.py notebooks/execute.py | $(STAMP)
	$(BIN)/python notebooks/execute.py pair $<

book/notebooks/%.ipynb: notebooks/%.ipynb $(PACKAGE) $(RECORDS) $(BUILD)/scale | $(STAMP)
	OMP_NUM_THREADS=1 RECLUSTER_FINGERPRINTS=$(abspath $(BUILD))/fingerprints \
	  $(BIN)/python notebooks/execute.py run $< $@ --scale $(SCALE)

# Rewritten only when SCALE is another than last time, and then every notebook runs again.
$(BUILD)/scale: FORCE
	@mkdir -p $(BUILD)
	@echo $(SCALE) | cmp -s - $@ || echo $(SCALE) > $@

# The same content gives the same bytes, so that a checksum means something.
PACK := tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --exclude=.locks --create
archives: ## the built site and the records in dist/, with their SHA-256
	@test -s $(BUILD)/html/index.html || { echo "no site to pack; run: make book"; exit 1; }
	@mkdir -p dist
	$(PACK) --directory $(BUILD)/html --transform 's,^\.,site,' . | gzip --no-name > dist/site.tar.gz
	$(PACK) results | gzip --no-name > dist/records.tar.gz
	cd dist && sha256sum site.tar.gz records.tar.gz > SHA256SUMS

check: $(STAMP) ## format, lint, types, import contracts, notebook rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict src
	$(BIN)/lint-imports
	$(BIN)/pytest tests/test_notebooks.py -k "rule or notebook_keeps or pair or four_pages"

test: check ## check, then all tests
	$(BIN)/pytest --numprocesses auto --dist loadfile

clean: ## what can be made again, except .venv
	rm -rf $(BUILD) dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
