"""What is deleted on a schedule."""
