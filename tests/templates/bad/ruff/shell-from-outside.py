# S602
import subprocess
import sys

subprocess.run(sys.argv[1], shell=True, check=True)
