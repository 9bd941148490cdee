"""Vocabulary, grammar and weights of the embedded models. Their architectures are those of other families."""
