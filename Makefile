# The verbs of the project; `make` alone lists them. Everything is set up in .venv the first time, offline from then on.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CODE := shim tests spec/checker spec/tools $(filter-out %.md %.svg,$(wildcard scripts/*))

ROOMS := $(addprefix tests/,conformance unit library proxy tools) spec/checker/tests

LOWEST := .venv-lowest
# Those that touch a library: the pure ones cannot tell one version from another.
OF_LIBRARIES := $(addprefix spec/checker/tests/test_,document.py sources.py) $(addprefix tests/,$(addsuffix .py,proxy/test_proxy unit/test_sealed unit/test_state \
	$(addprefix library/test_,adapter client cli cli_credentials cli_login cli_messages download files library mcp mcp_reached network)))

OF_LINT := tests/unit/test_imports.py tests/tools/test_links.py tests/tools/test_sizes.py

.DEFAULT_GOAL := help
.PHONY: help demo test test-lowest lint conformance bench spec-check tables patches image clean

help:  ## list the verbs
	@sed -n 's/^\([a-z-]*\):.*  ## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: $(READY)  ## show the main job: a failing run's log, read where the endpoint is missing and where it is native
	@$(BIN)/python scripts/demo

test: $(READY)  ## every test, and the conformance cases against the double: no Docker, no Go, no network
	@$(BIN)/python -m pytest -c tests/pytest.ini -n 4 --dist loadgroup $(ROOMS)

test-lowest: $(LOWEST)/.ready  ## the tests that touch a library, with the lowest versions that pyproject.toml allows
	@$(LOWEST)/bin/python -m pytest -c tests/pytest.ini -n auto --dist loadgroup $(OF_LIBRARIES)

lint: $(READY)  ## ruff, mypy (strict for shim/, spec/checker/, the README's examples), generated tables, imports, sizes, links
	@$(BIN)/ruff check --config shim/pyproject.toml $(CODE)
	@$(BIN)/ruff format --check --config shim/pyproject.toml $(CODE)
	@$(BIN)/mypy --config-file shim/pyproject.toml shim/forgejo_shim spec/checker/swagger_breaking
	@$(BIN)/mypy --strict -c "$$($(BIN)/python tests/examples.py)"
	@$(BIN)/python scripts/tables --check
	@$(BIN)/python scripts/man --check
	@$(BIN)/python -m pytest -c tests/pytest.ini $(OF_LINT)

conformance: $(READY)  ## the cases against every real server there is (image, executable or URL), as a table; and as a page: REPORT=DIR
	@$(BIN)/python -m pytest -c tests/pytest.ini tests/conformance --targets "$(or $(TARGET),real)" $(if $(REPORT),--report "$(REPORT)")

bench: $(READY)  ## throughput, memory and request counts, as ratios of one run
	@$(BIN)/python scripts/bench

spec-check: $(READY)  ## do contract, Forgejo's versions, patch series and recordings agree? a live server too: make spec-check SERVER=URL
	@$(BIN)/python spec/tools/spec_check.py $(if $(SERVER),"$(SERVER)")

tables: $(READY)  ## make the generated tables of the READMEs and the man page anew
	@$(BIN)/python scripts/tables
	@$(BIN)/python scripts/man

patches:  ## is the Go patch series sound? all of it with a clone of Forgejo: make patches FORGEJO_SOURCE=DIR
	@$(PYTHON) scripts/patches check $(if $(FORGEJO_SOURCE),"$(FORGEJO_SOURCE)")

REGISTRY =
NAME = forgejo
image:  ## build images of the patched Forgejo: make image BASE=v15.0.5 REGISTRY=HOST NAME=OWNER/NAME (Docker and network needed)
	@$(PYTHON) scripts/patches/image.py $(if $(BASE),--base "$(BASE)" )--registry "$(REGISTRY)" --name "$(NAME)"

clean:  ## remove what the verbs made
	rm -rf $(VENV) $(LOWEST) .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(READY): tests/requirements.lock shim/pyproject.toml spec/checker/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "make: $(PYTHON) is older than Python 3.11; name another: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "setting up $(VENV) (once)" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check -r tests/requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e spec/checker -e shim
	@touch $@

$(LOWEST)/.ready: tests/lowest.py tests/requirements.lock shim/pyproject.toml spec/checker/pyproject.toml
	@echo "setting up $(LOWEST) (once)" >&2
	@$(PYTHON) -m venv $(LOWEST)
	@$(PYTHON) tests/lowest.py > $(LOWEST)/requirements.txt
	@$(LOWEST)/bin/pip install --quiet --disable-pip-version-check -r $(LOWEST)/requirements.txt
	@$(LOWEST)/bin/pip install --quiet --disable-pip-version-check --no-deps -e spec/checker -e shim
	@touch $@
