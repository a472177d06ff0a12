"""An invented table of impressions: who was shown what, when, and whether they clicked."""

import numpy as np

FIELDS = {"user": 600, "item": 400, "genre": 12, "age": 7, "device": 3, "hour": 24}  # distinct codes of each
ROWS = 16_000
TASTES = 3


def impressions(seed=0):
    """Codes (rows, fields) int64 and clicks (rows,) int64, in the order of time.

    A click depends on how user and item, age and genre, and device and hour go together, on a little of each
    alone, and on chance.
    """
    generator = np.random.default_rng(seed)
    genre_of = generator.integers(FIELDS["genre"], size=FIELDS["item"])
    age_of = generator.integers(FIELDS["age"], size=FIELDS["user"])
    user = generator.integers(FIELDS["user"], size=ROWS)
    item = np.minimum(
        generator.geometric(0.01, size=ROWS) - 1, FIELDS["item"] - 1
    )  # few items are shown often
    device, hour = (
        generator.integers(FIELDS["device"], size=ROWS),
        generator.integers(FIELDS["hour"], size=ROWS),
    )
    codes = np.stack([user, item, genre_of[item], age_of[user], device, hour], axis=1)
    alone = [generator.normal(scale=0.4, size=size) for size in FIELDS.values()]
    tastes = [generator.normal(size=(size, TASTES)) for size in FIELDS.values()]
    logit = -1.2 + sum(effect[codes[:, place]] for place, effect in enumerate(alone))
    for one, other, strength in ((0, 1, 0.8), (3, 2, 0.6), (4, 5, 0.5)):
        logit += strength * (tastes[one][codes[:, one]] * tastes[other][codes[:, other]]).sum(axis=1)
    return codes, (generator.random(ROWS) < 1 / (1 + np.exp(-logit))).astype(np.int64)
