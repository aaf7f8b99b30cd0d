"""The tagger as a service: a page, an API and a Lab widget that highlight entities while one types.

In reading order, from the inside out:

- `refusals`: what the service says when it does not answer
- `incremental`: only changed sentences are computed
- `batching`: a bounded queue in front of the worker threads
- `metrics`: numbers for Prometheus
- `settings`: how much one service takes on, and for whom
- `service`: the five together
- `messages`: what goes over the wire
- `limits`, `security`: who may ask and how often; what goes around every response
- `refusing`: whatever goes wrong, REST says it in our words
- `conversation`: the WebSocket
- `app`: REST, WebSocket, health, metrics and the page
- `models`: which tagger is served
- `server`, `__main__`: one process that serves one application (`python -m utils.serving`), and what gunicorn starts
- `widget`: the page's module inside JupyterLab
- `load`: many typists at once
- `trials`: servers under load, for notebook 09
- `ray_deployment`: more than one machine

May import: `files`, `text`, `tagger`, `model`, `measure`, `compress`, `engines`, `studies`.
"""
