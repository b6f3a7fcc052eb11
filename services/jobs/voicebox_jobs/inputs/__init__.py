"""What is in an uploaded file."""
