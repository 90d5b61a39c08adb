"""One-second clips of six words, other words and silence, spoken by espeak-ng in 80 voices, as log-mel spectrograms.

    apt-get install espeak-ng            # Debian 12: 1.51
    python benchmarks/accuracy/spoken_words.py keywords.npz

Synthetic speech does not transfer to real speech: a net trained on this knows espeak-ng, not people. The data are for
comparing float with int8, nothing else. 8 accents of English, each by 10 of espeak-ng's voice variants; of these, 2 per
accent are for testing, so that no test voice is heard in training. Pitch, speed, place, loudness and noise are seeded.
Writes train_x, test_x: float32 [N, 49, 40, 1], train_y, test_y: classes in the order of CLASSES.
"""

from __future__ import annotations

import io
import subprocess
import sys
import wave
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]

WORDS = ("yes", "no", "stop", "go", "left", "right")
CLASSES = (*WORDS, "unknown", "silence")
OTHERS = ("house", "seven", "water", "window", "lemon", "paper", "nest", "row", "stock", "goat", "lift", "ride")
ACCENTS = ("en-gb", "en-us", "en-gb-scotland", "en-gb-x-gbclan", "en-gb-x-rp", "en-gb-x-gbcwmd", "en-029", "en-us-nyc")
VARIANTS = ("m1", "m3", "m4", "m7", "f1", "f2", "f4", "klatt2", "m6", "f3")
TEST_VARIANTS = VARIANTS[-2:]
TAKES = 4  # of every class by every voice
RATE = 16_000
WINDOW, STEP, BANDS = 480, 320, 40  # 30 ms every 20 ms
LOWEST_HZ, HIGHEST_HZ = 20.0, 7600.0


def spoken(word: str, voice: str, pitch: int, speed: int) -> Samples:
    """The word at 16 kHz, -1 to 1, without the silence around it."""
    command = ["espeak-ng", "-v", voice, "-p", str(pitch), "-s", str(speed), "--stdout", word]
    data = subprocess.run(command, capture_output=True, check=True).stdout
    with wave.open(io.BytesIO(data)) as file:
        rate, raw = file.getframerate(), file.readframes(1 << 20)
    signal = np.frombuffer(raw, np.int16) / 32768.0
    loud = np.flatnonzero(np.abs(signal) > 0.01)
    signal = signal[loud[0] : loud[-1] + 1]
    return resampled(signal, rate)[:RATE]


def resampled(signal: Samples, rate: int) -> Samples:
    """At RATE, by way of the spectrum."""
    spectrum = np.fft.rfft(signal)
    count = len(signal) * RATE // rate
    return np.fft.irfft(spectrum[: count // 2 + 1], count) * (count / len(signal))


def clip(word: Samples | None, rng: np.random.Generator) -> Samples:
    """One second: the word, if any, somewhere in noise."""
    colour = rng.uniform(0, 0.95)  # white to rumbling
    noise = rng.normal(size=RATE + 200)
    for at in range(1, len(noise)):
        noise[at] += colour * noise[at - 1]
    noise = noise[200:] / noise.std()
    whole = noise * 10 ** rng.uniform(-2.6, -1.4)
    if word is not None:
        loudness = 10 ** rng.uniform(-1.3, -0.5) / max(float(np.sqrt((word**2).mean())), 1e-4)
        place = int(rng.integers(0, RATE - len(word) + 1))
        whole[place : place + len(word)] += word * loudness
    return np.clip(whole, -1, 1)


def filter_bank() -> NDArray[np.float64]:
    """Triangles [BANDS, WINDOW // 2 + 1], equally wide in mel (O'Shaughnessy 1987: 2595 log10(1 + f / 700))."""
    edges = np.linspace(*(2595 * np.log10(1 + np.array([LOWEST_HZ, HIGHEST_HZ]) / 700)), BANDS + 2)
    hertz = 700 * (10 ** (edges / 2595) - 1)
    bins = np.arange(WINDOW // 2 + 1) * RATE / WINDOW
    rising = (bins - hertz[:-2, None]) / (hertz[1:-1] - hertz[:-2])[:, None]
    falling = (hertz[2:, None] - bins) / (hertz[2:] - hertz[1:-1])[:, None]
    return np.maximum(np.minimum(rising, falling), 0)


def log_mel(signal: Samples) -> NDArray[np.float32]:
    """[49, BANDS, 1]: natural logarithm of the energy in each band."""
    starts = range(0, RATE - WINDOW + 1, STEP)
    windows = np.stack([signal[at : at + WINDOW] for at in starts]) * np.hanning(WINDOW)
    energy = np.abs(np.fft.rfft(windows)) ** 2 @ filter_bank().T
    return np.log(energy + 1e-6).astype(np.float32)[..., None]


def voice_clips(voice: str, seed: int) -> list[tuple[NDArray[np.float32], int]]:
    rng = np.random.default_rng(seed)
    found = []
    for label, name in enumerate(CLASSES):
        for _ in range(TAKES):
            word = str(rng.choice(OTHERS)) if name == "unknown" else name
            pitch, speed = int(rng.integers(20, 80)), int(rng.integers(120, 220))
            sound = None if name == "silence" else spoken(word, voice, pitch, speed)
            found.append((log_mel(clip(sound, rng)), label))
    return found


def main(output: str) -> None:
    arrays = {}
    with ThreadPoolExecutor(2) as pool:
        for part in ("train", "test"):
            voices = [f"{a}+{v}" for a in ACCENTS for v in VARIANTS if (v in TEST_VARIANTS) == (part == "test")]
            seeds = [len(VARIANTS) * 1000 * (part == "test") + at for at in range(len(voices))]
            clips = [pair for found in pool.map(voice_clips, voices, seeds) for pair in found]
            arrays[f"{part}_x"] = np.stack([features for features, _ in clips])
            arrays[f"{part}_y"] = np.array([label for _, label in clips], np.uint8)
            print(f"{part}: {len(clips)} clips by {len(voices)} voices")
    np.savez_compressed(output, **arrays)


if __name__ == "__main__":
    main(sys.argv[1])
