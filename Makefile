# Every target works on a machine that has python3 (3.11 or later) with venv, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test test-stack check format docs lock bench stack-up stack-down stack-status clean

# The dependencies are locked with hashes; the stamp makes an unchanged environment cost nothing.
$(VENV)/.installed: requirements-dev.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

# Without a Letta deployment on this machine the dashboard runs on a sandbox, and says so.
run: $(VENV)/.installed
	$(BIN)/lettaops demo --if-needed

test: $(VENV)/.installed check
	$(BIN)/python -m pytest tests --ignore=tests/stack

check: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: $(VENV)/.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The pages of reference, from the programme itself.
docs: $(VENV)/.installed
	$(BIN)/python docs/reference.py

# As root on Debian: installs a Docker engine and what else the real stack needs, then runs a private one.
test-stack: $(VENV)/.installed
	tests/testbed/install.sh
	$(BIN)/python -m pytest tests/stack

stack-up: $(VENV)/.installed
	tests/testbed/install.sh
	$(BIN)/python -m tests.testbed up

stack-status: $(VENV)/.installed
	$(BIN)/python -m tests.testbed status

stack-down: $(VENV)/.installed
	$(BIN)/python -m tests.testbed down

bench: $(VENV)/.installed
	tests/testbed/install.sh
	$(BIN)/python -m bench

lock: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet uv
	for extra in "requirements.lock" "requirements-dev.lock --group dev --extra sandbox"; do \
	  $(BIN)/uv pip compile --quiet pyproject.toml --universal --generate-hashes --no-emit-index-url \
	    --no-emit-find-links --no-annotate --custom-compile-command "make lock" -o $$extra; \
	done

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
