"""`python -m utils.course`: the commands of `utils.course.cli`."""

import sys

from utils.course.cli import main

if __name__ == "__main__":
    sys.exit(main())
