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

.PHONY: bench test lint check-start check-loop check-cost check-store check-compare check-coverage check-windows check-dependence check-gate check-form check-form-table check-tune check-zoo check-coreml check-timm check-dense check-profile check-profile-truth check-profile-cost check-reproduce check-recipe check-training-kills check-torchrun check-training check-boards check-cluster check-shared check-wheels clean

bench: $(READY)
	$(VENV)/bin/effmod bench --rewrite none --runs $(RUNS)

# Whatever it has started ends with it, however it ends, and with this make: tests/reaper.py. Where a worker dies it ends
# at once, red: in place of one that is started anew, pytest-xdist waits for ever.
test: lint
	EFFMOD_TEST_ENDS_WITH=$$PPID $(VENV)/bin/python -m pytest --numprocesses $(WORKERS) --max-worker-restart 0 --dist loadgroup

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

# What `effmod tune --budget 3m` returns beside the plain and the default file on both runtimes, over Table 1, from where
# it ended the last time; NETWORKS names some. Several hours on a quiet machine: tests/benchmarks/tuned.csv.
check-tune: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.tuned $(NETWORKS)

# Every network of the zoo exported and proved equal; writes tests/benchmarks/zoo_parity.csv.
check-zoo: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.zoo_parity

# The same of Core ML packages, in float32 and float16, from where it ended the last time; NETWORKS names some:
# tests/benchmarks/coreml_parity.csv.
check-coreml: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.coreml_parity $(NETWORKS)

# 80 networks of timm's that are not in the zoo, in both formats, from where it ended the last time; NETWORKS names some:
# tests/benchmarks/timm_parity.csv.
check-timm: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.timm_parity $(NETWORKS)

# Every detector and segmenter, in both modes, on two images: tests/benchmarks/dense_runs.csv.
check-dense: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.dense_runs

# Which module each operator of a profile is of, over Table 1 and networks outside the zoo; it needs no quiet machine.
check-profile: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.profile_attribution

# Whether a profile tells the truth where it is known; ten minutes on a quiet machine.
check-profile-truth: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.profile_truth --csv --trials 20

# What `effmod profile` costs its user, and whether what it tells adds up to the runtime's own total; a minute on a quiet machine.
check-profile-cost: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.profile_cost --csv

# `effmod reproduce` killed at random moments and resumed has every record once; five minutes.
check-reproduce: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.reproduction_kills

# What timm is told by the authors' recipe and by ours, value by value; half a minute.
check-recipe: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.recipe_values

# `effmod train` killed at ten random moments and resumed has the weights of a run that was not; three minutes.
check-training-kills: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.training_kills

# Two processes of torchrun train one network, are ended, and go on; a minute.
check-torchrun: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.torchrun

# LN -> BN by its own teacher on scikit-learn's digits, beside training from nothing; five minutes of a core.
check-training: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.digits --csv

# A figure that is given away is found again where it is true, and where it is not; five minutes.
check-shared: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.shared_numbers --csv --trials 10

# What a board over SSH costs, by this machine as its own board; ten minutes. It needs sshd and the package index.
check-boards: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.boards --csv

# What a node of a Ray cluster costs, by raylets on this machine; ten minutes.
check-cluster: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.cluster --csv

# Where the packages that effmod needs have wheels: tests/benchmarks/wheels.csv. It needs uv, and the package index.
check-wheels: $(READY)
	$(VENV)/bin/python -m tests.benchmarks.wheels --csv tests/benchmarks/wheels.csv

# Modules are compiled when they are first imported: most of what is installed never is. Nor are packages kept a second
# time, in pip's cache: torch and CUDA's libraries are some gigabytes.
$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "effmod needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Name another one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "'$(PYTHON)' cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --no-compile --no-cache-dir --disable-pip-version-check --progress-bar off --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) dist
