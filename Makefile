# Everything a developer runs. `make` alone says what there is.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
READY := .venv/.ready
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup doctor-dev demo test test-long fault mutants check fmt docs bench bench-backtest bench-decisions bench-emails bench-fanout bench-geofence bench-journeys bench-noise bench-web-push bench-workspace vectors lock changelog

help:  ## say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "make %-14s %s\n", $$1, $$2}'

setup: $(READY)  ## make .venv from the lock file; quick when nothing changed

$(READY): requirements/dev.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and none was found: install it," \
		"or say where it is: make setup PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv module:" \
		"install it (Debian, Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
	@$(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear .venv
	@echo "installing what requirements/dev.lock names into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

doctor-dev:  ## say what the tests would use and this machine lacks, and what brings it
	@missing=; for each in firefox-esr chromium; do \
	  command -v $$each >/dev/null || missing="$$missing $$each"; done; \
	if [ -z "$$missing" ]; then echo "nothing is missing"; else \
	  echo "missing:$$missing; tests that need them skip. On Debian: apt-get install$$missing"; fi

demo: $(READY)  ## a town, people who walk it, and every decision with its reasons; Ctrl-C ends it
	@$(BIN)/fencepost demo

test: $(READY)  ## all tests but the long ones
	@$(BIN)/pytest -n $(WORKERS) --durations=10

test-long: $(READY)  ## the longer proofs; PART=mail for those of tests/mail (a real Postfix)
	@$(BIN)/pytest -m long --durations=10 $(if $(PART),tests/$(PART))

fault: $(READY)  ## the proofs of one promise, long ones too: ROW=R11, SEED=n repeats a fault plan
	@$(BIN)/pytest -m "long or not long" --row=$(or $(ROW),$(error which? make fault ROW=R11)) \
		$(if $(SEED),--fault-seed=$(SEED))

mutants: $(READY)  ## break promises on purpose and see their tests turn red; ROW=R11 for one row
	@PYTHONPATH=tests $(BIN)/python -m faults.mutate $(ROW)

check: $(READY)  ## what can be said without running: style, types, floors, spelling, docs in step
	@$(BIN)/pre-commit run --all-files
	@$(BIN)/mypy
	@$(BIN)/python docs/make_reference.py --check

fmt: $(READY)  ## format the source, mend what ruff can mend
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

docs: $(READY)  ## write the generated pages anew
	@$(BIN)/python docs/make_reference.py

bench: $(READY)  ## measure on this machine
	@PYTHONPATH=tests $(BIN)/python -m bench

bench-backtest: $(READY)  ## a month of a million app events, run once more by one process a core
	@PYTHONPATH=tests $(BIN)/python -m bench.backtest --workers 1 $(WORKERS)

bench-decisions: $(READY)  ## what claims, content, audiences, persons and explanations cost
	@for each in claims contents audiences person why; do \
	  PYTHONPATH=tests $(BIN)/python -m bench.$$each || exit 1; done

bench-emails: $(READY)  ## emails a core, beside bare aiosmtplib
	@PYTHONPATH=tests $(BIN)/python -m bench.emails

bench-fanout: $(READY)  ## tell a million persons of one thing, beside devices that send; PERSONS=n
	@PYTHONPATH=tests $(BIN)/python -m bench.fanout $(if $(PERSONS),--persons $(PERSONS))

bench-geofence: $(READY)  ## fixes beside an R-tree, shapely and, by TILE38_URL, Tile38
	@PYTHONPATH=tests $(BIN)/python -m bench.geofence

bench-journeys: $(READY)  ## a step, an event that wakes nothing, and what it costs to wait
	@PYTHONPATH=tests $(BIN)/python -m bench.journeys

bench-noise: $(READY)  ## how often is a geofence wrong? writes docs/noise.md
	@PYTHONPATH=tests $(BIN)/python -m bench.noise

bench-web-push: $(READY)  ## a web push beside bare pywebpush, the call alone and from decision to confirm
	@PYTHONPATH=tests $(BIN)/python -m bench.web_push
	@PYTHONPATH=tests $(BIN)/python -m bench.outbox

bench-workspace: $(READY)  ## a thousand journeys of two hundred steps: publish, start, an event
	@PYTHONPATH=tests $(BIN)/python -m bench.workspace

vectors: $(READY)  ## write the golden vectors of the geofence and of rules anew
	@PYTHONPATH=tests $(BIN)/python -m geofence.scenarios
	@PYTHONPATH=tests $(BIN)/python -m gateway.decide.rule_scenarios

lock:  ## resolve requirements/dev.lock anew; UPGRADE=1 takes the newest versions
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate \
		--custom-compile-command "make lock" $(if $(UPGRADE),--upgrade) \
		--extra dev pyproject.toml -o requirements/dev.lock

changelog: $(READY)  ## show what the fragments in changelog.d will say
	@$(BIN)/towncrier build --draft --version Unreleased
