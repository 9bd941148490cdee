"""Counts for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60, 120, 300, 600)


class Metrics:
    """Of one server, in a registry of its own."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self.requests = Counter("scalingar_requests", "Requests for images, by status.", ["status"], registry=registry)
        self.images = Counter("scalingar_images", "Images handed out.", registry=registry)
        self.queue = Gauge("scalingar_queue_requests", "Requests that wait for their first row.", registry=registry)
        self.rows = Gauge("scalingar_live_rows", "Trajectories alive.", registry=registry)
        self.tokens = Counter("scalingar_tokens", "Tokens drawn, of all trajectories.", registry=registry)
        self.saved = Counter(
            "scalingar_tokens_saved", "Tokens that trajectories which were cut did not draw.", registry=registry
        )
        self.seconds = Histogram(
            "scalingar_request_seconds", "From arrival to answer.", buckets=SECONDS, registry=registry
        )

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self._registry)
