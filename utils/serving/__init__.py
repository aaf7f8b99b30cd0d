"""The tagger as a service: a page, an API and a Lab widget that highlight entities while one types.

From the inside out: `incremental` (only changed sentences are computed), `batching` (a bounded queue in
front of the worker threads), `service` (the two together, with numbers for Prometheus), `app` (REST,
WebSocket, page), `server` and `models` (`python -m utils.serving`), `load` (many typists at once),
`trials` (servers under load, for notebook 09), `widget` (the page's module inside JupyterLab),
`ray_deployment` (more than one machine).
"""
