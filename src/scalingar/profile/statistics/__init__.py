"""Statistics of one step's logits, on the CPU and on a device. No state over the steps."""
