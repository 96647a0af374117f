# The two commands a new user needs: `make demo` and `make test`. Both set up .venv first.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP_ARGS ?=

.PHONY: demo test thorough lint docs format clean

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check $(PIP_ARGS) -c constraints.txt -e '.[dev]'
	touch $@

demo: $(VENV)/.ready
	$(BIN)/merkit demo --out demo

# two test processes: more threads in each would only wait for each other
test thorough: export OMP_NUM_THREADS = 1
test thorough: export OPENBLAS_NUM_THREADS = 1
test thorough: export OPENCV_FOR_THREADS_NUM = 1
test: $(VENV)/.ready
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not thorough"

# what takes longest and is seldom the first to fail: code blocks of the documentation, exported files, the
# example package, small benchmarks, videos that are spotted again and again
thorough: $(VENV)/.ready
	$(BIN)/python -m pytest -n 2 --dist worksteal -m thorough

lint: $(VENV)/.ready
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# the site, in site/; a link that leads nowhere is an error
docs: export NO_MKDOCS_2_WARNING = 1
docs: $(VENV)/.ready
	$(BIN)/python -m mkdocs build --strict

format: $(VENV)/.ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) demo build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
