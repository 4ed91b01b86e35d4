# `make serve` and `make test` do everything that a fresh machine needs: Python 3.11, make, gcc, a package registry.
# A stamp file keeps an install from being repeated until its pins change.

PYTHON ?= python3
BIN := .venv/bin
CLIENTS := tests/clients/node_modules

.PHONY: help serve test lint docs clean

help:
	@echo "make serve   install, migrate, create example data, serve on 127.0.0.1:4000"
	@echo "make test    lint, types, and every test, the stock clients included"
	@echo "make lint    ruff and mypy alone"
	@echo "make docs    write docs/settings.md from the table of settings"
	@echo "make clean   remove what the others installed; var/, the data, stays"

# The last line has nothing for a shell to do, so make starts the server itself, and Ctrl-C or a SIGTERM reaches it.
serve: .venv/serve.stamp
	@mkdir -p var
	$(BIN)/hubbub migrate
	$(BIN)/hubbub seed
	$(BIN)/hubbub serve --show-keys

test: lint $(CLIENTS)/.stamp
	$(BIN)/pytest

lint: .venv/test.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

docs: .venv/serve.stamp
	$(BIN)/hubbub settings --markdown > .venv/settings.md
	mv .venv/settings.md docs/settings.md

clean:
	rm -rf .venv $(CLIENTS) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

# `--clear`: a venv begun without ensurepip (Debian: apt install python3-venv) is there but has no pip.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Hubbub needs Python 3.11: make PYTHON=…")'
	$(PYTHON) -m venv --clear .venv

# `--no-build-isolation`: the build backend is pinned too, not fetched anew into a hidden environment.
.venv/serve.stamp: requirements.txt requirements-build.txt pyproject.toml | $(BIN)/pip
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt -r requirements-build.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/pip check
	@touch $@

.venv/test.stamp: requirements-dev.txt .venv/serve.stamp
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# Without npm there is no stamp, and pytest skips by name the tests that need it, or fails them when CI=true.
$(CLIENTS)/.stamp: tests/clients/package-lock.json tests/clients/package.json
	@if ! command -v npm >/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update --quiet && \
		apt-get install --quiet --yes --no-install-recommends nodejs npm ca-certificates; \
	fi
	@if command -v npm >/dev/null; then \
		npm ci --prefix tests/clients --ignore-scripts --no-audit --no-fund && touch $@; \
	else \
		echo "npm is not installed: the tests that need it will be skipped"; \
	fi
