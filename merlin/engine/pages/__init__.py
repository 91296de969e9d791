"""What people see of the engine: facts about jobs and the machine, and pages that tell them."""
