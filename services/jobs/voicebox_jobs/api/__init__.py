"""The RPCs of jobs."""
