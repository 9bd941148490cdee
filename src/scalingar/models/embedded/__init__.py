"""The vocabulary, grammar and weights of the small models in the package. Their networks belong to other families."""
