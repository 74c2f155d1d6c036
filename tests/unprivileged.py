"""Run a command for which file permissions count, also when the tests run as root.

`python tests/unprivileged.py COMMAND…`: root keeps its user id, so that it still finds its own files, and loses
the right to pass over permissions (capabilities(7), prctl(2)).
"""

import ctypes
import os
import sys

UNPRIVILEGED = (sys.executable, __file__)
"""Put before a command."""
_DROP_FROM_BOUNDING_SET = 24
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2


def _give_up_rights() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (_DAC_OVERRIDE, _DAC_READ_SEARCH):
        if libc.prctl(_DROP_FROM_BOUNDING_SET, capability, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "root's rights cannot be given up here")


if __name__ == "__main__":
    if os.geteuid() == 0:
        _give_up_rights()
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - a command of the tests
