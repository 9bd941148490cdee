"""The commands that ask runs what other strategies would have done."""
