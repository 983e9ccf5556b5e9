#!/bin/sh
# Run a command in the environment that `make build` made: tools/run.sh python -m vlm_robot.ros.demo
set -e
cd "$(dirname "$0")/.."
. tools/environment.sh
exec "$@"
