# DTZ005
from datetime import datetime

NOW = datetime.now()
