#!/bin/sh
# Build the interface packages and the package itself with colcon, into build/$ROS and install/$ROS.
set -e
cd "$(dirname "$0")/.."
rm -f "install/$ROS/local_setup.sh" # or the last build would be its own underlay
. tools/environment.sh

packages=". vlm_robot_msgs"
for name in vision_msgs tf2_msgs; do
  [ -d "${SYSTEM_ROS:-/nowhere}/share/$name" ] || packages="$packages compat/$name"
done

# Level error: colcon would warn that the wheels bring no local_setup script, which nothing needs.
COLCON_LOG_LEVEL=error "$VIRTUAL_ENV/bin/python" -m colcon --log-base "build/$ROS/log" build \
  --merge-install --symlink-install --build-base "build/$ROS" --install-base "install/$ROS" \
  --base-paths $packages --event-handlers console_cohesion- status- \
  --cmake-args -DPython3_EXECUTABLE="$VIRTUAL_ENV/bin/python" -DBUILD_TESTING=OFF
