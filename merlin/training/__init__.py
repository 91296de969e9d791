"""Fine-tune jobs: what a provider must offer, how a job lives, launching and watching one."""
