"""Tables and figures of docs/results, made of the runs packed under docs/data: ``make results``.

No part of the package: nothing in src knows of it.
"""
