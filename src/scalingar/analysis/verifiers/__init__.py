"""Training a verifier for a model, and what it can tell. The verifiers that strategies look with are in rewards/."""
