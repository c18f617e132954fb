# Two commands do everything on a fresh machine, each with its own set-up in .venv:
#   make demo    the main job offline: few-shot classification of generated defects
#   make test    lint and the whole test suite (what CI runs)
# and a third builds the documentation, where a warning is an error (CI runs it too):
#   make docs    docs/_build/html/index.html
PYTHON ?= python3
BIN := .venv/bin
DEMO := work_dirs/demo

.PHONY: demo docs test install lock

install: .venv/.installed

.venv/.installed: requirements/lock.txt setup.py
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --requirement requirements/lock.txt
	$(BIN)/pip install --quiet --no-deps --editable .
	touch $@

demo: install
	$(BIN)/python tools/test.py configs/mvrec/default_5shot_synthetic_small.py --work-dir $(DEMO) \
		--out $(DEMO)/metrics.json --out-item metrics
	$(BIN)/python tools/misc/draw_views.py configs/mvrec/default_5shot_synthetic_small.py $(DEMO)/views.png

test: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto

docs: install
	rm -rf docs/api/generated  # else pages of modules that are gone would stay
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs docs/_build/html

# Writes the lock anew from requirements/{runtime,lite,text,export,serve,xlsx,tests,docs}.txt and the pinned pair of torch.
# CUDA packages are left out: torch names their exact versions itself, per platform.
lock:
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet torch==2.12.1 torchvision==0.27.1 mmengine==0.10.7 \
		mmcv-lite==2.2.0 mmpretrain==1.2.0 -r requirements/runtime.txt -r requirements/lite.txt \
		-r requirements/text.txt -r requirements/export.txt -r requirements/serve.txt -r requirements/xlsx.txt \
		-r requirements/tests.txt -r requirements/docs.txt
	.venv-lock/bin/pip freeze --all | grep -v -i -E '^(nvidia-|cuda-|triton|pip==)' \
		> requirements/lock.txt
	rm -rf .venv-lock
