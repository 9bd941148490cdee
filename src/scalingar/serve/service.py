"""The one thread that owns the model: loads it, and steps the live batches while there are requests."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from scalingar.core.errors import ScalingarError
from scalingar.serve.errors import ApiError, of_package
from scalingar.serve.job import Job, Kind
from scalingar.serve.lane import Lane
from scalingar.serve.metrics import Metrics
from scalingar.serve.offer import Offer

T = TypeVar("T")
LOG = logging.getLogger("scalingar.serve")


class LiveService:
    """One live batch for all requests; others for requests of another kind, such as those without guidance.

    ``offer``: None until the model is loaded. ``failure``: why it could not be.
    """

    def __init__(self, load: Callable[[], Offer], max_queue: int, metrics: Metrics) -> None:
        """``max_queue``: requests that wait for their first row."""
        self.offer: Offer | None = None
        self.failure: Exception | None = None
        self.loaded = threading.Event()
        """Set once there is an offer or a failure."""
        self.lanes: dict[Kind, Lane] = {}
        self._load, self._max_queue, self._metrics = load, max_queue, metrics
        self._jobs: set[Job] = set()
        self._lanes: dict[Job, Lane] = {}
        """Where requests were added, in the order they came: a verifier that is trained anew may change their kind."""
        self._inbox: deque[tuple[Job, bool]] = deque()
        """Requests to add (True) or to give up, in the order they came."""
        self._errands: deque[Callable[[], None]] = deque()
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="scalingar-live-batch", daemon=True)

    def start(self) -> None:
        """Begin to load the model, unless that was begun."""
        if self._thread.ident is None:
            self._thread.start()

    def close(self) -> None:
        """End after the present step; what is under way is given up."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self.loaded.is_set() and self._thread.is_alive():  # loading cannot be interrupted
            self._thread.join()

    def ready_offer(self) -> Offer:
        """Raises ApiError 503 while the model is loading, and after a failure that ended the thread."""
        self._check_alive()
        if self.offer is None or self._closing:
            raise ApiError(503, "the model is being loaded.", code="not_ready", retry_after=5)
        return self.offer

    def _check_alive(self) -> None:
        if self.failure is not None:
            raise ApiError(503, "the server has failed; its log says why.", code="not_ready")

    @property
    def queued(self) -> int:
        """Requests that wait for their first row."""
        return sum(not job.begun for job in self._jobs)

    def submit(self, job: Job) -> None:
        """Take a request on. Raises ApiError 429 when too many wait."""
        with self._changed:
            self._check_alive()
            if self.queued >= self._max_queue:
                raise ApiError(
                    429, f"{self.queued} requests wait already; try again later.", code="queue_full", retry_after=2
                )
            self._jobs.add(job)
            self._inbox.append((job, True))
            self._changed.notify()

    def cancel(self, job: Job) -> None:
        """Give a request up before the next step, if it is not over."""
        with self._changed:
            if job in self._jobs:
                self._inbox.append((job, False))
                self._changed.notify()

    def between_steps(self, work: Callable[[], T]) -> Future[T]:
        """Have the thread that owns the model, which alone decodes, do something before the next step.

        Raises ApiError 503 while there is no model.
        """
        self.ready_offer()
        errand: Future[T] = Future()

        def done() -> None:
            if errand.set_running_or_notify_cancel():
                try:
                    errand.set_result(work())
                except Exception as error:
                    errand.set_exception(error)

        with self._changed:
            self._errands.append(done)
            self._changed.notify()
        return errand

    def _run(self) -> None:
        try:
            self.offer = self._load()
        except Exception as error:
            self.failure = error
            return
        finally:
            self.loaded.set()
        try:
            while self._take():
                for lane in self._busy:
                    self._step(lane)
                self._measure()
        except Exception as error:
            LOG.exception("the live batch has ended; start the server again")
            with self._changed:
                self.failure = error
            for job in list(self._jobs):
                job.send(_broken())
                self._forget(job)
            for errand in self._errands:
                errand()

    @property
    def _busy(self) -> list[Lane]:
        return [lane for lane in self.lanes.values() if lane.engine.busy]

    def _step(self, lane: Lane) -> None:
        lane.engine.taken = self._taken(lane)
        try:
            lane.step()
        except Exception:
            LOG.exception("a step failed; its requests are given up")
            self._give_up(lane)

    def _taken(self, lane: Lane) -> int:
        """Rows that others have, and those that they want for requests which have waited longer than this batch's."""
        others = [other for other in self._busy if other is not lane]
        wanted: dict[Lane, int] = {}
        for job, other in self._lanes.items() if others else ():
            if other.holds_up(job):
                if other is lane:
                    break
                wanted[other] = other.engine.wanted
        return sum(other.engine.reserved for other in others) + sum(wanted.values())

    def _take(self) -> bool:
        """Wait for something to do, and do what came in. False: the server closes."""
        with self._changed:
            while not (self._inbox or self._errands or self._closing or self._busy):
                self._changed.wait()
            inbox, errands = list(self._inbox), list(self._errands)
            self._inbox.clear()
            self._errands.clear()
        for job, wanted in inbox:
            if wanted:
                self._add(job)
            elif job in self._lanes:  # not given up meanwhile
                self._drop(job)
        for errand in errands:
            errand()
        self._measure()
        return not self._closing

    def _add(self, job: Job) -> None:
        try:
            lane = self._lanes[job] = self._lane(job)
            lane.add(job)
        except ScalingarError as error:
            job.send(of_package(error))
        except Exception:
            LOG.exception("a request could not begin")
            job.send(_broken())
        else:
            return
        self._drop(job)
        self._forget(job)

    def _drop(self, job: Job) -> None:
        lane = self._lanes.get(job)
        if lane is not None:
            try:
                lane.drop(job)
            except Exception:
                LOG.exception("a request could not be given up; those beside it are given up, too")
                self._give_up(lane)

    def _lane(self, job: Job) -> Lane:
        assert self.offer is not None
        kind = self.offer.kind(job.recipe)
        if kind not in self.lanes:
            self.lanes[kind] = Lane(self.offer, self._metrics, self._forget, kind)
        return self.lanes[kind]

    def _give_up(self, lane: Lane) -> None:
        """After a failure that is nobody's: what it left cannot be trusted."""
        self.lanes = {kind: known for kind, known in self.lanes.items() if known is not lane}
        for job in [job for job, its in self._lanes.items() if its is lane]:
            job.send(_broken())
            self._forget(job)

    def _forget(self, job: Job) -> None:
        self._lanes.pop(job, None)
        with self._changed:
            self._jobs.discard(job)

    def _measure(self) -> None:
        self._metrics.rows.set(sum(lane.engine.live_rows for lane in self.lanes.values()))
        with self._changed:
            self._metrics.queue.set(self.queued)


def _broken() -> ApiError:
    return ApiError(500, "the server failed while drawing; its log says why.", code="internal_error", retry_after=1)
