# imports local
from importlib import import_module

CLOCK = import_module("local.clock")
