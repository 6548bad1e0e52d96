"""Small networks with attention, in the ways in which published ones write its sizes."""

import torch
from torch import nn
from torch.nn import functional as F


class Tokens(nn.Module):
    """Patches of an image as tokens, blocks of ``mix`` (called with the width) and a MLP, both residual; their mean."""

    def __init__(self, mix, width=24, blocks=2):
        super().__init__()
        self.embed, self.norm, self.head = nn.Conv2d(3, width, 4, 4), nn.LayerNorm(width), nn.Linear(width, 5)
        self.position = nn.Parameter(torch.randn(1, 16, width))
        self.mixers = nn.ModuleList(nn.Sequential(nn.LayerNorm(width), mix(width)) for _ in range(blocks))
        self.mlps = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
            for _ in range(blocks)
        )

    def forward(self, x):
        x = self.embed(x).flatten(2).transpose(1, 2) + self.position
        for mixer, mlp in zip(self.mixers, self.mlps, strict=True):
            x = x + mixer(x)
            x = x + mlp(x)
        return self.head(self.norm(x).mean(1))


class Divided(nn.Module):
    """Heads of ``c // heads`` channels (DeiT, PVT, Twins), fused."""

    def __init__(self, width, heads=4):
        super().__init__()
        self.heads, self.qkv, self.proj = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, c))


class Held(nn.Module):
    """Heads' number and width in attributes, which the embedding is not tied to (ViT, CaFormer), and a softmax."""

    def __init__(self, width, heads=12, each=2):
        super().__init__()
        self.heads, self.each, self.inner = heads, each, heads * each
        self.qkv, self.proj = nn.Linear(width, 3 * self.inner), nn.Linear(self.inner, width)

    def forward(self, x):
        b, n, _ = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, self.each).permute(2, 0, 3, 1, 4)
        scores = (q @ k.transpose(-2, -1) * self.each**-0.5).softmax(-1)
        return self.proj((scores @ v).transpose(1, 2).reshape(b, n, self.inner))


class CrossCovariance(nn.Module):
    """Attention between the channels of a head (XCiT, EdgeNeXt)."""

    def __init__(self, width, heads=3):
        super().__init__()
        self.heads, self.temperature = heads, nn.Parameter(torch.ones(heads, 1, 1))
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, -1).permute(2, 0, 3, 4, 1)
        scores = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1) * self.temperature
        return self.proj((scores.softmax(-1) @ v).permute(0, 3, 1, 2).reshape(b, n, c))


class Joined(nn.Module):
    """torch's own multi-head attention, to the tokens or to something made of them."""

    def __init__(self, width, memory=None):
        super().__init__()
        self.memory = nn.Linear(width, memory) if memory else nn.Identity()
        self.attention = nn.MultiheadAttention(width, 4, kdim=memory, vdim=memory, batch_first=True)

    def forward(self, x):
        memory = self.memory(x)
        return self.attention(x, memory, memory, need_weights=False)[0]


class Cascade(nn.Module):
    """One head after the other on its part of the channels (EfficientViT); sizes in attributes, and what remains."""

    def __init__(self, width=24, heads=3, keys=4):
        super().__init__()
        self.width, self.keys, self.values = width, keys, width // heads
        self.stem, self.head = nn.Conv2d(3, width + 8, 3), nn.Conv2d(width + 8, 5, 1)
        self.heads = nn.ModuleList(nn.Conv2d(self.values, 2 * keys + self.values, 1) for _ in range(heads))
        self.proj, self.total = nn.Conv2d(width, width, 1), width + 8

    def forward(self, x):
        x, rest = torch.split(self.stem(x), [self.width, self.total - self.width], 1)
        b, _, h, w = x.shape
        found, part = [], 0
        for head, own in zip(self.heads, x.chunk(len(self.heads), 1), strict=True):
            q, k, v = (t.flatten(2) for t in head(own + part).split([self.keys, self.keys, self.values], 1))
            part = (v @ (q.transpose(-2, -1) @ k).softmax(-1).transpose(-2, -1)).view(b, self.values, h, w)
            found.append(part)
        return self.head(torch.cat([x + self.proj(torch.cat(found, 1)), rest], 1)).mean((2, 3))


class Outlook(nn.Module):
    """Each place attends to the window around it, and windows are added up (VOLO)."""

    def __init__(self, width=24, heads=2):
        super().__init__()
        self.heads, self.stem = heads, nn.Conv2d(3, width, 3, padding=1)
        self.values, self.scores = nn.Linear(width, width), nn.Linear(width, heads * 81)
        self.proj, self.head = nn.Linear(width, width), nn.Linear(width, 5)

    def forward(self, x):
        x = self.stem(x).permute(0, 2, 3, 1)
        b, h, w, c = x.shape
        v = F.unfold(self.values(x).permute(0, 3, 1, 2), 3, padding=1)
        v = v.reshape(b, self.heads, c // self.heads, 9, h * w).permute(0, 1, 4, 3, 2)
        scores = self.scores(x).reshape(b, h * w, self.heads, 9, 9).permute(0, 2, 1, 3, 4).softmax(-1)
        y = F.fold((scores @ v).permute(0, 1, 4, 3, 2).reshape(b, c * 9, h * w), (h, w), 3, padding=1)
        return self.head((x + self.proj(y.permute(0, 2, 3, 1))).mean((1, 2)))


class Halo(nn.Module):
    """Blocks of queries, each with the keys of a larger window (HaloNet); the means of two scales are merged (CoaT)."""

    def __init__(self, width=16, keys=8):
        super().__init__()
        self.width, self.keys = width, keys
        self.stem, self.q, self.kv = (nn.Conv2d(i, o, 1) for i, o in ((3, width), (width, keys), (width, keys + width)))
        self.merge, self.head = nn.Conv1d(2, 1, 1), nn.Linear(width, 5)

    def forward(self, x):
        x = self.stem(x)
        b, _, h, w = x.shape
        q = self.q(x).reshape(b, self.keys, h // 4, 4, w // 4, 4).permute(0, 2, 4, 3, 5, 1).reshape(-1, 16, self.keys)
        kv = F.pad(self.kv(x), (1, 1, 1, 1)).unfold(2, 6, 4).unfold(3, 6, 4)
        kv = kv.permute(0, 2, 3, 4, 5, 1).reshape(-1, 36, self.keys + self.width)
        k, v = kv.split([self.keys, self.width], -1)
        y = ((q @ k.transpose(-2, -1)).softmax(-1) @ v).reshape(b, -1, self.width)
        return self.head(self.merge(torch.stack([y.mean(1), y.amax(1)], 1)).squeeze(1))
