# `make serve` and `make test` do everything that a fresh machine needs: Python 3.11, make, gcc, a package registry.
# A stamp file keeps an install from being repeated until its pins change.

PYTHON ?= python3
BIN := .venv/bin
CLIENTS := tests/clients/node_modules
CLIENT := client/js/node_modules
NO_CLUSTER := /etc/postgresql-common/createcluster.d/hubbub.conf

.PHONY: help serve test lint docs client clean speed postgresql chromium valgrind

help:
	@echo "make serve   install, migrate, create example data, serve on 127.0.0.1:4000"
	@echo "make test    lint, types, and every test, the stock clients included"
	@echo "make lint    ruff and mypy alone"
	@echo "make docs    write docs/settings.md from the table of settings"
	@echo "make speed   count what a publish, a delivery and a connection cost, in instructions"
	@echo "make client  build the JavaScript client that /js/pusher.js serves, after a change in client/js"
	@echo "make clean   remove what the others installed; var/, the data, stays"

# The last line has nothing for a shell to do, so make starts the server itself, and Ctrl-C or a SIGTERM reaches it.
serve: .venv/serve.stamp
	@mkdir -p var
	$(BIN)/hubbub migrate
	$(BIN)/hubbub seed
	$(BIN)/hubbub serve --demo --show-keys

test: lint $(CLIENTS)/.stamp $(CLIENT)/.stamp postgresql chromium valgrind
	$(BIN)/pytest -n 2 --dist loadfile

lint: .venv/test.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

docs: .venv/serve.stamp
	$(BIN)/hubbub settings --markdown > .venv/settings.md
	mv .venv/settings.md docs/settings.md

client: $(CLIENT)/.stamp
	cd client/js && node build.mjs

clean:
	rm -rf .venv $(CLIENTS) $(CLIENT) build dist src/*.egg-info src/hubbub/native/*.so .mypy_cache .ruff_cache .pytest_cache .hypothesis

# `--clear`: a venv begun without ensurepip (Debian: apt install python3-venv) is there but has no pip.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Hubbub needs Python 3.11: make PYTHON=…")'
	$(PYTHON) -m venv --clear .venv

# `--no-build-isolation`: the build backend is pinned too, not fetched anew into a hidden environment. What is compiled
# is optional: without a compiler, or Python's headers, the same runs in Python, slower.
.venv/serve.stamp: requirements.txt requirements-build.txt pyproject.toml $(wildcard src/hubbub/native/*.[ch]) | $(BIN)/pip
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt -r requirements-build.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/pip check
	@touch $@

.venv/test.stamp: requirements-dev.txt .venv/serve.stamp
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# Without npm there is no stamp, and pytest skips by name the tests that need it, or fails them when CI=true.
$(CLIENTS)/.stamp $(CLIENT)/.stamp: %/node_modules/.stamp: %/package-lock.json %/package.json
	@if ! command -v npm >/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update --quiet && \
		apt-get install --quiet --yes --no-install-recommends nodejs npm ca-certificates; \
	fi
	@if command -v npm >/dev/null; then \
		npm ci --prefix $* --ignore-scripts --no-audit --no-fund && touch $@; \
	else \
		echo "npm is not installed: the tests that need it will be skipped"; \
	fi

# Debian's package would also start a server for the machine, unless it is told not to: the tests start their own.
postgresql: .venv/test.stamp
	@if PYTHONPATH=tests $(BIN)/python -c 'import postgres; raise SystemExit(postgres.programs() is None)'; then \
		exit 0; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		mkdir -p $(dir $(NO_CLUSTER)) && \
		echo 'create_main_cluster = false' > $(NO_CLUSTER) && \
		apt-get update --quiet && \
		DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes --no-install-recommends postgresql; \
		status=$$?; rm -f $(NO_CLUSTER); exit $$status; \
	else \
		echo "PostgreSQL is not installed: the tests that need it will be skipped"; \
	fi

chromium:
	@if command -v chromium >/dev/null; then \
		exit 0; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update --quiet && \
		DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes --no-install-recommends chromium; \
	else \
		echo "Chromium is not installed: the tests that need it will be skipped"; \
	fi

valgrind:
	@if command -v valgrind >/dev/null; then \
		exit 0; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update --quiet && \
		DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes --no-install-recommends valgrind libc6-dev; \
	else \
		echo "valgrind is not installed: the tests that need it will be skipped"; \
	fi

# What each case needs, counted in instructions and calls of the kernel; `make speed RENEW=renew` keeps it as the limits.
speed: .venv/test.stamp valgrind
	PYTHONPATH=tests $(BIN)/python -m speed $(RENEW)
