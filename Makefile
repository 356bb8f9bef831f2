.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench serve lock

PY := .venv/bin/python
# Most of a test is waiting, for calls most of all, so that several share two cores; tests/conftest.py says in which order.
SHARED := --dist loadfile --no-loadscope-reorder

help: ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST)

setup: ## install everything into .venv/ and .asterisk/ (no root; again: does nothing)
	@sh deploy/setup/setup.sh

demo: setup ## the whole main job on a simulated telephone network
	@.venv/bin/ivr rehearse --demo

test: setup ## every test, the real PBX included (ARGS="-k word" narrows it)
ifdef ARGS
	@$(PY) -m pytest $(ARGS)
else
	@$(PY) -m pytest -q -n 4 $(SHARED) --ignore=tests/acceptance
	@$(PY) -m pytest -q -n 4 $(SHARED) tests/acceptance
endif

check: setup ## lint, format, types, architecture, dependencies
	@sh deploy/check.sh

bench: setup ## measure dialling, audio delays and speech
	@$(PY) -m tests.bench

serve: setup ## run the engine and the console until told to stop (while there is no ivr.yaml: for practice, nobody's telephone rings)
	@exec .venv/bin/ivr serve $$(test -e ivr.yaml || echo --practice)

lock: ## renew requirements*.lock from pyproject.toml (needs uv)
	@sh deploy/lock.sh
