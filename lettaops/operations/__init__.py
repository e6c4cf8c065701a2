"""Acts: their plans, their locks, their record, their execution."""
