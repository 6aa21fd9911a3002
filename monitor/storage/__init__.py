"""What outlives the process: runs, incidents, events and the outbox, in one SQL database.

`database` opens it, `tables` describes it, `store` writes and reads what the daemon knows, `outbox`
hands out deliveries, `retention` forgets old runs. Whatever is SQLite's own stands in `database`.
"""
