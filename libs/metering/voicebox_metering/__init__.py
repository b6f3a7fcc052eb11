"""What the work of a service uses."""
