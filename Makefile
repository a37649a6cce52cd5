# Every target makes .venv and installs what it needs first; a second run reuses it.
PYTHON ?= python3
BIN := .venv/bin
.PHONY: demo hello test test-versions lint bench docs clean

demo: hello .venv/.installed-demo
	$(BIN)/pytorchvideo-clone demo

test: .venv/.installed-test
	$(BIN)/python -m pytest -n 2 --dist worksteal

# Every Python that is found, with the newest and the oldest dependencies; or VERSIONS="3.11-oldest".
# VERSIONS="--if-found 3.11-oldest 3.13-newest" leaves out what is not found, instead of failing.
test-versions: .venv/.installed-test
	$(BIN)/python tests/versions.py $(VERSIONS)

lint: .venv/.installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy pytorchvideo_clone

bench: .venv/.installed-test
	$(BIN)/pip install --quiet --no-deps pytorchvideo
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

docs: .venv/.installed-docs
	$(BIN)/mkdocs build --strict --config-file website/mkdocs.yml

clean:
	rm -rf .venv .venvs site demo_output build *.egg-info

hello:
	@echo "Installing into .venv takes about 2 minutes and 7 GB the first time, the demo about 4 minutes."

# One stamp a set of extras; a change of setup.py installs again.
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
