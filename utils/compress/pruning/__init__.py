"""Which heads, neurons and characters go, what that will save, and taking them out for real.

Three steps that stay apart: select (a score in, numbers out), predict (before anything is done) and
remove. Heads, neurons and characters keep their **original** numbers for ever.

- `select`: the lowest scores, of the whole network or of each layer
- `cost`: parameters, bytes and multiply-adds of what would be left, by arithmetic alone
- `remove`: smaller matrices, and masks that answer like them
"""
