# Everything a person types. PYTHON is any Python 3.11 or newer.
PYTHON ?= python3
DEMO := .venv-demo/bin
FULL := .venv/bin
PIP := -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo test families check format dev wheel clean

help:  ## list what make can do
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: .venv-demo/ready  ## draw people, enroll them, ask, correct; CROPS=DIR uses your own crops
	$(DEMO)/reid-gallery demo --out demo $(if $(CROPS),--crops "$(CROPS)")

test: dev  ## pass all tests, in the full environment (torch: about 5.5 GB)
	$(FULL)/python -m pytest $(ARGS)

families: dev  ## learn and export with every backbone that is spoken of: minutes
	$(FULL)/python -m pytest -m families --durations=0 tests/train/test_families.py

check: dev  ## lint, format, types, import directions
	$(FULL)/ruff check .
	$(FULL)/ruff format --check .
	$(FULL)/mypy -p reid_gallery
	$(FULL)/python -m pytest -q tests/test_imports.py

format: dev  ## mend what the linter and formatter can mend
	$(FULL)/ruff check --fix .
	$(FULL)/ruff format .

BENCH := OMP_NUM_THREADS=2 $(FULL)/python benchmarks/bench.py
bench: dev  ## measure against bare FAISS and SQLite; COUNT="100000 1000000", LIKE=STORE: as the page tells
	$(BENCH) $(if $(COUNT),--count $(COUNT)) $(if $(LIKE),--like "$(LIKE)") \
	  $(if $(PICTURES),--pictures "$(PICTURES)") $(if $(LAYOUT),--layout $(LAYOUT)) \
	  $(if $(FLAT),--flat $(FLAT)) $(if $(SCRATCH),--scratch "$(SCRATCH)")

wheel: dev  ## build the wheel, install it alone and run it elsewhere
	FULL=$(CURDIR)/$(FULL) sh .ci/wheel

clean:  ## remove environments, builds and caches
	rm -rf .venv .venv-demo build dist demo *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv-demo/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-demo
	$(DEMO)/python $(PIP) --upgrade pip
	$(DEMO)/python $(PIP) --constraint constraints.txt .
	touch $@

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(FULL)/python $(PIP) --upgrade pip setuptools wheel
	$(FULL)/python $(PIP) --constraint constraints.txt --config-settings editable_mode=strict --editable '.[dev]'
	touch $@

# A strict editable install is a tree of links: it is renewed when a file was added or removed.
SOURCES := $(shell git ls-files '*.py' '*.toml' '*.onnx' 2>/dev/null)
dev: .venv/ready
	@if [ "$$(cat .venv/linked 2>/dev/null)" != "$(sort $(SOURCES))" ]; then \
	  $(FULL)/python $(PIP) --no-deps --no-build-isolation --config-settings editable_mode=strict --editable . && \
	  echo "$(sort $(SOURCES))" > .venv/linked; fi
