# make         create the environment, run the quick preset, say which network to take and where the report is
# make VERBOSE=1  the same, with all that Snakemake says on the terminal
# make test    create the environment, run the tests
# make test-slurm  the same for the cluster: a real Slurm on this machine (root, Debian or Ubuntu)
# make lint    ruff, snakefmt, types, the layers of pyproject.toml, snakemake --lint, and that the pages build
# make docs    the pages of docs/ as HTML, in docs/_build
# make calibrate DEVICE=local  how often this device's intervals hold, and what difference it can tell
# make unlock  after a kill on another machine: let the next run go on (only if no other run is under way)
# make resume  after a kill on a cluster: cancel what it left in the queue, unlock, and go on (else `make` does)
# make refresh-remote  let the repository carry the results that dvc.lock names, for `dvc pull` in a fresh clone
# make clean   remove the environment (results stay)
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(abspath $(BIN)):$(PATH)
PRESET ?= quick
# PROFILE=profiles/slurm: on a cluster, see docs/cluster.md
PROFILE ?=
ifneq ($(PROFILE),)
export SNAKEMAKE_PROFILE := $(PROFILE)
endif
ON_SLURM := $(if $(findstring slurm,$(PROFILE))$(findstring cluster,$(PROFILE)),env-slurm)

DEVICE ?= local
calibrate: env
	@$(BIN)/edgeprune calibrate --results results/$(PRESET) --device $(DEVICE)

.PHONY: calibrate run env env-dev env-slurm test test-slurm lint docs requirements unlock resume refresh-remote clean
.DEFAULT_GOAL := run

# With -m, the plugin is found in this folder.
SHOWN := $(BIN)/python -m $(if $(VERBOSE),snakemake,snakemake_logger_plugin_edgeprune) --config preset=$(PRESET)
run: env $(ON_SLURM)
	@$(SHOWN) --cores all
	@$(SHOWN) --report results/$(PRESET)/report.html
	@$(BIN)/python scripts/say_results.py --results results/$(PRESET)

env: $(VENV)/.run
env-dev: $(VENV)/.dev
env-slurm: $(VENV)/.slurm

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and f"Python 3.11 or newer is needed, {sys.executable} is {v[0]}.{v[1]}; try `make PYTHON=python3.12`")'
	@echo "making the environment in $(VENV) (once; several GB with PyTorch) ..."
	@$(PYTHON) -m venv $(VENV) || { echo "error: $(PYTHON) -m venv failed; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check uv==0.13.8

# Compiled once here: jobs are processes, and where PYTHONDONTWRITEBYTECODE is set each would compile torch for itself.
$(VENV)/.run: requirements.txt pyproject.toml | $(BIN)/uv
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements-dev.txt
	@touch $@

$(VENV)/.slurm: requirements-slurm.txt $(VENV)/.run
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements-slurm.txt
	@touch $@

test: env-dev
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

# Alone, because daemons and stopwatches don't go together; says so where it can't run.
test-slurm: env-dev env-slurm
	@$(BIN)/python -m pytest -m slurm -rs tests/test_slurm.py tests/test_slurm_trouble.py

lint: env-dev env-slurm docs
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/snakefmt --check .
	@$(BIN)/pyrefly check --summary=none
	@$(BIN)/lint-imports --no-cache --no-logo
	@$(BIN)/snakemake --lint

# A warning is an error, so links between pages lead somewhere; other people's sites are not asked.
docs: env-dev
	@$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going docs docs/_build

# After an edit of requirements*.in. No index is written into the result.
requirements: $(BIN)/uv
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate requirements.in -o requirements.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate requirements-dev.in -o requirements-dev.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate requirements-slurm.in -o requirements-slurm.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate requirements-runtimes.in -o requirements-runtimes.txt

unlock:
	@$(BIN)/snakemake --unlock --config preset=$(PRESET)

resume: env $(ON_SLURM)
	@$(BIN)/python scripts/cancel_jobs.py $(if $(FORCE),--force)
	@$(BIN)/snakemake --unlock --config preset=$(PRESET)
	@$(MAKE) --no-print-directory run

refresh-remote:
	@$(BIN)/python scripts/refresh_remote.py

clean:
	rm -rf $(VENV)
