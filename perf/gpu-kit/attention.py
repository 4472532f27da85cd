"""Time and memory of PyTorch's scaled_dot_product_attention, forward and backward; prints one line of JSON.

attention.py --tokens 2048,8192 --layouts 16:16:64,32:8:64 --device cuda:0
attention.py --cublas     prints the copies of cuBLAS that Python packages have brought along, without importing anything
"""
import argparse
import glob
import json
import os
import statistics
import sys
import time


def cublas():
    found = []
    for folder in sys.path:
        for pattern in ("nvidia/cublas/lib", "nvidia/cu[0-9]*/lib", "torch/lib"):
            found += sorted(glob.glob(os.path.join(folder, pattern, "libcublas.so*")))
    return found


def variants(torch, heads, key_heads):
    """Ways to call it: where query heads share keys, by repeating these or by the operator's own option; the faster one counts."""
    attend = torch.nn.functional.scaled_dot_product_attention
    if heads == key_heads:
        return {"is_causal": lambda q, k, v: attend(q, k, v, is_causal=True)}
    share = heads // key_heads
    return {
        "repeated keys": lambda q, k, v: attend(q, k.repeat_interleave(share, 1), v.repeat_interleave(share, 1), is_causal=True),
        "enable_gqa": lambda q, k, v: attend(q, k, v, is_causal=True, enable_gqa=True),
    }


def measure(torch, device, run):
    """Median milliseconds, at most eleven rounds or two seconds of them, and the peak of memory."""
    is_cuda = device.type == "cuda"

    def once():
        if is_cuda:
            torch.cuda.synchronize(device)
        start = time.perf_counter()
        run()
        if is_cuda:
            torch.cuda.synchronize(device)
        return time.perf_counter() - start

    once()
    if is_cuda:
        torch.cuda.reset_peak_memory_stats(device)
    seconds = []
    while not seconds or (len(seconds) < 11 and sum(seconds) < 2):
        seconds.append(once())
    return statistics.median(seconds) * 1e3, torch.cuda.max_memory_allocated(device) if is_cuda else None


def row(torch, device, heads, key_heads, width, tokens, dtype):
    def new(count):
        return torch.randn(1, count, tokens, width, device=device, dtype=dtype)

    q, k, v, out = new(heads), new(key_heads), new(key_heads), new(heads)
    for operand in (q, k, v):
        operand.requires_grad_()
    # Operands, and results of the same sizes; other memory is what the operator takes for itself.
    own = sum(t.numel() * t.element_size() for t in (q, k, v, out, q, k, v))
    best, failures = None, []
    for name, attend in variants(torch, heads, key_heads).items():
        try:
            ms, peak = measure(torch, device, lambda: torch.autograd.grad(attend(q, k, v), (q, k, v), out))
        except (RuntimeError, TypeError) as error:
            failures.append(name + ": " + (str(error).strip().splitlines() or [type(error).__name__])[0])
            continue
        if best is None or ms < best["milliseconds"]:
            best = {"variant": name, "milliseconds": ms, "peak_bytes": peak, "extra_bytes": None if peak is None else peak - own}
    return best, failures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cublas", action="store_true")
    parser.add_argument("--tokens", default="512,1024")
    parser.add_argument("--layouts", default="16:16:64,32:8:64")
    parser.add_argument("--device", default="cuda:0")
    options = parser.parse_args()
    if options.cublas:
        print(":".join(cublas()))
        return

    import torch

    device = torch.device(options.device if options.device.startswith("cuda") and torch.cuda.is_available() else "cpu")
    rows, all_failures = [], []
    for layout in options.layouts.split(","):
        heads, key_heads, width = map(int, layout.split(":"))
        for tokens in map(int, options.tokens.split(",")):
            for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
                torch.manual_seed(1)
                best, failures = row(torch, device, heads, key_heads, width, tokens, dtype)
                if best is None:
                    all_failures.append(f"{heads}/{key_heads} heads, {tokens} tokens, {precision}: " + "; ".join(failures))
                else:
                    rows.append({"heads": heads, "key_heads": key_heads, "tokens": tokens, "precision": precision, **best})
                if device.type == "cuda":
                    torch.cuda.empty_cache()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "the processor"
    print(json.dumps({"torch": torch.__version__, "device": name, "rows": rows, "failures": all_failures}))


if __name__ == "__main__":
    main()
