"""The small world that comes with the package: vocabulary, grammar, weights. No networks: they are other families'."""
