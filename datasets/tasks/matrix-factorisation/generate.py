"""Invented interactions of users with items: who used what, once."""

import numpy as np

USERS, ITEMS, TASTES = 400, 300, 6
MEAN_USED = 30  # items a user


def interactions(seed=0):
    """(n, 2) int64 of user and item, no pair twice, in the order of time for each user.

    A user takes to an item by how well two vectors of tastes agree, by the item's popularity, and by chance.
    """
    generator = np.random.default_rng(seed)
    users = generator.dirichlet(np.full(TASTES, 0.3), USERS)
    items = generator.dirichlet(np.full(TASTES, 0.2), ITEMS)
    popularity = generator.normal(scale=0.7, size=ITEMS)
    appeal = users @ items.T / items.std() + popularity
    pairs = []
    for user in range(USERS):
        used = min(max(10, generator.poisson(MEAN_USED)), ITEMS // 2)
        liked = appeal[user] + generator.gumbel(size=ITEMS)
        pairs += [(user, item) for item in generator.permutation(np.argsort(-liked)[:used])]
    return np.array(pairs)
