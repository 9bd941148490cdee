"""What is asked and how points are given, a benchmark each. No running and no statistics."""
