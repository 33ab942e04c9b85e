"""Any program will do: `lbm start examples/clock.py`."""

import signal
import sys
import time


def stop(*_):
    print("stopping")
    sys.exit(0)


signal.signal(signal.SIGINT, stop)
while True:
    print(time.strftime("%H:%M:%S"))
    time.sleep(1)
