"""Tests of the package; the shapes in its annotations are checked while they run."""

from tests import shapes

shapes.install()
