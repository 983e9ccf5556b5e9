"""Every frame of a bag through the same skills as the node, without a ROS graph."""
