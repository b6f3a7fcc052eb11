"""The types of jobs, found by entry point in the group `voicebox.jobs.types`."""
