"""What is sampled and how often, and the latest snapshot of it. Plain asyncio, no screen."""
