# Rufaa. `make` lists what there is; README.md tells what it is for.
#
# PORT=… and DATA=… choose another port and data folder for demo and run, PYTHON=… the Python for the first set-up,
# ARGS=… is handed to pytest, ONLY=… names guards for sabotage, CHAOS=… is a seed for demo: M-Pesa goes wrong by chance.
# The checkout may lie in a folder whose name has spaces.

.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
PYTHON_BIN := $(VENV)/bin/python
ARGS ?=
WORKERS ?= 3
ONLY ?=
export VENV PYTHON
# Where compiled modules may not be kept, every process compiles all it imports: a start takes twice as long.
unexport PYTHONDONTWRITEBYTECODE

# Raw values, so that a `$` or a quote in a folder's name stays one.
ifneq ($(strip $(value PORT)),)
demo run: export RUFAA_PORT := $(value PORT)
endif
ifneq ($(strip $(value DATA)),)
demo run: export RUFAA_DATA := $(value DATA)
endif

ifneq ($(strip $(value CHAOS)),)
demo: export CHAOS := $(value CHAOS)
endif

# Long-running recipes are one exec, so that make's signals reach them, and they stop when make is killed: it is their
# parent, and the shell's, whose $$PPID it is.
SERVE := RUFAA_DIE_WITH_PARENT=$$PPID exec "$(PYTHON_BIN)" -m rufaa

# Left out by test-fast: browsers, Node, and whole servers as processes.
SLOW := -m 'not browser' --ignore=tests/supervise --ignore=tests/embedded --ignore=tests/clients --ignore=tests/crashes \
	--ignore=tests/live --ignore=tests/backup --ignore-glob='tests/journeys/test_seed_*' \
	--ignore-glob='tests/journeys/test_demo_*' --ignore-glob='tests/journeys/test_handset_*' \
	--ignore-glob='tests/typed/test_typed_page*' --ignore-glob='*_browser.py' --ignore-glob='*_pictures.py' \
	--ignore-glob='*_processes.py'

.PHONY: help demo run test test-fast sim bench bench-growth bench-live bench-pages sabotage check format docs schema pictures lock clean env env-dev env-uv

help: ## List what make can do
	@echo "Rufaa: patient referrals whose fee is collected by M-Pesa."
	@echo
	@sed -n 's/^\([a-z-]*\):.*## /  make \1|/p' Makefile | while IFS='|' read -r name words; do \
		printf '%-20s %s\n' "$$name" "$$words"; done
	@echo
	@echo "  PORT=8100 DATA=/srv/rufaa make demo     another port and data folder"
	@echo "  make demo CHAOS=7                       a demo in which M-Pesa goes wrong by chance, as seed 7 has it"
	@echo "  make test ARGS='tests/money -x'         some tests"
	@echo "  make sabotage ONLY=late-start           one guard"
	@echo "  make demo PYTHON=python3.12             another Python for the set-up"

demo: env ## Run everything on this machine, with a pretend Safaricom and demo people
	@$(SERVE) demo $${CHAOS:+--chaos "$$CHAOS"}

run: env ## Run the server alone: no demo data, no simulator (settings: RUFAA_* and MPESA_*)
	@$(SERVE) serve

# Some processes, each with a PostgreSQL of its own, and each file in one of them, those that take long first, so that no
# process waits for the last one at the end. WORKERS=0: one after the other.
test: env-dev ## Run all tests
	@PYTHONHASHSEED=0 "$(PYTHON_BIN)" -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

# SEED=… PAYMENTS=… PROCS=… MINUTES=… KEEP=…: what is simulated, in how many processes, for how long at most, and the
# folder from which a run that was stopped goes on. One hash seed, so that a seed is one story.
sim: env-dev ## Simulate payments under all faults (SEED=1 PAYMENTS=500 PROCS=1)
	@cd tests && PYTHONHASHSEED=0 PYTHONPATH="../src" "../$(PYTHON_BIN)" -m simulation --seed $(or $(SEED),1) \
		--payments $(or $(PAYMENTS),500) --procs $(or $(PROCS),1) --minutes $(or $(MINUTES),1440) \
		$(if $(KEEP),--keep "$(abspath $(KEEP))")

test-fast: env-dev ## Run the tests that need no browser, no Node and no processes of their own
	@"$(PYTHON_BIN)" -m pytest -q $(SLOW) $(ARGS)

bench: env-dev ## Measure what Rufaa claims, in minutes (ARGS='--quick --only callbacks --json file')
	@PYTHONPATH=src:tests "$(PYTHON_BIN)" benchmarks $(ARGS)

# TMPDIR=… has it elsewhere: it takes a hundred gigabytes, and says so first where there are too few.
bench-growth: env-dev ## Measure the same with ten million referrals, in an hour or two (ARGS='--referrals 3000000')
	@PYTHONPATH=src:tests "$(PYTHON_BIN)" benchmarks/growth.py $(ARGS)

bench-live: env-dev ## Measure live queries: from a COMMIT to the screens (ARGS='--json file')
	@PYTHONPATH=src:tests "$(PYTHON_BIN)" benchmarks/live.py $(ARGS)

bench-pages: env-dev ## Measure the pages of people with 100,000 referrals (ARGS='--json file')
	@PYTHONPATH=src:tests "$(PYTHON_BIN)" benchmarks/pages.py $(ARGS)

sabotage: env-dev ## Break the guards of the money one at a time, and see a test catch each (ONLY=name,name: some)
	@PYTHONPATH=src:tests "$(PYTHON_BIN)" -m sabotage.run --only "$(ONLY)"

check: env-dev ## Check format, lint, types, import contracts and generated pages
	@"$(PYTHON_BIN)" -m ruff format --check .
	@"$(PYTHON_BIN)" -m ruff check .
	@"$(PYTHON_BIN)" -m mypy
	@"$(VENV)/bin/lint-imports"
	@"$(PYTHON_BIN)" tools/generate.py --check

format: env-dev ## Format the code and put its imports in order
	@"$(PYTHON_BIN)" -m ruff check --select I --fix --quiet .
	@"$(PYTHON_BIN)" -m ruff format .

docs: env-dev ## Write the generated pages anew
	@"$(PYTHON_BIN)" tools/generate.py

# The same pages give the same bytes on one machine; other fonts give others. The tests make them too, and keep none.
pictures: env-dev ## Picture the pages anew for the README (docs/pictures; needs Chromium)
	@PICTURES="$(CURDIR)/docs/pictures" "$(PYTHON_BIN)" -m pytest -q tests/console/test_console_pictures.py

schema: env-dev ## Write what makes an empty database anew, after a new migration
	@"$(PYTHON_BIN)" tools/schema.py

# UPGRADE=1 takes newer versions. Locks hold names, versions and hashes, and no addresses to download from.
COMPILE = UV_CUSTOM_COMPILE_COMMAND="make lock" "$(PYTHON_BIN)" -m uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links $(if $(UPGRADE),--upgrade)
lock: env-uv ## Write requirements/*.txt anew (UPGRADE=1: with newer versions)
	@$(COMPILE) requirements/uv.in -o requirements/uv.txt
	@$(COMPILE) pyproject.toml requirements/build.in requirements/uv.in -o requirements/server.txt
	@$(COMPILE) pyproject.toml requirements/build.in requirements/uv.in --extra dev -o requirements/dev.txt
	@$(COMPILE) requirements/bench.in requirements/uv.in -o requirements/bench.txt

clean: ## Remove the virtual environments and caches; never the data folder
	@rm -rf "$(VENV)" .venv-bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	@rm -rf examples/seed/node_modules benchmarks/peers/express/node_modules
	@find src tests tools -name __pycache__ -type d -prune -exec rm -rf {} +

env:
	@sh tools/setup.sh server

env-dev:
	@sh tools/setup.sh dev

env-uv:
	@sh tools/setup.sh uv
