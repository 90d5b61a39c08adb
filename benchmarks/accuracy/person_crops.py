"""Crops with and without a person out of a surveillance video, 96x96 grey, labelled by background subtraction.

    apt-get download opencv-doc && dpkg -x opencv-doc_*.deb doc      # Debian 12: 4.6.0+dfsg-12
    pip install opencv-python-headless
    python benchmarks/accuracy/person_crops.py doc/usr/share/doc/opencv-doc/examples/data/vtest.avi person.npz

vtest.avi (768x576, 10 frames a second, 795 frames) shows pedestrians from a fixed camera. The background is the median
of frames; what differs from it in one blob as tall and narrow as a pedestrian is one. Background crops are squares of
the same sizes, anywhere in the same frames where nothing differs. Nobody checked every label: some will be wrong, and
both classes come from one scene. The first 65 % of the time are for training, the last 30 % for testing, the rest for
neither.
Writes train_x, test_x: uint8 [N, 96, 96, 1]; train_y, test_y: 1 person, 0 none.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
SIDE = 96
EVERY = 5  # frames
DIFFERENCE = 28  # grey levels between person and background
TRAIN_UNTIL, TEST_FROM = 0.65, 0.70  # of the frames
SIDE_PER_HEIGHT = 1.25  # of a crop to its blob


def frames(path: str) -> list[Image]:
    video = cv2.VideoCapture(path)
    if not video.isOpened():
        raise SystemExit(f"{path} cannot be read as a video")
    found: list[Image] = []
    while True:
        there, frame = video.read()
        if not there:
            return found
        found.append(frame)


def foreground(frame: Image, background: Image) -> Image:
    difference = np.abs(frame.astype(np.int16) - background).max(axis=2)
    mask = (difference > DIFFERENCE).astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((13, 7), np.uint8))


def squares(mask: Image) -> Iterator[tuple[int, int, int]]:
    """(row, column, side) around every blob of a pedestrian's shape."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask)
    for left, top, width, height, area in stats[1:count]:
        tall = 1.4 <= height / width <= 4.0 and 45 <= height <= 170
        if tall and area >= 0.4 * width * height:
            side = int(height * SIDE_PER_HEIGHT)
            yield top + height // 2 - side // 2, left + width // 2 - side // 2, side


def crop(grey: Image, row: int, column: int, side: int) -> Image | None:
    """None where the square leaves the frame."""
    if row < 0 or column < 0 or row + side > grey.shape[0] or column + side > grey.shape[1]:
        return None
    cut: Image = cv2.resize(grey[row : row + side, column : column + side], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return cut


def crops(frame: Image, background: Image, rng: np.random.Generator) -> Iterator[tuple[Image, int]]:
    grey, mask = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), foreground(frame, background)
    found = list(squares(mask))
    for square in found:
        image = crop(grey, *square)
        if image is not None:
            yield image, 1
    sides = [side for _, _, side in found] or [96]
    for _ in range(30):
        side = int(rng.choice(sides))
        row, column = int(rng.integers(0, grey.shape[0] - side)), int(rng.integers(0, grey.shape[1] - side))
        image = crop(grey, row, column, side)
        if image is not None and not mask[row : row + side, column : column + side].any():
            yield image, 0


def main(video: str, output: str) -> None:
    rng = np.random.default_rng(0)
    taken = frames(video)
    background = np.median(np.stack(taken[::16]), axis=0).astype(np.uint8)
    sets: dict[str, list[tuple[Image, int]]] = {"train": [], "test": []}
    for index in range(0, len(taken), EVERY):
        time = index / len(taken)
        part = "train" if time < TRAIN_UNTIL else "test" if time >= TEST_FROM else None
        if part:
            found = list(crops(taken[index], background, rng))
            people = [pair for pair in found if pair[1]]
            others = [pair for pair in found if not pair[1]]
            sets[part] += people + others[: len(people) * 3 // 2]
    arrays = {}
    for part, pairs in sets.items():
        arrays[f"{part}_x"] = np.stack([image for image, _ in pairs])[..., None]
        arrays[f"{part}_y"] = np.array([label for _, label in pairs], np.uint8)
        print(
            f"{part}: {sum(label for _, label in pairs)} with a person, {sum(not label for _, label in pairs)} without"
        )
    np.savez_compressed(output, **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:3])
