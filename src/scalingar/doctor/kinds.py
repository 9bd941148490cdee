"""Every kind of golden file that can be checked; importing this registers them."""

from scalingar.doctor import llamagen_filter, llamagen_gpt, llamagen_vq

__all__ = ["llamagen_filter", "llamagen_gpt", "llamagen_vq"]
