using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Fuzz;

// Less usual operators of one tensor, most of which are recorded as others.
internal static partial class Operators
{
    private static Action<Sketch>[] Others =>
    [
        s => Other(s, "glu", x => F.glu(x, -1)),
        s => Other(s, "var", x => x.var([-1L], unbiased: false)),
        s => Other(s, "std of all axes but the batch", x => x.flatten(1).std(1)),
        s => Other(s, "min", x => x.min(-1).values),
        s => Other(s, "kthvalue", x => x.kthvalue(1, -1).values),
        s => Other(s, "cummax", x => x.cummax(-1).values),
        s => Other(s, "rot90", x => x.rot90(1, (-2, -1)), 3),
        s => Other(s, "fliplr", x => x.fliplr(), 2),
        s => Other(s, "triu", x => x.triu(1), 3),
        s => Other(s, "diagonal", x => x.diagonal(0, -2, -1), 3),
        s => Other(s, "diag_embed", x => x.diag_embed()),
        s => Other(s, "swapaxes", x => x.swapaxes(-1, -2), 3),
        s => Other(s, "einsum of itself", x => einsum("nij,nkj->nik", x, x), 3, 3),
        s => Other(s, "einsum with a diagonal", x => einsum("nii->ni", x), 3, 3),
        s => Other(s, "cdist", x => cdist(x, x), 3),
        s => Other(s, "cosine_similarity", x => F.cosine_similarity(x, x.flip(-1), -1)),
        s => Other(s, "normalize", x => F.normalize(x, 2, -1)),
        s => Other(s, "normalize of order 1", x => F.normalize(x, 1, 1), 2),
        s => Other(s, "pixel_shuffle", x => F.pixel_shuffle(x, 2), 4, 4),
        s => Other(s, "pixel_unshuffle", x => F.pixel_unshuffle(x, 2), 4, 4),
        s => Other(s, "unfold into patches", x => F.unfold(x, (2, 2), padding: (1, 0), stride: (1, 2)), 4, 4),
        s => Other(s, "unfold and fold", x => F.fold(F.unfold(x, (2, 2)), (x.shape[2], x.shape[3]), (2, 2)), 4, 4),
        s => Other(s, "local_response_norm", x => F.local_response_norm(x, 3), 3, 5),
        s => Other(s, "softmin", x => F.softmin(x, -1)),
        s => Other(s, "bicubic", x => F.interpolate(x, scale_factor: [1.5, 2], mode: InterpolationMode.Bicubic, align_corners: false), 4, 4),
        s => Other(s, "bilinear by factor", x => F.interpolate(x, scale_factor: [1.3, 0.7], mode: InterpolationMode.Bilinear, align_corners: false), 4, 4),
        s => Other(s, "mish", x => F.mish(x)),
        s => Other(s, "hardtanh_", x => x.clone().hardtanh_(-1, 1)),
        s => Other(s, "threshold", x => F.threshold(x, 0.1, 0.05)),
        s => Other(s, "celu", x => F.celu(x, 0.9)),
        s => Other(s, "logsigmoid", x => F.logsigmoid(x)),
        s => Other(s, "x^3", x => x.clamp(-5, 5).pow(3)),
        s => Other(s, "sqrt", x => x.abs().sqrt()),
        s => Other(s, "index_add", x => zeros_like(x).index_add(-1, zeros(x.shape[^1], dtype: int64), x, 1)),
        s => Other(s, "scatter_add", x => zeros_like(x).scatter_add(-1, x.argsort(-1), x)),
        s => Other(s, "scatter", x => x.scatter(-1, zeros(x.shape, dtype: int64).narrow(-1, 0, 1), x.narrow(-1, x.shape[^1] - 1, 1))),
        s => Other(s, "index_put", x => x.clone().index_put_(x.narrow(0, 0, 1), TensorIndex.Tensor(zeros(1, dtype: int64)))),
        s => Other(s, "take_along_dim", x => x.take_along_dim(x.argsort(-1), -1)),
        s => Other(s, "masked_scatter", x => x.masked_scatter(x > 0.2, x.flip(-1))),
        s => Other(s, "x[..., 0] = 0", x => Changed(x, y => y[TensorIndex.Ellipsis, 0] = tensor(0f))),
        s => Other(s, "x[:, ::2] *= 2", x => Changed(x, y => y.slice(1, 0, y.shape[1], 2).mul_(2)), 2),
        s => Other(s, "last half onto the first", x => Changed(x, y => y.narrow(1, 0, y.shape[1] / 2).copy_(x.narrow(1, x.shape[1] - x.shape[1] / 2, x.shape[1] / 2))), 2),
        s => Other(s, "sum of all, broadcast", x => x + x.flatten(1).sum(1).reshape([-1, .. Enumerable.Repeat(1L, (int)x.ndim - 1)])),
        s => Other(s, "x - mean(x)", x => x - x.mean([-1L], true)),
        s => Other(s, "standardised", x => (x - x.mean([-1L], true)) / (x.std(-1, keepdim: true) + 1e-5f)),
        s => Other(s, "x * sigmoid(x)", x => x * x.sigmoid()),
        s => Other(s, "x * softmax of means", x => x * x.mean([-1L], true).softmax(1), 2),
        s => Other(s, "diff", x => x.diff(1, -1)),
        s => Other(s, "tensordot", x => tensordot(x, ones(x.shape[^1], 2, dtype: x.dtype), [x.ndim - 1], [0])),
        s => Other(s, "kron", x => kron(x, ones(1, 2, dtype: x.dtype)), 2, 2),
        s => Other(s, "repeat_interleave by counts", x => x.repeat_interleave(arange(1, x.shape[^1] + 1) % 3, -1)),
        s => Other(s, "sum of ones at its places", x => x * (x > 0).to(x.dtype).sum([-1L], true)),
        s => Other(s, "row by row", x => stack([.. x.unbind(0).Select(r => r.relu() * 2)], 0)),
        s => Other(s, "unbatched conv", x => stack([.. x.unbind(0).Select(r => F.conv1d(r, ones(3, r.shape[0], 1, dtype: x.dtype)))], 0), 3, 3),
        s => Other(s, "unbatched pooling", x => stack([.. x.unbind(0).Select(r => F.max_pool2d(r, [2, 2], [1, 1], [1, 1]))], 0), 4, 4),
        s => Other(s, "hstack", x => hstack([x, x.narrow(1, 0, 1)]), 2),
        s => Other(s, "vstack", x => vstack([x, x]), 2),
        s => Other(s, "broadcast_to", x => x.unsqueeze(1).broadcast_to([x.shape[0], 2, .. x.shape[1..]])),
        s => Other(s, "tile", x => x.tile([2])),
        s => Other(s, "unflatten", x => x.unflatten(-1, [1, -1])),
        s => Other(s, "view_as", x => x.contiguous().view_as(x)),
        s => Other(s, "ids of it as an index", x => ones(5, 3, dtype: x.dtype).index_select(0, x.flatten().argmax(0, true)).sum() * x),
        s => Other(s, "clamp by tensors", x => x.clamp(zeros_like(x) - 0.5, ones_like(x))),
        s => Other(s, "clip by its mean", x => minimum(x, x.mean([-1L], true) + 0.5)),
        s => Other(s, "relu through where", x => where(x > 0, x, tensor(0f, dtype: x.dtype))),
        s => Other(s, "gelu written out", x => x * 0.5f * (1 + (x / 1.4142135f).erf())),
        s => Other(s, "expand_as", x => x.narrow(-1, 0, 1).expand_as(x)),
        s => Other(s, "baddbmm_", x => x.clone().baddbmm(x.bmm(x.transpose(1, 2)), x), 3, 3),
        s => Other(s, "addmv", x => addmv(x.narrow(1, 0, 1).flatten(), x, ones(x.shape[1], dtype: x.dtype), 1, 1), 2, 2),
        s => Other(s, "outer", x => x.flatten().narrow(0, 0, 2).outer(x.flatten().narrow(0, 0, 2))),
        s => Other(s, "trapezoids", x => (x.narrow(-1, 0, x.shape[^1] - 1) + x.narrow(-1, 1, x.shape[^1] - 1)).sum(-1) / 2),
        s => Other(s, "linalg.norm", x => linalg.norm(x, dims: [x.ndim - 1])),
        s => Other(s, "addcdiv", x => x.addcdiv(x, x.abs() + 1, 0.3f)),
        s => Other(s, "rsub", x => 2f - x),
        s => Other(s, "empty part", x => cat([x, x.narrow(-1, 0, 0)], -1)),
        s => Other(s, "max_pool1d_with_indices", x => F.max_pool1d_with_indices(x, 2).output, 3, 3),
        s => Other(s, "alpha_dropout", x => F.alpha_dropout(x, 0.3, false)),
        s => Other(s, "grid_sample", x => F.grid_sample(x, (rand(x.shape[0], 2, 3, 2) * 2 - 1).to(x.dtype) * 0 + 0.3, align_corners: false), 4, 4),
        s => Other(s, "heaviside", x => x * x.heaviside(zeros_like(x))),
        s => Other(s, "multi-dot", x => linalg.multi_dot([x, ones(x.shape[1], 2, dtype: x.dtype), ones(2, 2, dtype: x.dtype)]), 2, 2),
        s => Other(s, "bucketed", x => x + bucketize(x.contiguous(), tensor(new float[] { 0, 1 })).to(x.dtype)),
        s => Other(s, "softplus[2, 5]", x => x.softplus(2, 5)),
        s => Other(s, "squared relu", x => x.relu().square()),
        s => Other(s, "trace", x => x.trace(), 2, 2),
        s => Other(s, "aminmax", x => stack([x.aminmax(-1).min, x.aminmax(-1).max], -1)),
        s => Other(s, "std_mean", x => x.std_mean([-1L], unbiased: false).mean + x.std_mean([-1L], unbiased: false).std),
        s => Other(s, "nansum", x => x.nansum() * x),
        s => Other(s, "sgn", x => x * x.sgn()),
        s => Other(s, "float_power", x => x.abs().clamp(0, 5).float_power(tensor(1.5, dtype: x.dtype)).to(x.dtype)),
        s => Other(s, "logaddexp", x => x.logaddexp(x.flip(-1))),
        s => Other(s, "hypot", x => x.hypot(x.flip(-1) + 0.5f)),
        s => Other(s, "mse_loss", x => F.mse_loss(x, x.flip(-1), nn.Reduction.None)),
        s => Other(s, "xlogy", x => x.abs().xlogy(x.abs() + 0.5f)),
        s => Other(s, "quantile", x => x.quantile(tensor(0.3f, dtype: x.dtype), -1, true)),
        s => Other(s, "dot", x => x.flatten().dot(x.flatten().flip(0))),
    ];

    private static Tensor Changed(Tensor x, Action<Tensor> write)
    {
        Tensor copy = x.clone();
        write(copy);
        return copy;
    }

    private static void Other(Sketch s, string text, Func<Tensor, Tensor> run, int least = 1, int most = 6)
    {
        int v = s.Any(t => t.ndim >= least && t.ndim <= most);
        if (v >= 0)
            s.Add(text, v, run, null, mixes: true);
    }
}
