"""The only folder with SQL of our own."""
