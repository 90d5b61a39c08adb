# make demo   installs what is missing and runs the main job end to end
# make test   installs what is missing and runs every check
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
# program -> Debian package
PACKAGES := $(strip \
	$(if $(shell command -v gcc),,gcc libc6-dev) \
	$(if $(shell command -v arm-none-eabi-gcc),,gcc-arm-none-eabi) \
	$(if $(shell command -v qemu-system-arm),,qemu-system-arm) \
	$(if $(shell command -v qemu-system-riscv32),,qemu-system-misc) \
	$(if $(shell $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null && echo yes),,python3 python3-venv))

.PHONY: demo test lint benchmark clean system
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# make/  make/p' Makefile

demo: $(VENV)/demo.stamp
	$(BIN)/tinyml build examples/digits/digits.pt2 --calibrate examples/digits/calibration_images.npz \
		--board qemu_mps2_an386 --data examples/digits/test_images.npz --test -o out/digits

test: $(VENV)/test.stamp
	$(BIN)/python -m pytest -n auto --dist worksteal -q

lint: $(VENV)/test.stamp
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

benchmark: $(VENV)/test.stamp
	$(BIN)/python -m benchmarks

system:
ifneq ($(PACKAGES),)
	$(SUDO) apt-get update -qq
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(PACKAGES)
endif

$(VENV)/bin/python: | system
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -qq --upgrade pip

$(VENV)/demo.stamp: setup.py | system $(VENV)/bin/python
	$(BIN)/python -m pip install -qq -e '.[tflm]'
	touch $@

$(VENV)/test.stamp: setup.py | system $(VENV)/bin/python
	$(BIN)/python -m pip install -qq -e '.[test,tflm]'
	touch $@ $(VENV)/demo.stamp

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
