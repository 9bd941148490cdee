"""The studio in a real browser, Chromium of this machine: ``make test-browser``; ``make test`` leaves them out."""
