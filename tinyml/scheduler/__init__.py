"""Schedules: which nodes run together, in what order, and where every byte lies."""

from tinyml.scheduler.choice import fits
from tinyml.scheduler.plan import Buffer, Flash, Group, Order, Plan, Preference, Scratch, Step
from tinyml.scheduler.planner import make_plan

__all__ = ["Buffer", "Flash", "Group", "Order", "Plan", "Preference", "Scratch", "Step", "fits", "make_plan"]
