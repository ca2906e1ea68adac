# SOC Copilot. `make` lists the commands.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run status logs stop clean test lint format fuzz bench lock setup setup-dev

PYTHON ?= $(or $(shell command -v python3.11 || command -v python3),python3)
PY := .venv/bin/python

# INPUT, BASELINE, DAY, PARAMS and SERVICE reach the program through the environment: no shell
# ever reads them, whatever characters a path has.
export INPUT BASELINE DAY PARAMS SERVICE

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "INPUT=…     log files or folders, in quotes when there are several"
	@echo "BASELINE=…  earlier logs believed clean, the history to compare with"
	@echo "DAY=…       only this UTC day (YYYY-MM-DD); alone: what has landed for it"
	@echo "PARAMS=…    'alert_budget=20 window_minutes=30 n_estimators=200 retrain=no'"
	@echo "SOC_SCHEDULE='0 2 * * *'  run each night for the day before, too (UTC; default: by hand only)"
	@echo "MINIO_ENDPOINT MINIO_ACCESS_KEY MINIO_SECRET_KEY, PG_HOST PG_PORT PG_USER PG_PASSWORD"
	@echo "PG_DATABASE: your own servers instead of the embedded ones"

run: setup ## Turn logs into explained anomalies (INPUT=…; without: a simulated day)
	@$(PY) -m laptop run

status: setup ## Show each service and the last run
	@$(PY) -m laptop status

logs: setup ## Show the end of every service's log (SERVICE=… for one)
	@$(PY) -m laptop logs

stop: setup ## Stop every service; data stay
	@$(PY) -m laptop stop

clean: setup ## Stop, and delete all data of the embedded services and caches
	@$(PY) -m laptop clean

test: setup-dev lint ## Lint, types and every test, on real services
	@$(PY) -m pytest

lint: setup-dev ## Check style, format and types
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@$(PY) -m mypy tasks dags contracts

format: setup-dev ## Format the code and mend what can be mended
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

fuzz: setup-dev ## Long property runs of the parsers
	@$(PY) -m pytest -m fuzz

bench: setup-dev ## Measure: one JSON line for each figure
	@$(PY) -m benchmarks

lock: setup ## Resolve requirements*.in anew, with hashes
	@.venv/bin/uv pip compile --quiet --upgrade --python-version 3.11 --generate-hashes requirements.in -o requirements.txt
	@.venv/bin/uv pip compile --quiet --upgrade --python-version 3.11 --generate-hashes requirements-dev.in -o requirements-dev.txt

setup:
	@$(PYTHON) laptop/bootstrap.py

setup-dev:
	@$(PYTHON) laptop/bootstrap.py --dev
