"""The few changes that a person may make."""
