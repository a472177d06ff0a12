"""Writes simulated-taxi-fares.csv: invented trips, priced by New York's published taxi fare rules.

    python generate_taxi_fares.py [rows] [file]

Needs Python and numpy. The rules are those of the city's Taxi and Limousine Commission for September 2012 to
December 2022, standard city rate: $2.50 at the start; $0.50 for each fifth of a mile above 12 mph, or for
each 60 seconds when slower or standing; $0.50 from 20:00 to 6:00; $1.00 on weekdays from 16:00 to 20:00;
$0.50 state surcharge; between Manhattan and JFK airport a flat $52.00, with $4.50 more on weekdays from 16:00
to 20:00. All else (demand, ways, speeds, waiting, agreed prices, slips, gaps) is made up. No trip is real.
"""

import csv
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np

ROWS = 5_500
SEED = 20_120_904
FIRST_DAY = datetime(2019, 3, 1)
DAYS = 31

START, UNIT = 2.50, 0.50  # dollars
UNIT_MILES, UNIT_SECONDS = 0.2, 60.0
SLOW_MPH = 12.0  # below, the meter counts time
NIGHT, PEAK, STATE = 0.50, 1.00, 0.50
JFK_FLAT, JFK_PEAK = 52.00, 4.50

# demand by hour of the day, weekdays and weekends: quiet before dawn, busy in the evening
WEEKDAY = np.array(
    [16, 10, 6, 4, 4, 7, 18, 32, 40, 40, 38, 38, 40, 40, 42, 42, 38, 46, 54, 54, 48, 46, 40, 28]
)
WEEKEND = np.array(
    [40, 32, 24, 16, 9, 5, 6, 9, 15, 24, 32, 37, 41, 42, 42, 42, 42, 43, 46, 45, 41, 40, 41, 40]
)
FREE_FLOW_MPH, JAM_MPH = 21.0, 8.5


class Zone(NamedTuple):
    name: str
    borough: str
    east: float  # miles from the Battery
    north: float
    demand: float


ZONES = (
    Zone("Financial District", "Manhattan", 0.1, 0.5, 5),
    Zone("Tribeca", "Manhattan", 0.0, 1.2, 4),
    Zone("Chinatown", "Manhattan", 0.8, 1.2, 2),
    Zone("Greenwich Village", "Manhattan", 0.6, 2.1, 6),
    Zone("East Village", "Manhattan", 1.3, 2.0, 6),
    Zone("Chelsea", "Manhattan", 0.6, 3.1, 8),
    Zone("Gramercy", "Manhattan", 1.5, 2.9, 7),
    Zone("Penn Station", "Manhattan", 0.9, 3.6, 9),
    Zone("Murray Hill", "Manhattan", 1.7, 3.6, 8),
    Zone("Times Square", "Manhattan", 1.3, 4.2, 10),
    Zone("Midtown East", "Manhattan", 2.0, 4.3, 11),
    Zone("Clinton", "Manhattan", 0.9, 4.5, 6),
    Zone("Lenox Hill", "Manhattan", 2.6, 5.1, 9),
    Zone("Lincoln Square", "Manhattan", 1.5, 5.3, 8),
    Zone("Upper East Side", "Manhattan", 2.9, 6.0, 12),
    Zone("Upper West Side", "Manhattan", 1.9, 6.3, 10),
    Zone("East Harlem", "Manhattan", 3.5, 7.1, 3),
    Zone("Central Harlem", "Manhattan", 2.7, 7.8, 3),
    Zone("Washington Heights", "Manhattan", 2.5, 10.0, 1),
    Zone("Mott Haven", "Bronx", 4.2, 8.0, 0.7),
    Zone("Fordham", "Bronx", 4.9, 11.2, 0.5),
    Zone("Astoria", "Queens", 4.7, 5.0, 2),
    Zone("Long Island City", "Queens", 3.3, 3.7, 2),
    Zone("Jackson Heights", "Queens", 6.5, 4.2, 1),
    Zone("Flushing", "Queens", 9.6, 4.8, 0.5),
    Zone("LaGuardia Airport", "Queens", 7.6, 5.5, 4),
    Zone("JFK Airport", "Queens", 12.4, -3.8, 3.5),
    Zone("Williamsburg", "Brooklyn", 3.0, 1.3, 2.5),
    Zone("Brooklyn Heights", "Brooklyn", 1.2, -0.4, 2),
    Zone("Park Slope", "Brooklyn", 2.1, -2.2, 1.5),
    Zone("Bushwick", "Brooklyn", 4.9, 0.1, 1),
    Zone("Bay Ridge", "Brooklyn", -0.2, -5.2, 0.4),
)


class Trip(NamedTuple):
    pickup: datetime
    dropoff: datetime
    passengers: int | str
    distance: float  # miles, as the meter wrote it
    pickup_zone: str
    dropoff_zone: str
    pickup_borough: str
    dropoff_borough: str
    payment: str
    fare: float  # dollars, with surcharges, without tip and tolls


def is_peak(moment: datetime) -> bool:
    return moment.weekday() < 5 and 16 <= moment.hour < 20


def metered(miles: float, seconds: float, waiting: float, moment: datetime) -> float:
    """The fare in dollars for a way, the seconds it was driven in, and the seconds the taxi stood."""
    moving = miles / UNIT_MILES if miles / max(seconds, 1.0) * 3600 >= SLOW_MPH else seconds / UNIT_SECONDS
    units = int(moving + waiting / UNIT_SECONDS)
    night = NIGHT if moment.hour >= 20 or moment.hour < 6 else 0.0
    return START + UNIT * units + night + PEAK * is_peak(moment) + STATE


def is_flat(origin: Zone, goal: Zone) -> bool:
    return "JFK Airport" in (origin.name, goal.name) and "Manhattan" in (origin.borough, goal.borough)


def draw_moment(generator: np.random.Generator) -> datetime:
    day = FIRST_DAY + timedelta(days=int(generator.integers(DAYS)))
    demand = WEEKDAY if day.weekday() < 5 else WEEKEND
    hour = int(generator.choice(24, p=demand / demand.sum()))
    return day + timedelta(hours=hour, seconds=int(generator.integers(3600)))


def draw_zones(generator: np.random.Generator) -> tuple[Zone, Zone]:
    """Origins by demand; goals by demand, the nearer the likelier, airports from anywhere."""
    demand = np.array([zone.demand for zone in ZONES])
    origin = ZONES[generator.choice(len(ZONES), p=demand / demand.sum())]
    miles = np.array([abs(z.east - origin.east) + abs(z.north - origin.north) for z in ZONES])
    airport = np.array(["Airport" in zone.name for zone in ZONES])
    pull = demand * np.where(airport | ("Airport" in origin.name), 0.35, np.exp(-miles / 2.2))
    pull[ZONES.index(origin)] *= 0.0 if "Airport" in origin.name else 0.5
    return origin, ZONES[generator.choice(len(ZONES), p=pull / pull.sum())]


def draw_trip(generator: np.random.Generator) -> Trip:
    moment = draw_moment(generator)
    origin, goal = draw_zones(generator)
    spots = generator.normal(0.0, 0.3, 4)  # where in its zone a trip begins and ends, miles
    east = abs(goal.east - origin.east + spots[0] - spots[1])
    north = abs(goal.north - origin.north + spots[2] - spots[3])
    miles = max(0.2, (east + north) * 0.92 * float(generator.lognormal(0.05, 0.12)))
    demand = WEEKDAY if moment.weekday() < 5 else WEEKEND
    crowd = demand[moment.hour] / 54.0
    highway = min(1.6, 0.8 + miles / 15.0)
    mph = (
        (FREE_FLOW_MPH - (FREE_FLOW_MPH - JAM_MPH) * crowd) * highway * float(generator.lognormal(0.0, 0.25))
    )
    driving = miles / mph * 3600
    waiting = float(generator.exponential(90.0 + 70.0 * miles * crowd))
    if is_flat(origin, goal) and generator.random() < 0.96:
        fare = JFK_FLAT + JFK_PEAK * is_peak(moment) + STATE
    else:
        fare = metered(miles, driving, waiting, moment)
    if generator.random() < 0.05:  # a price agreed on beforehand
        fare = float(np.round(max(5.0, fare * generator.lognormal(0.05, 0.35))))
    passengers: int | str = int(generator.choice([1, 2, 3, 4, 5, 6], p=[0.72, 0.14, 0.04, 0.02, 0.05, 0.03]))
    return Trip(
        pickup=moment,
        dropoff=moment + timedelta(seconds=round(driving + waiting)),
        passengers="" if generator.random() < 0.02 else passengers,
        distance=0.0 if generator.random() < 0.02 else round(miles, 2),
        pickup_zone=origin.name,
        dropoff_zone=goal.name,
        pickup_borough=origin.borough,
        dropoff_borough=goal.borough,
        payment=str(generator.choice(["credit card", "cash", ""], p=[0.70, 0.29, 0.01])),
        fare=round(fare, 2),
    )


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    default = Path(__file__).with_name("simulated-taxi-fares.csv")
    path = Path(sys.argv[2]) if len(sys.argv) > 2 else default
    generator = np.random.default_rng(SEED)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Trip._fields)
        writer.writerows(draw_trip(generator) for _ in range(rows))


if __name__ == "__main__":
    main()
