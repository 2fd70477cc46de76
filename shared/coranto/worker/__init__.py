"""Running a stage: delivery, retries, dead letters, recovery, health. The one package that knows the broker.

Nothing is imported here, so that a handler's module (`coranto.worker.stage`) stays light to import.
"""
