# imports local
from local.clock import Clock

CLOCK = Clock
