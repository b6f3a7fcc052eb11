"""Text normalisation by language: written forms become words. Pure functions of text."""
