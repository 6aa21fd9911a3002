"""The pages, the JSON API, health and the scrape: it reads, and has no way to change anything.

`ports.py` says what it needs of the rest, `server.py` joins the routes and holds the limits,
`api.py` and `status_page.py` answer, `shapes.py` and `words.py` are the pure half of those two.
"""

from monitor.web.ports import (
    DeliveryHealth,
    Health,
    HealthReader,
    IncidentReader,
    PastRun,
    ScrapeSource,
    StatusReader,
    StoreHealth,
    WebDeps,
)
from monitor.web.server import WebError, WebServer, create_app

__all__ = [
    "DeliveryHealth",
    "Health",
    "HealthReader",
    "IncidentReader",
    "PastRun",
    "ScrapeSource",
    "StatusReader",
    "StoreHealth",
    "WebDeps",
    "WebError",
    "WebServer",
    "create_app",
]
