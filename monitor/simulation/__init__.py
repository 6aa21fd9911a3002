"""A simulated Claude: what it answers while something breaks, over sockets and in virtual time."""

from monitor.simulation.exchange import SimRequest, SimResponse, Transport
from monitor.simulation.scenario import Scenario, ScenarioError, load_scenario
from monitor.simulation.world import World

__all__ = [
    "Scenario",
    "ScenarioError",
    "SimRequest",
    "SimResponse",
    "Transport",
    "World",
    "load_scenario",
]
