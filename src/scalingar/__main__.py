"""``python -m scalingar``."""

import sys

from scalingar.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
