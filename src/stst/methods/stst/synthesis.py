"""Spatiotemporal style transfer: frame after frame through octaves, colour transfer, blending."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from stst.config import StstConfig
from stst.engine.color_transfer import color_transfer
from stst.engine.estimate import scale_up
from stst.engine.events import Checkpoint, Event, FrameDone, IterationDone, Preview, RunStarted
from stst.engine.loop import make_optimizer, optimize
from stst.engine.phases import scramble_by_noise
from stst.engine.pixels import as_tensor, to_frames
from stst.engine.previews import PreviewClock
from stst.engine.process import Estimate
from stst.errors import DivergedError, InputError
from stst.methods.stst.frame import FrameInMaking, Progress, Standing, split_samples
from stst.methods.stst.objective import (
    AnyTerm,
    Statistician,
    Statistics,
    StstObjective,
    active_terms,
    is_of_pixels,
)
from stst.methods.stst.octaves import Octave, octaves_of, through_octaves
from stst.methods.stst.region import Region, Regions
from stst.methods.stst.targets import Targets
from stst.methods.stst.variants import PAPER, frame_order, get_variant
from stst.models.stream import Stream
from stst.types import Frames
from stst.utils.devices import memory_in_use
from stst.utils.noise import (
    ClipKey,
    NoiseSource,
    Purpose,
    clip_key,
    noise_of_seeds,
    uniform_noise,
)

# Work of finishing a frame (colour transfer), in iterations at full resolution; for estimates only
_FINISHING = 2


class Synthesis:
    """One run of STST over a clip, for several seeds at once.

    Of grey clips one channel is optimised, which the streams see as red, green and blue.

    Parameters
    ----------
    config
        With the layers of every active term filled in (see `stst.models.resolve_layers`).
    spatial, temporal
        The streams, on `device`; None where no term needs one.
    targets
        What is matched.
    device
        Where the arithmetic runs.
    whose
        Gives what tells the natural clip from others: whose noise is drawn, see `clip_key`.
    noise
        For tests: replaces the noise of the seeds.
    regions
        Where the clip is replaced, the rest stays natural; None for everywhere.

    Raises
    ------
    InputError
        If a frame is too small for an octave, or the clip too short for the temporal terms.
    """

    def __init__(
        self,
        config: StstConfig,
        spatial: Stream | None,
        temporal: Stream | None,
        targets: Targets,
        device: torch.device,
        whose: ClipKey,
        noise: NoiseSource | None = None,
        regions: Regions | None = None,
    ) -> None:
        self.config = config
        self.regions = regions
        self.rules = get_variant(config.rules)
        self.streams = {"spatial": spatial, "temporal": temporal}
        self.statistician = Statistician(spatial, temporal, self.rules, config.precision)
        # what is on record can be compared, whatever the rules and the precision of a run
        self._yardstick = Statistician(spatial, temporal, PAPER, "fp32")
        self.targets = targets
        self.device = device
        self.clip_key = clip_key(config.noise, whose)
        self.noise = noise or noise_of_seeds(config.seeds, targets.size, self.clip_key)
        self.order = frame_order(targets.frames, config.padding_frames, self.rules)
        if targets.frames == 1 and config.temporal_needed:
            raise InputError(
                "the clip has 1 frame, and the temporal terms compare neighbouring frames. Use a "
                "longer clip, or turn them off: `temporal.texture_weight=0` "
                "`temporal.content_weight=0`."
            )
        self._settings = {frame: config.for_frame(frame) for frame in range(targets.frames)}
        self._octaves: dict[int, list[Octave]] = {}
        self._standing: Standing | None = None
        self.notes: list[str] = []
        if regions is not None and any(one.spectrum_weight for one in self._settings.values()):
            self.notes.append(
                "the spectrum is not matched where there is a mask: with what stays natural it "
                "would tell what was replaced"
            )
        for place in self._places():
            frame = self._frame(place)
            octaves, left_out = octaves_of(
                self._setting(place), targets.size, self._min_sides(place)
            )
            stays = regions is not None and regions.is_empty(self.order[place])
            self._octaves[frame] = [] if stays else octaves
            self.notes.extend(line for line in left_out if line not in self.notes)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the frames in pixels."""
        return self.targets.size

    def describe(self, first: int | None = None) -> RunStarted:
        """Describe the run; `first` is the first frame still to be made."""
        sizes = {octave.size: None for octaves in self._octaves.values() for octave in octaves}
        return RunStarted(
            frames=self.targets.frames,
            padding=self.config.padding_frames,
            octaves=tuple(sorted(sizes)),
            iterations=sum(o.config.iterations for all_ in self._octaves.values() for o in all_),
            first=self._frame(self._places()[0]) if first is None else first,
            notes=tuple(self.notes),
        )

    def work(self) -> dict[int, int]:
        """Give every frame's work in pixels times iterations, to share out time estimates."""
        height, width = self.targets.size
        finish = _FINISHING * height * width if self.config.color_transfer else 0
        return {
            frame: sum(octave.cost for octave in octaves) + (finish if octaves else 0)
            for frame, octaves in self._octaves.items()
        }

    def run(
        self, after: int | None = None, state: Tensor | None = None,
        preview_seconds: float | None = None, checkpoint: Checkpoint | None = None,
    ) -> Iterator[Event]:  # fmt: skip
        """Make frame after frame, padding (negative) first; see `stst.engine.process.Process`.

        Raises
        ------
        DivergedError
            Naming the frame, the octave and the iteration.
        """
        places = [place for place in self._places() if after is None or self._frame(place) > after]
        yield self.describe(self._frame(places[0]) if places else self.targets.frames)
        if after is not None and state is not None:
            # a clone lies in memory as torch's own tensors do, on which sums can depend
            generated = state.clone().to(self.device)
        else:
            generated = self._before_all()
        progress = Progress(self.work(), after)
        for place in places:
            frame = self._frame(place)
            made = FrameInMaking()
            held = checkpoint if checkpoint is not None and checkpoint.frame == frame else None
            yield from self._make_frame(place, generated, made, progress, preview_seconds, held)
            self._standing = None
            progress.frame_done(frame)
            yield self._finish(place, made, generated, progress.done / progress.total)
            generated = made.images

    def checkpoint(self) -> Checkpoint | None:
        """Say where the frame in the making stands, between two events; None between frames."""
        return None if self._standing is None else self._standing.checkpoint()

    def with_seeds(self, seeds: tuple[int, ...]) -> Synthesis:
        """Give the same run for other seeds, which follow by one; the models are shared."""
        config = self.config.model_copy(update={"seed": seeds[0], "samples": len(seeds)})
        spatial, temporal = self.streams["spatial"], self.streams["temporal"]
        made = Synthesis(
            config, spatial, temporal, self.targets, self.device, self.clip_key,
            regions=self.regions,
        )  # fmt: skip
        made.notes = list(self.notes)
        return made

    def estimate(self) -> Estimate:
        """Run a few iterations of the last frame's smallest octave, and scale up by pixels."""
        in_use = memory_in_use(self.device)
        height, width = self.targets.size
        shape = (self.targets.channels, height, width)
        noise = [uniform_noise(seed, 0, "estimate", shape) for seed in self.config.seeds]
        objective, images, pixels = self.rehearsal(torch.stack(noise).to(self.device))
        return scale_up(
            objective,
            images,
            pixels=pixels,
            whole=height * width,
            work=sum(self.work().values()),
            in_use=in_use,
            rule=make_optimizer(self.config.optimizer, self.rules.std_per_channel),
            learning_rate=self.smallest_octave().config.learning_rate,
        )

    def smallest_octave(self) -> Octave:
        """Give the coarsest octave of the last frame that is optimised."""
        return self._octaves[self._frame(self._last_place())][0]

    def rehearsal(self, previous: Tensor) -> tuple[StstObjective, Tensor, int]:
        """Set up the smallest octave of the last frame that is optimised, for measuring.

        Parameters
        ----------
        previous
            (B, C, H, W) in [0, 1]; any picture.

        Returns
        -------
        StstObjective
            Of that octave.
        Tensor
            (B, C, h, w) to optimise.
        int
            h·w.
        """
        place = self._last_place()
        config, size = self._setting(place), self.smallest_octave().size
        terms = self._terms(place)
        small = through_octaves(previous, [size], False)[0].clone()
        region = self._region(place)
        (here,) = self._through(region, [size])
        (wanted,) = self._compute_targets(self.statistician, place, terms, [size], region)
        objective = self._objective(config, self.smallest_octave(), wanted, small, here)
        return objective, small.clone(), size[0] * size[1]

    def _make_frame(
        self,
        place: int,
        previous: Tensor,
        made: FrameInMaking,
        progress: Progress,
        preview_seconds: float | None,
        held: Checkpoint | None,
    ) -> Iterator[Event]:
        """Optimise one frame through its octaves, from `held` on, and leave it in `made`."""
        config, octaves = self._setting(place), self._octaves[self._frame(place)]
        sizes = [octave.size for octave in octaves]
        region = self._region(place)
        made.inside = None if region is None else region.inside
        if region is not None and not octaves:
            # nothing is inside
            made.images = region.natural.expand_as(previous)
            made.losses = made.weights = previous.new_zeros(len(previous), 0)
            return
        terms = self._terms(place)
        wanted = self._compute_targets(self.statistician, place, terms, sizes, region)
        regions = self._through(region, sizes)
        previous = self._renew(place, previous)
        befores = through_octaves(previous, sizes, self.rules.chained_resizing)
        images = self._start(place, config, previous)
        previews = PreviewClock(preview_seconds)
        for index, octave in enumerate(octaves):
            if held is not None and index < held.octave:
                made.iterations += octave.config.iterations
                continue
            images = through_octaves(images, [octave.size], False)[0].clone()
            here = regions[index]
            if here is not None:
                images = here.compose(images)
            objective = self._objective(config, octave, wanted[index], befores[index], here)
            rule = make_optimizer(
                config.optimizer, self.rules.std_per_channel, here.inside if here else None
            )
            standing = Standing(self._frame(place), index, made, images, objective, rule)
            if held is not None and index == held.octave:
                standing.restore(held, self.device)
            self._standing = standing
            yield from self._steps(standing, config, progress, previews)
            images = standing.images
        if region is not None:
            images = region.compose(images)
        if config.color_transfer:
            colors = self._color(place, self.device)
            images = color_transfer(images, colors, made.inside, config.regrain)
        made.images = images

    def _objective(
        self,
        config: StstConfig,
        octave: Octave,
        wanted: dict[AnyTerm, Statistics],
        before: Tensor,
        region: Region | None,
    ) -> StstObjective:
        """Set up what is minimised at an octave."""
        weights = {term: config.term_weight(term) for term in wanted}
        return StstObjective(
            self.statistician, wanted, weights, octave.config.tv_weight, config.equalize, before,
            region,
        )  # fmt: skip

    def _steps(
        self, standing: Standing, config: StstConfig, progress: Progress, previews: PreviewClock
    ) -> Iterator[Event]:
        """Optimise at one octave."""
        frame, octaves = standing.frame, self._octaves[standing.frame]
        octave = octaves[standing.octave].config
        steps = optimize(
            standing.images,
            standing.objective,
            rule=standing.rule,
            iterations=octave.iterations,
            learning_rate=octave.learning_rate,
            schedule=config.optimizer.schedule,
            first=standing.iteration,
        )
        try:
            for iteration, losses in steps:
                standing.note(iteration, losses)
                yield IterationDone(
                    sample=config.seeds,
                    frame=frame,
                    octave=octave.exponent,
                    iteration=iteration,
                    progress=progress.share(frame, octaves, standing.octave, iteration + 1),
                    terms=standing.objective.terms,
                    values=losses,
                )
                if previews.due():
                    yield Preview(frame, octave.exponent, to_frames(standing.images))
                    previews.restart()
        except DivergedError as error:
            raise DivergedError(
                f"the run diverged at frame {frame}, octave {octave.exponent}, {error}"
            ) from error

    def _compute_targets(
        self,
        statistician: Statistician,
        place: int,
        terms: tuple[AnyTerm, ...],
        sizes: list[tuple[int, int]],
        region: Region | None,
    ) -> list[dict[AnyTerm, Statistics]]:
        """Compute the targets' statistics, per octave."""
        config, chained = self._setting(place), statistician.rules.chained_resizing
        out: list[dict[AnyTerm, Statistics]] = [{} for _ in sizes]
        for term in terms:
            if is_of_pixels(term):
                pictures = through_octaves(self._color(place, self.device), sizes, chained)
                for index, picture in enumerate(pictures):
                    out[index][term] = statistician.compute_targets(term, picture, (), region)
                continue
            clip = self.targets.by_term[term]
            layers = config.term_layers(term)
            pyramid = through_octaves(
                as_tensor(clip[self.order[place]], self.device), sizes, chained
            )
            if term.startswith("temporal"):
                before = through_octaves(
                    as_tensor(clip[self.order[place - 1]], self.device), sizes, chained
                )
                pyramid = [torch.stack(pair, dim=1) for pair in zip(before, pyramid, strict=True)]
            for index, frames in enumerate(pyramid):
                out[index][term] = statistician.compute_targets(term, frames, layers, region)
        return out

    def _start(self, place: int, config: StstConfig, previous: Tensor) -> Tensor:
        """Give what a frame is optimised from: noise, or the previous frame and noise (eq. 9)."""
        frame = self._frame(place)
        if place == self._places()[0] and config.start == "noise":
            return self._noise(frame, "start")
        blended = config.blend * previous
        if config.blend < 1:
            blended = blended + (1 - config.blend) * self._noise(frame, "blend")
        return blended

    def _renew(self, place: int, previous: Tensor) -> Tensor:
        """Replace what was natural in the previous frame and is inside the region now.

        What can be named would shine through: as the start, and as what the motion continues.
        """
        if self.regions is None or place == 0:
            return previous
        entered = self.regions.find_entered(self.order[place - 1], self.order[place])
        if not entered.any():
            return previous
        new = torch.from_numpy(entered).to(self.device)
        return torch.where(new, self._anew(place, "previous"), previous)

    def _before_all(self) -> Tensor:
        """Give what stands in for the frame before the first one that is optimised."""
        images, region = self._anew(0, "previous"), self._region(0)
        return images if region is None else region.compose(images)

    def _anew(self, place: int, noise: Purpose) -> Tensor:
        """Give (B, C, H, W) noise of that purpose, or the target with random phases."""
        frame = self._frame(place)
        if self.config.start == "noise":
            return self._noise(frame, noise)
        target = self._color(place, torch.device("cpu"))
        phases = self.noise(frame, "phases")[:, 0]
        return scramble_by_noise(target, phases).clamp(0, 1).to(self.device)

    def _color(self, place: int, device: torch.device) -> Tensor:
        """Give (1, C, H, W) the frame whose colours are taken."""
        return as_tensor(self.targets.color[self.order[place]], device)[:, : self.targets.channels]

    def _region(self, place: int) -> Region | None:
        """Give what is replaced of a frame; None where it is all of it."""
        region = self.regions.at(self.order[place], self.device) if self.regions else None
        if region is None or not self.targets.grey:
            return region
        return replace(region, natural=region.natural[:, :1])

    def _through(
        self, region: Region | None, sizes: list[tuple[int, int]]
    ) -> Sequence[Region | None]:
        if region is None:
            return [None] * len(sizes)
        return region.through(sizes, self.rules.chained_resizing)

    def _noise(self, frame: int, purpose: Purpose) -> Tensor:
        return self.noise(frame, purpose)[:, : self.targets.channels].to(self.device)

    def _finish(
        self, place: int, made: FrameInMaking, previous: Tensor, progress: float
    ) -> FrameDone:
        images = to_frames(made.images)
        distances = self._distances(place, made, images, to_frames(previous))
        statistics = made.statistics(images, distances)
        frame = self._frame(place)
        return FrameDone(frame, images, statistics, made.images.cpu().numpy(), progress)

    def _distances(
        self, place: int, made: FrameInMaking, images: Frames, previous: Frames
    ) -> list[dict[str, dict[str, float]]]:
        """Give every sample's unweighted loss by term and layer, of the frames as files have them.

        Rules and precision are the same for all runs, the size is the full one, and the frame
        before is the finished one, so that the numbers can be compared and computed again.
        """
        if self._frame(place) < 0 or not made.iterations:
            return [{} for _ in images]
        config, region = self._setting(place), self._region(place)
        terms = self._terms(place)
        (wanted,) = self._compute_targets(self._yardstick, place, terms, [self.size], region)
        now, before = (
            torch.cat([as_tensor(one, self.device) for one in frames])
            for frames in (images, previous)
        )
        weights = {term: config.term_weight(term) for term in terms}
        objective = StstObjective(self._yardstick, wanted, weights, 1.0, 0.0, before, region)
        with torch.no_grad():
            return split_samples(objective.losses_by_layer(now), len(images))

    def _places(self) -> list[int]:
        """List the places in the padded order that are optimised.

        With padding the first one has no predecessor, stays noise and only serves as one.
        """
        return list(range(min(1, self.config.padding_frames), len(self.order)))

    def _last_place(self) -> int:
        """Give the last place where anything is optimised."""
        return max(place for place in self._places() if self._octaves[self._frame(place)])

    def _terms(self, place: int) -> tuple[AnyTerm, ...]:
        return active_terms(self._setting(place), place == 0, self.regions is not None)

    def _frame(self, place: int) -> int:
        return place - self.config.padding_frames

    def _setting(self, place: int) -> StstConfig:
        return self._settings[max(self._frame(place), 0)]

    def _min_sides(self, place: int) -> dict[str, int]:
        config = self._setting(place)
        out = {"the image": 2}
        for which in ("spatial", "temporal"):
            terms = [t for t in self._terms(place) if not is_of_pixels(t) and t.startswith(which)]
            stream = self.streams[which]
            if terms and stream is not None:
                layers = [layer for term in terms for layer in config.term_layers(term)]
                out[f"the {which} model {getattr(config, which).model}"] = stream.min_side(layers)
        return out
