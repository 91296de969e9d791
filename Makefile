# `make demo` shows everything on this machine; `make test` runs the tests. Both install first.
PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Each of the many processes that tests start would compile whole libraries anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: venv demo run test check bench install docs

venv: .venv/installed

.venv/installed: requirements-test.txt requirements-build.txt pyproject.toml setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Merlin needs Python 3.11 or newer"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --require-hashes --no-deps -r requirements-build.txt -r requirements-test.txt
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	@touch $@

demo: venv
	$(BIN)/merlin demo

run: venv
	$(BIN)/merlin run

test: venv
	MERLIN_SAMPLE=1 $(BIN)/python -m pytest -n auto --dist loadgroup -q

check: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(MAKE) test

docs: venv
	$(BIN)/python tests/matrix.py
	$(BIN)/python tests/database_page.py
	$(BIN)/python tests/openapi_page.py
	$(BIN)/python tests/role_table.py

bench: venv
	$(BIN)/python -m bench

install:
	systemd/install.sh
