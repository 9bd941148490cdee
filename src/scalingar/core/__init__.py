"""What every room uses and that uses none: errors, files, registries, results. Nothing that only one room needs."""
