# Source this in the checkout, after `make build`: Python, ROS and the built packages.
#   ROS          jazzy (the default) or kilted
#   SYSTEM_ROS   where ROS is installed (/opt/ros/$ROS if that exists); empty: the wheels are used
ROS=${ROS:-jazzy}
if [ -z "${SYSTEM_ROS+set}" ] && [ -d "/opt/ros/$ROS" ]; then SYSTEM_ROS=/opt/ros/$ROS; fi
VIRTUAL_ENV=$PWD/.venv/$ROS
if [ -n "${SYSTEM_ROS:-}" ]; then
  unset AMENT_PREFIX_PATH CMAKE_PREFIX_PATH
  . "$SYSTEM_ROS/setup.sh"
else
  export AMENT_PREFIX_PATH="$VIRTUAL_ENV" CMAKE_PREFIX_PATH="$VIRTUAL_ENV"
  export LD_LIBRARY_PATH="$VIRTUAL_ENV/lib"
  export ROS_DISTRO="$ROS"
  unset PYTHONPATH
fi
export VIRTUAL_ENV PATH="$VIRTUAL_ENV/bin:$PATH"
if [ -f "install/$ROS/local_setup.sh" ]; then
  . "install/$ROS/local_setup.sh"
fi
