"""The programs of the model image."""
