# `make bench` runs the main job, `make test` the checks. Both first build .venv where it is missing
# or older than pyproject.toml; nothing but python3 (>= 3.11, with venv) and make is assumed.

PYTHON ?= python3
RUNS ?= 4000
TRIALS ?= 5
THREADS ?= 1 2
WORKERS ?= 2
VENV := .venv
READY := $(VENV)/.ready

# Where this is set, each of the hundreds of processes that tests start would compile what it imports once more.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: bench test lint check-start check-loop check-cost check-store check-compare check-coverage check-windows check-dependence check-gate check-form check-form-table check-zoo check-coreml check-dense check-reproduce check-wheels clean

bench: $(READY)
	$(VENV)/bin/effmod bench --rewrite none --runs $(RUNS)

# Whatever it has started ends with it, however it ends, and with this make: tests/reaper.py.
test: lint
	EFFMOD_TEST_ENDS_WITH=$$PPID $(VENV)/bin/python -m pytest --numprocesses $(WORKERS) --dist loadgroup

lint: $(READY)
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

# The figures that README and CHANGELOG state about effmod itself; they time things, so no test runs them.
check-start: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.startup --csv
check-loop: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.timed_loop --csv
check-cost: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.round_cost --csv

# What a store of 50,000 records costs the commands that read one; BEFORE, an older checkout, is measured beside it.
check-store: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.store_reading --csv tests/benchmarks/store_reading.csv $(if $(BEFORE),--before $(BEFORE))

# How often `effmod compare` is right; 100 trials take about an hour and a half.
check-compare: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.comparison_power --csv --trials $(TRIALS) --threads $(THREADS)

# How often its interval holds the ratio of a long run; 20 trials take about an hour for each number of threads.
check-coverage: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.interval_coverage --csv --trials $(TRIALS) --threads $(THREADS)

# Whether six processes in a row, on a machine with two speeds, know what a longer run finds; from committed records.
check-windows: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.interval_windows

# How often `--until` stops at an interval without the truth where successive processes depend on each other; simulated.
check-dependence: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.interval_dependence

# How often a gate is right, simulated on the scatter in the committed files; half a minute.
check-gate: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.gate --csv

# How fast our ONNX files are beside the authors' own; about fifteen minutes on two cores.
check-form: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.default_form --threads $(THREADS)

# The same files beside our own plain ones, over the paper's Table 1; twenty minutes for each number of threads.
check-form-table: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.default_form --table 1 --baseline plain --threads $(THREADS)

# Every network of the zoo exported and proved equal; writes tests/benchmarks/zoo_parity.csv.
check-zoo: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.zoo_parity

# The same of Core ML packages, in float32 and float16: tests/benchmarks/coreml_parity.csv.
check-coreml: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.coreml_parity

# Every detector and segmenter, in both modes, on two images: tests/benchmarks/dense_runs.csv.
check-dense: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.dense_runs

# `effmod reproduce` killed at random moments and resumed has every record once; five minutes.
check-reproduce: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.reproduction_kills

# Where the packages that effmod needs have wheels: tests/benchmarks/wheels.csv. It needs uv, and the package index.
check-wheels: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.wheels --csv tests/benchmarks/wheels.csv

# Modules are compiled when they are first imported: most of what is installed never is.
$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "effmod needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Name another one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "'$(PYTHON)' cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --no-compile --disable-pip-version-check --progress-bar off --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) dist
