"""Reading, writing and fetching weight files of any family. No tensor names of a particular family."""
