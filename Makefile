# Two commands: `make course` and `make test`. Everything is installed into .venv, once.
#   make course RESUME=1                     continue the newest unfinished run
#   make course QUICK=1                      small sizes, a few minutes
#   make course MODEL=path/or/id CORPUS=path/or/id NOTEBOOKS="03 04"
#   make course PEERS=1                      with OpenVINO, which notebook 07 then compares with
#   make serve MODEL=path PORT=8000          the page that highlights while one types
#   make workshop WHEELS=1                   dist/workshop: handouts, slides, timing, a bundle with all libraries
#   make test LOAD=1 RAY=1                   also the load test, also Ray Serve (installs it)

PYTHON ?= $(shell for p in python3.11 python3 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
BIN := .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
ENVIRONMENT := .venv/installed
PEERS_INSTALLED := $(if $(filter 1,$(PEERS)),.venv/peers)
CHOSEN := $(if $(NOTEBOOKS),--notebooks $(NOTEBOOKS))
OPTIONS := $(if $(filter 1,$(RESUME)),--resume) $(if $(filter 1,$(QUICK)),--quick) \
	$(if $(MODEL),--model "$(MODEL)") $(if $(CORPUS),--corpus "$(CORPUS)") $(CHOSEN)

SERVED := $(if $(MODEL),--model "$(MODEL)") $(if $(PORT),--port $(PORT))

.PHONY: course test test-quick coverage serve lab notebooks workshop newest lint

course: $(ENVIRONMENT) $(PEERS_INSTALLED)
	@$(BIN)/python -m utils.course run $(OPTIONS)

test: $(ENVIRONMENT)
	$(if $(filter 1,$(RAY)),$(BIN)/python -m pip install --quiet -r requirements-ray.txt)
	$(BIN)/python -m pytest $(if $(filter 1,$(LOAD)),-m "")

test-quick: $(ENVIRONMENT)
	$(BIN)/python -m pytest -m "not notebooks and not load"

# Lines of utils/ that tests execute; processes that tests start are not seen.
coverage: $(ENVIRONMENT)
	$(BIN)/python -m coverage run --source=utils -m pytest -m "not notebooks and not load"
	$(BIN)/python -m coverage report --skip-covered --fail-under=90

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

.venv/peers: $(ENVIRONMENT) requirements-peers.txt
	@echo "Installing the peers of notebook 07 into .venv (once) ..."
	@$(BIN)/python -m pip install --quiet -r requirements-peers.txt
	@touch $@
