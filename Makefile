# Everything a newcomer needs: `make demo` and `make test`. Each target does its own set-up on a machine that has
# Python 3.11 and make; `make test` installs Debian packages, too (tests/needs.py lists them), or says what it skips.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime
DEVELOPMENT := $(VENV)/.development
OTHERS := $(VENV)/others

.NOTPARALLEL:
# Tests start craton hundreds of times: it is to be compiled once.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: install demo test prepared packages check thorough bench-ui bench-ssh bench-scale bench-local bench-kube bench-api crash fuzz screenshots words requirements clean

install: $(RUNTIME)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Craton needs Python 3.11 or newer; set PYTHON=/path/to/python3")'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo 'Craton needs Python with venv; on Debian: sudo apt-get install python3-venv' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): requirements.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(DEVELOPMENT): requirements-dev.txt $(RUNTIME)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

TESTS ?=
SPEED ?= 1
# PLATFORM=local makes real machines: as root with podman, and Kubernetes' programs from the internet, MIRROR or ARTIFACTS.
# PLATFORM=aws and gcp make them in a cloud that is a double on this computer. Without root, podman or those programs its
# machines are stand-ins. ANSWERS are more flags of `craton new` for these two.
PLATFORM ?= rehearsal
MIRROR ?=
ARTIFACTS ?=
ANSWERS ?=
DEMO := cd "$$CRATON_HOME" && echo "CRATON_HOME=$$CRATON_HOME" && set -x && \
	craton new --yes --name demo --subdomain example.test --platform $(PLATFORM) $(if $(MIRROR),--mirror $(MIRROR)) --masters 3 --workers 2 --ingress infra --infra 1 && \
	craton apply demo.yaml --yes --close --speed $(SPEED) $(if $(ARTIFACTS),--artifacts $(abspath $(ARTIFACTS)))

ifneq ($(filter aws gcp,$(PLATFORM)),)
demo: $(DEVELOPMENT)
	@$(BIN)/python -m tests.demo $(PLATFORM) --speed $(SPEED) --answers='$(ANSWERS)' $(if $(MIRROR),--mirror $(MIRROR)) $(if $(ARTIFACTS),--artifacts $(abspath $(ARTIFACTS)))
else
demo: $(RUNTIME)  ## a whole install, rehearsed or of PLATFORM: 3 masters, 1 infra node, 2 workers; then destroy it again
	@export CRATON_HOME=$$(mktemp -d) PATH="$(CURDIR)/$(BIN):$$PATH"; \
	( $(DEMO) ); status=$$?; \
	craton destroy demo --yes --plain && rm -rf "$$CRATON_HOME"; exit $$status
endif

test: prepared  ## everything that CI runs; TESTS="tests/screens ..." for a part of the tests
	$(BIN)/python -m pytest -n 6 --dist worksteal $(TESTS)

# Debian's packages and Python's are installed side by side, unless Python lacks what the first of them bring.
# Workers would compile the tests at the same time, 20 seconds each, and wait a minute for the image of machines.
# One core is free while mypy runs.
prepared:
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || $(MAKE) --no-print-directory packages
	@$(MAKE) --no-print-directory $(DEVELOPMENT) & $(MAKE) --no-print-directory packages; status=$$?; wait $$! && exit $$status
	@$(BIN)/python -m pytest --collect-only -qq >/dev/null 2>&1 & $(BIN)/python -m tests.doubles.machines >/dev/null 2>&1 & \
	$(MAKE) --no-print-directory check; status=$$?; wait; exit $$status

thorough: $(DEVELOPMENT)  ## the tests of properties alone, with forty times as many examples as `make test` has
	CRATON_EXAMPLES=40 $(BIN)/python -m pytest -n 4 --dist worksteal -m hypothesis tests

packages:  ## the Debian packages that tests need, as root or with sudo; else it says which are missing
	@$(PYTHON) -m tests.set_up

check: $(DEVELOPMENT)  ## lint, types, and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench-ui: $(DEVELOPMENT)  ## from key to paint, while 1,000 machines log 10,000 lines a second
	@$(BIN)/python -m tests.bench.ui

bench-ssh: $(DEVELOPMENT) $(OTHERS)/.installed  ## facts and checks of 100 machines over real SSH, beside others doing less
	@$(BIN)/python -m tests.bench.ssh $(OTHERS)/bin

bench-scale: $(DEVELOPMENT)  ## processor time, memory, threads and journal of rehearsals with 10, 100 and 1,000 workers
	@$(BIN)/python -m tests.bench.scale

bench-local: $(DEVELOPMENT)  ## from nothing to SSH on six real machines of this computer (root, podman)
	@$(BIN)/python -m tests.bench.local

bench-kube: $(DEVELOPMENT)  ## a whole cluster of real Kubernetes, beside kubeadm's steps by hand (root, podman; CRATON_ARTIFACTS or the internet)
	@$(BIN)/python -m tests.bench.kube

bench-api: $(DEVELOPMENT)  ## kubectl by the API's name while a master is stopped, paused or cut off (root, podman; CRATON_ARTIFACTS or the internet)
	@$(BIN)/python -m tests.bench.api

crash: $(DEVELOPMENT)  ## kill engines before and after every write, command and call: twins, orphans and losses (root, podman)
	@$(BIN)/python -m tests.bench.crash

fuzz: $(DEVELOPMENT)  ## 10,000 damaged inputs for each parser that reads from outside, some ten minutes: no traceback, none over 2 s
	@$(BIN)/python -m tests.bench.fuzz

$(OTHERS)/.installed: requirements-bench.txt | $(BIN)/python
	$(PYTHON) -m venv $(OTHERS)
	$(OTHERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.txt
	@touch $@

screenshots: $(DEVELOPMENT)  ## export the README's pictures from the screens themselves
	@$(BIN)/python -m tests.screenshots

requirements: $(DEVELOPMENT)  ## pin every dependency again, with hashes
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header pyproject.toml requirements-build.in -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --group dev -c requirements.txt -o requirements-dev.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --group bench -o requirements-bench.txt

words: $(DEVELOPMENT)  ## print every string that people read, with its place
	@$(BIN)/python -m tests.words

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
