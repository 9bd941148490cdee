"""How much one server takes on, set when it starts."""

from pydantic import Field

from scalingar.core.settings import Settings


class Limits(Settings):
    """What is more is refused, in one sentence."""

    max_queue: int = Field(64, ge=1, description="requests that wait for their first row; others get 429")
    max_images: int = Field(4, ge=1, description="n, images of a request")
    max_trajectories: int = Field(16, ge=1, description="N, trajectories of an image")
    max_rows: int = Field(128, ge=1, description="trajectories alive at once, of all requests")
    max_prompt: int = Field(4000, ge=1, description="characters of a prompt")
    max_seconds: float = Field(600.0, gt=0, description="from the arrival of a request to its answer")
    max_body: int = Field(2**20, ge=1, description="bytes of a request")
