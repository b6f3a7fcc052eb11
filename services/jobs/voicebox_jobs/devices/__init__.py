"""Devices that jobs share with services that answer calls."""
