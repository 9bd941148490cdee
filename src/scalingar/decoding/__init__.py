"""The decoding step of both kinds of models: live batch, noise, guidance, sampling. No strategy and no network."""
