# `make serve` and `make test` do everything that a fresh machine needs: Python 3.11, make, gcc, a package registry.
# A stamp file keeps an install from being repeated until its pins change.

PYTHON ?= python3
BIN := .venv/bin
CLIENTS := tests/clients/node_modules
CLIENT := client/js/node_modules
FRAMEWORKS := tests/docs/node_modules
NO_CLUSTER := /etc/postgresql-common/createcluster.d/hubbub.conf

# What clusters are tested with; each is also the name of its package.
PROGRAMS := redis-server nginx haproxy caddy prometheus
NO_SERVICES := /usr/sbin/policy-rc.d

.PHONY: help serve test attacks lint audit sbom docs site languages client package clean speed postgresql chromium valgrind programs fuzz fuzz-asan

help:
	@echo "make serve   install, migrate, create example data, serve on 127.0.0.1:4000"
	@echo "make test    lint, types, and every test, the stock clients included"
	@echo "make attacks the tests of all attacks that have a name, alone"
	@echo "make lint    ruff and mypy alone"
	@echo "make audit   ask whether anything is known to be wrong with the packages that run Hubbub"
	@echo "make sbom    write dist/hubbub.cdx.json, a bill of materials"
	@echo "make docs    write the pages of docs/ that are made of tables in the source"
	@echo "make site    build the documentation site into build/site"
	@echo "make speed   count what a publish, a delivery and a connection cost, in instructions"
	@echo "make fuzz    fuzz parsers and sessions for hours, see docs/fuzzing.md; make fuzz-asan: a checked native module"
	@echo "make client  build the JavaScript client that /js/pusher.js serves, after a change in client/js"
	@echo "make package build what is installed elsewhere: dist/ with the source, a wheel for this machine, one for any"
	@echo "make clean   remove what the others installed; var/, the data, stays"

# The last line has nothing for a shell to do, so make starts the server itself, and Ctrl-C or a SIGTERM reaches it.
serve: .venv/serve.stamp
	@mkdir -p var
	$(BIN)/hubbub migrate
	$(BIN)/hubbub seed
	$(BIN)/hubbub serve --demo --show-keys

test: lint audit sbom $(CLIENTS)/.stamp $(CLIENT)/.stamp $(FRAMEWORKS)/.stamp languages postgresql chromium valgrind programs
	$(BIN)/pytest -n 3 --dist loadfile

attacks: .venv/test.stamp
	$(BIN)/pytest $$(PYTHONPATH=tests $(BIN)/python -m attacks)

lint: .venv/test.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# Fails for what is vulnerable; says so, and goes on, where nobody can be asked.
audit: .venv/test.stamp
	PYTHONPATH=tests $(BIN)/python -m supply.audit

sbom: .venv/test.stamp
	PYTHONPATH=tests $(BIN)/python -m supply.sbom

# Into a file first: a command that fails leaves the page as it was.
docs: .venv/serve.stamp
	$(BIN)/hubbub settings --markdown > .venv/page.md && mv .venv/page.md docs/settings.md
	$(BIN)/hubbub settings --limits > .venv/page.md && mv .venv/page.md docs/limits.md
	$(BIN)/hubbub metrics --markdown > .venv/page.md && mv .venv/page.md docs/metrics.md
	$(BIN)/hubbub errors --markdown > .venv/page.md && mv .venv/page.md docs/errors.md
	$(BIN)/typer hubbub.cli utils docs --name hubbub --title "Every option" > .venv/page.md && mv .venv/page.md docs/cli.md

# The variable silences what Material has to say of another generator.
site: .venv/test.stamp
	@# Not with --quiet: what is not said is not counted as a warning either.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "build/site/index.html"

client: $(CLIENT)/.stamp
	cd client/js && node build.mjs

# The wheels are built of the archive, as anybody else would build them: what it lacks is missed here. auditwheel looks
# which systems the compiled module can run on, and has the wheel say so.
package: .venv/test.stamp
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist
	set -- dist/*-linux_*.whl; [ ! -e "$$1" ] || \
		{ PATH="$(abspath $(BIN)):$$PATH" $(BIN)/auditwheel repair --wheel-dir dist "$$1" && rm "$$1"; }
	HUBBUB_PURE=1 $(BIN)/python -m build --no-isolation --wheel --outdir dist dist/*.tar.gz

clean:
	rm -rf .venv $(CLIENTS) $(CLIENT) $(FRAMEWORKS) build dist src/*.egg-info src/hubbub/native/*.so .mypy_cache .ruff_cache .pytest_cache .hypothesis

# `--clear`: a venv begun without ensurepip (Debian: apt install python3-venv) is there but has no pip.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Hubbub needs Python 3.11: make PYTHON=…")'
	$(PYTHON) -m venv --clear .venv

# `--no-build-isolation`: the build backend is pinned too, not fetched anew into a hidden environment. What is compiled
# is optional: without a compiler, or Python's headers, the same runs in Python, slower.
.venv/serve.stamp: requirements.txt requirements-build.txt pyproject.toml setup.py $(wildcard src/hubbub/native/*.[ch]) | $(BIN)/pip
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt -r requirements-build.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/pip check
	@touch $@

.venv/test.stamp: requirements-dev.txt .venv/serve.stamp
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# Without npm there is no stamp, and pytest skips by name the tests that need it, or fails them when CI=true.
$(CLIENTS)/.stamp $(CLIENT)/.stamp $(FRAMEWORKS)/.stamp: %/node_modules/.stamp: %/package-lock.json %/package.json
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

# They read the code that documents show in these languages.
languages:
	@if command -v php >/dev/null && command -v ruby >/dev/null; then \
		exit 0; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update --quiet && \
		DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes --no-install-recommends php-cli ruby; \
	else \
		echo "PHP or Ruby is not installed: the tests that need them will be skipped"; \
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

# Debian's packages would also start their services, on ports of the machine, unless policy-rc.d forbids it.
programs:
	@missing=; for name in $(PROGRAMS); do command -v $$name >/dev/null || missing="$$missing $$name"; done; \
	if [ -z "$$missing" ]; then \
		exit 0; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		if [ ! -e $(NO_SERVICES) ]; then \
			printf '#!/bin/sh\nexit 101\n' > $(NO_SERVICES) && chmod +x $(NO_SERVICES) && ours=yes; \
		fi; \
		apt-get update --quiet && \
		DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes --no-install-recommends $$missing; \
		status=$$?; [ -z "$$ours" ] || rm -f $(NO_SERVICES); exit $$status; \
	else \
		echo "Not installed:$$missing: the tests that need them will be skipped"; \
	fi

# What each case needs, counted in instructions and calls of the kernel; `make speed RENEW=renew` keeps it as the limits.
speed: .venv/test.stamp valgrind
	PYTHONPATH=tests $(BIN)/python -m speed $(RENEW)

# Each target for so many seconds of the processor, and a hundred times the examples of CI; see docs/fuzzing.md.
SECONDS ?= 600
TIMES ?= 100

.venv/fuzz.stamp: requirements-fuzz.txt .venv/test.stamp
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --target .venv/fuzz -r requirements-fuzz.txt
	@touch $@

fuzz: .venv/fuzz.stamp programs
	nice tests/fuzz/native.sh counted fuzz.rounds --seconds $(SECONDS) $(TARGETS)
	FUZZ_TIMES=$(TIMES) nice $(BIN)/pytest tests/fuzz/sessions

# The same inputs, and the tests of the native module, with it built to notice what it may not touch.
fuzz-asan: .venv/test.stamp
	tests/fuzz/native.sh checked pytest tests/fuzz/test_corpus.py tests/native tests/sockets/test_frames.py
	tests/fuzz/native.sh checked fuzz.replay frames opening posting pusher
