"""Finished runs read back as arrays. No questions asked of them."""
