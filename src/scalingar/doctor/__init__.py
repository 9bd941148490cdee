"""Is this installation all right, and do the models compute what the official code computes?"""
