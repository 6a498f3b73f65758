"""Engines: how images are built, kept and run."""
