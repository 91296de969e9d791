"""Run by vLLM's Python: measure proofs in one process, for a start of its server takes 40 s a base.

`python vllm_scores.py JOBS` reads a list of jobs: `base`, `adapter` ("" for none), `dtype`,
`options`, and `questions` of a proof. It prints a line of JSON a job: the scores of the base, of
the adapter, and an answer.
"""

import gc
import json
import sys
from pathlib import Path


def main(path):
    from vllm import LLM, SamplingParams
    from vllm.lora.request import LoRARequest
    from vllm.model_executor.models import registry

    # It looks at each class in a process of its own, lest that claims a GPU: 10 s each.
    registry._run_in_subprocess = lambda look: look()
    for job in json.loads(Path(path).read_text("utf-8")):
        options = job["options"]
        if job["adapter"]:
            options |= {"enable_lora": True, "max_lora_rank": 16}
        llm = LLM(
            job["base"],
            dtype=job["dtype"],
            max_model_len=512,
            max_num_seqs=4,
            enforce_eager=True,
            distributed_executor_backend="uni",
            **options,
        )
        adapter = LoRARequest("tuned", 1, job["adapter"]) if job["adapter"] else None
        asked = SamplingParams(temperature=0, max_tokens=8)
        question = [{"role": "user", "content": job["question"]}]
        [answer] = llm.chat(question, asked, lora_request=adapter, use_tqdm=False)
        result = {
            "base": score(llm, SamplingParams, job["questions"], None),
            "tuned": score(llm, SamplingParams, job["questions"], adapter),
            "answer": answer.outputs[0].text,
        }
        print(json.dumps(result), flush=True)  # noqa: T201
        del llm
        gc.collect()


def score(llm, sampling, questions, adapter):
    """Return the scores of each question's last tokens, one call a token."""
    scores = []
    for question in questions:
        tokens = question["tokens"]
        places = range(len(tokens) - question["count"], len(tokens))
        prompts = [{"prompt_token_ids": tokens[:place]} for place in places]
        asked = [
            sampling(
                temperature=0,
                max_tokens=1,
                logprobs=0,
                allowed_token_ids=[tokens[place]],
            )
            for place in places
        ]
        done = llm.generate(prompts, asked, lora_request=adapter, use_tqdm=False)
        scores.append(
            [
                answer.outputs[0].logprobs[0][tokens[place]].logprob
                for answer, place in zip(done, places, strict=True)
            ]
        )
    return scores


if __name__ == "__main__":
    main(sys.argv[1])
