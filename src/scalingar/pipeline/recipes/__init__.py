"""Recipes and suites that come with the package, by name; nothing that was made for one machine or one user."""
