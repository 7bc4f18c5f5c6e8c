# Everything a newcomer needs: `make demo` to see it, `make test` to trust it.
# The distribution's own Python first: it is built with profile-guided optimisation, which a self-compiled one
# often is not, and that alone makes the hub a third faster. `make PYTHON=...` chooses another.
GOOD_PYTHON = import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for one in /usr/bin/python3 python3; do $$one -c '$(GOOD_PYTHON)' 2>/dev/null && echo $$one && exit; done; echo python3)
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
WORKERS ?= 2

.PHONY: help venv demo demo-distributed test check lint mypy pyright bench torture week audit docs lock image-locks clean
help: ## what each target does
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

venv: $(VENV)/.ready ## build .venv only

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Wegwijzer needs Python 3.11 or newer: make PYTHON=python3.11 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing: apt-get install python3-venv"; exit 1; }
	@test ! -L $(VENV) || { echo "$(VENV) is a link: making it anew would empty the place it points to; remove the link first"; exit 1; }
	@echo "==> building $(VENV) with $$($(PYTHON) -c 'import sys; print(sys.executable, sys.version.split()[0])') (about a minute)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: venv ## a city's morning on this machine: make demo ARGS='--once --json'
	@$(BIN)/wegwijzer demo $(ARGS)

demo-distributed: venv ## the same on PostgreSQL and RabbitMQ (Debian packages), a process for every role
	@$(BIN)/wegwijzer demo --distributed --folder .demo-distributed $(ARGS)

test: venv ## all checks and tests, these in two processes: make test ARGS='tests/journal -k retention' WORKERS=0
	@$(MAKE) --no-print-directory --jobs lint mypy pyright
	@$(BIN)/pytest --numprocesses=$(WORKERS) $(ARGS)

lint: venv
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

mypy pyright: venv
	@$(BIN)/$@

check: test ## the same as test

bench: venv ## the standard job, measured: make bench ARGS=--json
	@$(BIN)/python -m tests.bench $(ARGS)

torture: venv ## nightly: 2,000 random kills of a real hub: make torture ARGS='--kills 200 --seed 7 --setup distributed'
	@$(BIN)/python -m tests.flows.torture $(ARGS)

week: venv ## nightly: a simulated week with outages, lost completions and kills: make week ARGS='--days 2 --seed 7'
	@$(BIN)/python -m tests.flows.week $(ARGS)

audit: venv ## known weaknesses in the dependencies, and their list (SBOM), into build/
	@$(BIN)/python -m tests.audit

docs: venv ## renew the settings tables and the published schemas in docs/ from the code
	@$(BIN)/python -m tests.docs.settings_tables
	@$(BIN)/python -m tests.canonical_model.schema
	@$(BIN)/python -m tests.docs.descriptions

LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate
lock: ## renew requirements.lock from pyproject.toml, from it the locks of the images, and that of the bench's peers
	@$(BIN)/pip install --quiet uv
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --group dev --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock
	@$(MAKE) --no-print-directory image-locks
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header tests/bench/peers/requirements.in -o tests/bench/peers/requirements.lock

image-locks:
	@$(LOCK) --constraint requirements.lock --extra telemetry pyproject.toml -o docker/hub/runtime.lock
	@$(LOCK) --constraint requirements.lock docker/hub/build.in -o docker/hub/build.lock
	@$(LOCK) --constraint requirements.lock docker/roundup/runtime.in -o docker/roundup/runtime.lock
	@$(LOCK) --constraint requirements.lock docker/simulators/runtime.in -o docker/simulators/runtime.lock

clean: ## throw away .venv and everything that was built or played
	rm -rf $(VENV) build .demo .demo-distributed var .pytest_cache .mypy_cache .ruff_cache
