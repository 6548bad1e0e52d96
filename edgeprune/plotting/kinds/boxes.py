"""Objects found: boxes or points over the image; below, how precise they are over the split."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from edgeprune.data.examples import evaluated, whole
from edgeprune.metrics.detection import AveragePrecision
from edgeprune.plotting import style
from edgeprune.plotting.kinds.kind import Cell, Kind, Sample, dots, faded, markers, pixels, show
from edgeprune.reporting import Row

#: Drawn detections of an image, at most.
MOST = 10
BATCH = 64
TRUE: dict[str, Any] = {
    "color": "white",
    "linewidth": 0.9,
    "path_effects": [withStroke(linewidth=1.9, foreground="black")],
}
RIGHT: dict[str, Any] = {"color": style.PALETTE[0], "linestyle": "-", "linewidth": 1.5}
WRONG: dict[str, Any] = {"color": style.PALETTE[1], "linestyle": (0, (2.5, 1)), "linewidth": 1.5}
RING: dict[str, Any] = {**TRUE, "marker": "o", "markersize": 8, "fillstyle": "none", "linestyle": ""}


class Boxes(Kind):
    """Right is what takes a true box of its class at IoU 0.5; the curve below is at that IoU, too.

    Attributes:
        least: detections of a lower score are left out.
        right, names: what the caption and the legend say.
    """

    panel = 2.9
    least = 0.3
    right = "it has an IoU of at least 0.5 with a true box of its class that no better one took"
    names: ClassVar[tuple[str, str, str]] = ("true box", "detection, right", "detection, wrong")

    def scores(self, outputs: Mapping[str, np.ndarray], picture: Any, target: np.ndarray) -> dict[str, float]:
        _, scores, _, right = picture
        drawn = scores >= self.least
        hits = int((right & drawn).sum())
        return {"right": hits, "wrong": int(drawn.sum()) - hits, "missed": int((target[:, 0] >= 0).sum()) - hits}

    def cells(self, sample: Sample) -> list[Cell]:
        size, photograph = (sample.image.shape[1], sample.image.shape[2]), pixels(sample.image)
        truth = sample.target[sample.target[:, 0] >= 0]

        def paint(ax: Axes, found: Any) -> None:
            show(ax, photograph if found is None else faded(photograph), size)
            for row in truth:
                place = self.true(ax, row[1:])
                if found is None:
                    _name(ax, self.classes[int(row[0])], place, size, "black")
            drawn = [row for row in zip(*(found or ((),) * 4)) if row[1] >= self.least]
            # The best over the others; names above what is right and below what is wrong, often on the same object.
            for place, score, label, right in sorted(drawn, key=lambda row: row[1])[-MOST:]:
                look = RIGHT if right else WRONG
                self.found(ax, place, look)
                box = np.clip(np.resize(place, 4), 0, np.resize(size[::-1], 4)).tolist()
                _name(ax, f"{self.classes[label]} {score:.2f}", box, size, look["color"], below=not right)
            ax.set(xlim=(0, size[1]), ylim=(size[0], 0))

        def cell(variant: str) -> str:
            return "\n".join(f"{count} {name}" for name, count in sample.scores[variant].items())

        return [
            Cell("truth", f"test image {sample.index + 1}", partial(paint, found=None)),
            *(
                Cell(one.name, cell(one.run["variant"]), partial(paint, found=sample.found[one.run["variant"]]))
                for one in self.series
            ),
        ]

    def true(self, ax: Axes, box: np.ndarray) -> Sequence[float]:
        """Draw a true box, and return what its name stands at."""
        _rectangle(ax, box, TRUE)
        return box.tolist()

    def found(self, ax: Axes, place: np.ndarray, look: dict[str, Any]) -> None:
        """Draw a detection."""
        _rectangle(ax, place, look)

    def legend(self, samples: Sequence[Sample]) -> list[Any]:
        return [Line2D([], [], label=name, **look) for name, look in zip(self.names, (TRUE, RIGHT, WRONG))]

    def below(self, figure: SubFigure) -> list[Row]:
        ax: Axes = figure.subplots()
        handles, rows = markers(self.series, self.looks, linestyle="-"), list[Row]()
        for index, (one, handle) in enumerate(zip(self.series, handles)):
            precision, recall = self.curve(one.predict)
            look = self.looks.marker(one.run, 5)
            ax.plot(100 * recall, 100 * precision, linewidth=1.2, markevery=(3 * index, 20), **look)
            handle.set_label(f"{one.name}: AP {100 * precision.mean():.1f} %")
            rows += [
                {"variant": one.run["variant"], "name": f"precision at recall {r:.2f}", "value": float(p)}
                for p, r in zip(precision, recall)
            ]
        ax.set(xlim=(0, 100), ylim=(0, 103), xlabel="Recall (%)", ylabel="Precision (%)")
        figure.legend(handles=handles, loc="outside right center", fontsize="small")
        return rows

    def curve(self, predict: Any) -> tuple[np.ndarray, np.ndarray]:
        """Precision and recall at IoU 0.5 over the whole split."""
        found = AveragePrecision(len(self.classes))
        for inputs, targets in evaluated(self.task, self.samples, "test", BATCH):
            outputs = whole(predict, inputs, self.task.input_shape)
            for number, target in enumerate(targets):
                boxes, scores, labels, _ = self.task.picture(
                    {name: value[number : number + 1] for name, value in outputs.items()}, target
                )
                truth = target[target[:, 0] >= 0]
                found.update(boxes, scores, labels, truth[:, 1:], truth[:, 0].astype(int))
        return found.curve()

    def summary(self, scores: Sequence[Mapping[str, float]]) -> str:
        return ", ".join(f"{sum(each[name] for each in scores)} {name}" for name in scores[0])

    def explain(self) -> str:
        counted = (
            f"Counted are detections with a score of at least {self.least:g}"
            if self.least
            else "All points are counted"
        )
        return (
            f"{counted}, drawn the best {MOST} of them, with class and score; one is right if {self.right}. "
            f"{self.rest()}"
        )

    def rest(self) -> str:
        """Of the caption, about what is below."""
        return (
            "Below, precision against recall at IoU 0.5 over all scores and the whole split, the mean over the "
            "classes; AP is its mean, of these runs."
        )


class Points(Boxes):
    """Right is what the task says, true centres are rings."""

    panel = 2.2
    least = 0.0
    right = "it takes a true centre of its class, as the scores count it"
    names: ClassVar[tuple[str, str, str]] = ("true centre", "point, right", "point, wrong")

    def true(self, ax: Axes, box: np.ndarray) -> Sequence[float]:
        centre = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        ax.plot(*centre, **RING)
        return *centre, *centre

    def found(self, ax: Axes, place: np.ndarray, look: dict[str, Any]) -> None:
        ax.plot(*place, **_mark(look))

    def legend(self, samples: Sequence[Sample]) -> list[Any]:
        looks = (RING, _mark(RIGHT), _mark(WRONG))
        return [Line2D([], [], label=name, **look) for name, look in zip(self.names, looks)]

    def below(self, figure: SubFigure) -> list[Row]:
        ax: Axes = figure.subplots()
        head, *others = self.task.metrics
        columns = {head.title: "test"} | {metric.title: f"test_{metric.name}" for metric in others}
        rows = dots(ax, self.series, columns, self.looks)
        ax.set_ylabel("Test split (%)")
        figure.legend(handles=markers(self.series, self.looks), loc="outside right center", fontsize="small")
        return rows

    def rest(self) -> str:
        return (
            "Below, the scores over the whole split, means over the runs with one sample standard deviation each way."
        )


def _mark(look: dict[str, Any]) -> dict[str, Any]:
    shape = "P" if look is RIGHT else "X"
    return {"color": look["color"], "marker": shape, "markersize": 6.5, "markeredgecolor": "white", "linestyle": ""}


def _rectangle(ax: Axes, box: np.ndarray, look: dict[str, Any]) -> None:
    corner, size = (box[0], box[1]), (box[2] - box[0], box[3] - box[1])
    ax.add_patch(Rectangle(corner, *size, fill=False, **look))


def _name(ax: Axes, text: str, box: Sequence[float], size: tuple[int, int], color: Any, below: bool = False) -> None:
    """Write on ``color`` at a side of the box, beside a point; inside the image of that size (height, width)."""
    left, y = box[0] < 0.6 * size[1], box[3] if below else box[1]
    gap = 1.5 if box[0] < box[2] else 5
    under = y < 0.9 * size[0] if below else y < 0.1 * size[0]
    ax.annotate(
        text, (box[0] if left else box[2], y), (0, -gap if under else gap), textcoords="offset points", fontsize=5.5,
        ha="left" if left else "right", va="top" if under else "bottom", clip_on=True,
        color="black" if color == WRONG["color"] else "white",
        bbox={"facecolor": color, "edgecolor": "none", "pad": 0.7, "alpha": 0.85},
    )  # fmt: skip
