"""What an engine must answer, asked of the sandbox's engine and of real ones alike."""
