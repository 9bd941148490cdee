"""Tests on a GPU: skipped where there is none, run by ``make test-device``; ``--device cpu`` runs most of them here."""
