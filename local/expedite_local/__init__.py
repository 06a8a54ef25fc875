"""Starts the whole system on this machine, from the real template.

``python -m expedite_local up`` starts the emulator, deploys the template to it, starts the broker that the template
describes and the poller of its event source mapping, and ends them all when it ends itself.
"""
