"""The console: one page that shows a project's runs, and takes a person's answers."""
