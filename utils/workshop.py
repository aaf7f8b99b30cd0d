"""The workshop's commands under their short name: `python -m utils.workshop`."""

import sys

from utils.course.workshop.cli import main

if __name__ == "__main__":
    sys.exit(main())
