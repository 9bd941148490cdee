"""Work on a device: captured graphs, kernels, transfers that wait for nothing, threads. Nothing about models."""
