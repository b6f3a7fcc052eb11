"""Durable work: uploads, jobs with live progress, batches."""
