# Two commands: `make course` and `make test`. Everything is installed into .venv, once.
#   make course RESUME=1                     continue the newest unfinished run
#   make course QUICK=1                      small sizes, a few minutes
#   make course KEEP=1                       keep all artifacts, also of a run that takes more than 1 GB
#   make course MODEL=path/or/id CORPUS=path/or/id NOTEBOOKS="03 04"
#   make course CORPUS=cluener NEW_HEAD=1    a head for the corpus's own types; or rename them: TYPES=NAME=PER,TITLE=
#   make compress MODEL=path/or/id CORPUS=path/or/id SPEEDUP=8 LOSE=1.0 OUT=small
#                                            your own model made smaller; or BUDGET_MS=50, MAX_MB=30; TEXTS=file;
#                                            DRY_RUN=1 prints the plan, RESUME=1 goes on
#   make serve MODEL=path PORT=8000          the page that highlights while one types
#   make edition                             one run makes the committed notebooks, the reference and both READMEs'
#                                            tables; RESUME=1 goes on, FORCE=1 on a CPU without VNNI too
#   make workshop WHEELS=1                   dist/workshop: handouts, slides, timing, a bundle with all libraries
#   make test LOAD=1 RAY=1                   also the load test, also Ray Serve (installs it)
#   make mutants COUNT=120 RESUME=1          would tests notice a small mistake in the code? (installs Cosmic Ray)

PYTHON ?= $(shell for p in python3.11 python3 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
BIN := .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
ENVIRONMENT := .venv/installed
CHOSEN := $(if $(NOTEBOOKS),--notebooks $(NOTEBOOKS))
OPTIONS := $(if $(filter 1,$(RESUME)),--resume) $(if $(filter 1,$(QUICK)),--quick) \
	$(if $(MODEL),--model "$(MODEL)") $(if $(CORPUS),--corpus "$(CORPUS)") $(if $(TYPES),--types "$(TYPES)") \
	$(if $(filter 1,$(NEW_HEAD)),--new-head) $(if $(filter 1,$(KEEP)),--keep) $(CHOSEN)

EDITION := $(if $(filter 1,$(RESUME)),--resume) $(if $(filter 1,$(FORCE)),--force) $(if $(filter 1,$(KEEP)),--keep)

COMPRESSED := $(if $(filter 1,$(RESUME)),--resume) $(if $(filter 1,$(DRY_RUN)),--dry-run) \
	$(if $(MODEL),--model "$(MODEL)") $(if $(CORPUS),--corpus "$(CORPUS)") $(if $(TYPES),--types "$(TYPES)") \
	$(if $(SPEEDUP),--speedup $(SPEEDUP)) $(if $(BUDGET_MS),--budget-ms $(BUDGET_MS)) \
	$(if $(MAX_MB),--max-mb $(MAX_MB)) $(if $(LOSE),--lose $(LOSE)) $(if $(TEXTS),--texts "$(TEXTS)") \
	$(if $(SEED),--seed $(SEED)) $(if $(OUT),--out "$(OUT)")

SERVED := $(if $(MODEL),--model "$(MODEL)") $(if $(PORT),--port $(PORT))

.PHONY: course edition compress test test-quick coverage mutants serve lab notebooks workshop newest lint

course: $(ENVIRONMENT)
	@$(BIN)/python -m utils.course run $(OPTIONS)

edition: $(ENVIRONMENT)
	@$(BIN)/python -m utils.course edition $(EDITION)

compress: $(ENVIRONMENT)
	@$(BIN)/python -m utils.course compress $(COMPRESSED)

# Two files of tests at a time, each on a core of its own: threads that wait must not spin on the other's.
TOGETHER := --numprocesses 2 --dist loadfile --no-loadscope-reorder
test test-quick: export OMP_WAIT_POLICY = PASSIVE

test: $(ENVIRONMENT)
	$(if $(filter 1,$(RAY)),$(BIN)/python -m pip install --quiet -r requirements-ray.txt)
	$(BIN)/python -m pytest $(if $(filter 1,$(LOAD)),-m "",$(TOGETHER))

test-quick: $(ENVIRONMENT)
	$(BIN)/python -m pytest -m "not notebooks and not load" $(TOGETHER)

# Lines of utils/ that tests execute; processes that tests start are not seen.
coverage: $(ENVIRONMENT)
	$(BIN)/python -m coverage run --source=utils -m pytest -m "not notebooks and not load"
	$(BIN)/python -m coverage report --skip-covered --fail-under=90

# Small mistakes in three rooms, one at a time, in a copy under .venv: at least 85 % must make a test fail.
mutants: $(ENVIRONMENT)
	@$(BIN)/python -m pip install --quiet -r requirements-mutants.txt
	@$(BIN)/python tests/helpers/run_mutants.py $(if $(COUNT),--count $(COUNT)) $(if $(filter 1,$(RESUME)),--resume)

serve: $(ENVIRONMENT)
	@$(BIN)/python -m utils.serving $(SERVED)

lab: $(ENVIRONMENT)
	cd notebooks && ../$(BIN)/python -m jupyterlab

notebooks: $(ENVIRONMENT)
	$(BIN)/python -m utils.course build $(CHOSEN)

workshop: $(ENVIRONMENT)
	@$(BIN)/python -m utils.workshop build $(if $(filter 1,$(WHEELS)),--wheels)

# The newest versions and the real hubs, for the scheduled job; the next make installs the pins again.
newest: $(ENVIRONMENT)
	sed 's/==.*//' requirements.txt > .venv/newest.txt
	rm $(ENVIRONMENT)
	$(BIN)/python -m pip install --quiet --upgrade --upgrade-strategy eager -r .venv/newest.txt
	$(BIN)/python -m pytest -m "not notebooks and not load" --ignore tests/unit/test_environment.py
	COURSE_HUB=1 $(BIN)/python -m pytest tests/hub

lint: $(ENVIRONMENT)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo

$(ENVIRONMENT): requirements.txt pyproject.toml
	$(if $(PYTHON),,$(error Python 3.11 or newer was not found; name it with PYTHON=/path/to/python3.11))
	@echo "Installing the course into .venv (once; some minutes) ..."
	@"$(PYTHON)" -m venv .venv
	@$(BIN)/python -m pip install --quiet -r requirements.txt
	@$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@
