# F401
import os
