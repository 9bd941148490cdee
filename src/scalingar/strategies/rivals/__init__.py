"""Methods published by others, one file each, on the noise and the ledger of all strategies: what a table compares."""
