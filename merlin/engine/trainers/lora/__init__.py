"""LoRA training of open language models, in processes of their own."""
