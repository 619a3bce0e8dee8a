"""`python -m kew_sqs` is `kew`."""

import subprocess
import sys

from kew_sqs import binary

if __name__ == "__main__":
    if sys.platform == "win32":
        sys.exit(subprocess.call([binary(), *sys.argv[1:]]))
    import os

    os.execv(binary(), ["kew", *sys.argv[1:]])
