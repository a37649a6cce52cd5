# Every target makes .venv and installs what it needs first; a second run reuses it.
PYTHON ?= python3
BIN := .venv/bin
# One stamp per set of extras; a change of setup.py installs again.
INSTALLED = .venv/.installed-$(1)

.PHONY: demo test lint bench docs clean

demo: $(call INSTALLED,demo)
	$(BIN)/pytorchvideo-clone demo

test: $(call INSTALLED,test)
	$(BIN)/python -m pytest -n 2

lint: $(call INSTALLED,test)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy pytorchvideo_clone

bench: $(call INSTALLED,test)
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

docs: $(call INSTALLED,docs)
	$(BIN)/mkdocs build --strict --config-file website/mkdocs.yml

clean:
	rm -rf .venv site demo_output build *.egg-info

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.installed-demo: .venv/bin/python setup.py
	$(BIN)/pip install --quiet --editable ".[train,onnx,demo]"
	touch $@

.venv/.installed-docs: .venv/bin/python setup.py
	$(BIN)/pip install --quiet --editable ".[docs]"
	touch $@

.venv/.installed-test: .venv/bin/python setup.py
	$(BIN)/pip install --quiet --editable ".[test]"
	touch $@
