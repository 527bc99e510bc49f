"""What ``interlock bench`` measures."""
