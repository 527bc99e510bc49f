# A thin façade: every target is one command, which `make -n TARGET` shows.
# It needs python3 (3.11 or later), g++, make and perl; everything else goes into build/venv.

PYTHON ?= python3
VENV := build/venv
BIN := $(VENV)/bin
# The environment is made again when, and only when, pyproject.toml says something else.
INSTALLED := $(VENV)/.installed-$(firstword $(shell sha256sum pyproject.toml))

.DEFAULT_GOAL := help
.PHONY: help install lint test long formal mutants campaign demo bench registers verilog docs clean

help: ## what there is to make
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

install: $(INSTALLED) ## everything into build/venv; `make` does it by itself

lint: $(INSTALLED) ## style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

test: lint ## lint, and every test and proof
	$(BIN)/pytest -n 2 --dist worksteal

long: $(INSTALLED) ## what takes long and is no part of `make test`: deeper proofs, sealed tops over AXI, more profiles
	$(BIN)/pytest -n 2 --dist worksteal -m long

formal: $(INSTALLED) ## the proofs alone, and deeper ones
	$(BIN)/pytest -n 2 --dist worksteal -m "" testbench/formal

mutants: $(INSTALLED) ## breaks the gateware in many ways, each of which a test must notice; ARGUMENTS=--help
	cd testbench && ../$(BIN)/python -m mutants $(ARGUMENTS)

campaign: $(INSTALLED) ## random histories of whole nodes in lockstep; ARGUMENTS=--help
	cd testbench && ../$(BIN)/python -m campaigns $(ARGUMENTS)

demo: $(INSTALLED) ## a cluster trains a classifier, and its count is checked
	$(BIN)/interlock demo

bench: $(INSTALLED) ## measures
	$(BIN)/interlock bench

registers: $(INSTALLED) ## the registers as web pages, C header and IP-XACT, in build/registers
	$(BIN)/interlock registers

verilog: $(INSTALLED) ## the Interlock as Verilog, in build/verilog; ARGUMENTS='--profile small'
	mkdir -p build/verilog
	$(BIN)/interlock verilog -o build/verilog/interlock.v $(ARGUMENTS)

docs: $(INSTALLED) ## README.md and docs/ as web pages
	$(BIN)/interlock docs

clean: ## away with everything generated but build/venv
	find build -mindepth 1 -maxdepth 1 ! -name venv -exec rm -rf {} +

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "python3 is too old: 3.11 or later is needed")'
	@for tool in g++ perl; do command -v $$tool >/dev/null || { echo "$$tool is missing: install it (Debian, Ubuntu: apt install build-essential perl)"; exit 1; }; done
	@echo "interlock: installing tools into $(VENV), once"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[hdl,test]'
	@rm -f $(VENV)/.installed-*
	@touch $@
