"""Tests of the page's functions, without a browser; those with one are in tests/browser."""
