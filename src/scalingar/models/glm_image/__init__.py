"""GLM-Image: transformers' autoregressive part with this package's loop, and diffusers' pipeline for its pictures."""
