// What is not a matrix product in training a transformer, each in one pass over memory: the softmax of attention
// scores with mask and dropout, its gradient, and dropout alone. The compiler vectorizes every inner loop; products are
// torch's. `runner/kernels/plain.py` holds the same in torch and numpy.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

using std::int32_t, std::int64_t, std::uint16_t, std::uint32_t, std::uint64_t;

struct bf16 {
    uint16_t bits;
};

inline float load(float from) { return from; }

inline float load(bf16 from) {
    uint32_t bits = uint32_t(from.bits) << 16;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

inline void store(float &to, float value) { to = value; }

// Rounds to the nearest, ties to even, as torch does; a NaN stays one: of those that occur, adding 0x7fff makes no other.
inline void store(bf16 &to, float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    to.bits = uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// e^x for x from -87 to 0, to 1e-7 of its value: 2^n times the Taylor series of the rest, which is at most ln(2) / 2. Ours
// because a vectorized one comes only with some C libraries, and there only with options that let a NaN vanish.
inline float exponential(float x) {
    const float n = std::nearbyint(x * 1.44269504f);                    // log2(e)
    const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;       // ln(2) in two parts, the first exact in n times it
    const float sum =
        1 + r * (1 + r * (0.5f + r * (1.0f / 6 + r * (1.0f / 24 + r * (1.0f / 120 + r * (1.0f / 720 + r / 5040))))));
    uint32_t bits = uint32_t(int32_t(n) + 127) << 23;
    float power;
    std::memcpy(&power, &bits, sizeof power);
    return sum * power;
}

// Random bits that hang on nothing but the place they are for: Philox4x32-7 (Salmon et al., "Parallel random numbers: as
// easy as 1, 2, 3", SC 2011), 128 bits for each number of `block`. Four outputs lie one after the other, as vectors do.
void philox(uint64_t seed, uint32_t row, uint32_t call, int64_t blocks, uint32_t *__restrict out) {
    for (int64_t block = 0; block < blocks; ++block) {
        uint32_t c0 = uint32_t(block), c1 = row, c2 = call, c3 = 0, k0 = uint32_t(seed), k1 = uint32_t(seed >> 32);
#pragma GCC unroll 7
        for (int round = 0; round < 7; ++round) {
            uint64_t p0 = uint64_t(0xD2511F53u) * c0, p1 = uint64_t(0xCD9E8D57u) * c2;
            c0 = uint32_t(p1 >> 32) ^ c1 ^ k0;
            c2 = uint32_t(p0 >> 32) ^ c3 ^ k1;
            c1 = uint32_t(p1);
            c3 = uint32_t(p0);
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        out[block] = c0;
        out[blocks + block] = c1;
        out[2 * blocks + block] = c2;
        out[3 * blocks + block] = c3;
    }
}

// A draw of 16 bits for each of `length` places; one below the threshold drops, so p is a multiple of 1/65536.
struct Draws {
    std::vector<uint32_t> bits;
    explicit Draws(int64_t length) : bits(4 * ((length + 7) / 8)) {}
    const uint16_t *of(uint64_t seed, uint32_t row, uint32_t call) {
        philox(seed, row, call, int64_t(bits.size() / 4), bits.data());
        return reinterpret_cast<const uint16_t *>(bits.data());
    }
};

inline float scale_of_kept(uint32_t threshold) { return 65536.0f / float(65536 - threshold); }

// How many keys a query sees: those of its own sequence, none after it where attention is causal; padding sees none.
inline int64_t seen(int64_t query, int64_t tokens, bool causal) {
    return query >= tokens ? 0 : causal ? query + 1 : tokens;
}

// In place from scores to dropped probabilities; `kept` gets the probabilities before, negative where they are dropped.
// Scores below the highest by more than 80 count as 80 below: smaller ones would be denormal, which is slow.
template <class Number>
void forward(Number *scores, Number *kept, const int64_t *tokens, int64_t sequences, int64_t heads, int64_t queries,
             int64_t length, float scale, bool causal, uint32_t threshold, uint64_t seed, uint32_t call, int threads) {
    const float up = scale_of_kept(threshold);
#pragma omp parallel num_threads(threads)
    {
        std::vector<float> values(length);
        float *__restrict e = values.data();
        Draws draws(threshold ? length : 0);
#pragma omp for schedule(static)
        for (int64_t row = 0; row < sequences * heads * queries; ++row) {
            Number *__restrict s = scores + row * length, *__restrict k = kept + row * length;
            const int64_t count = seen(row % queries, tokens[row / (heads * queries)], causal);
            float highest = -INFINITY, sum = 0;
#pragma omp simd reduction(max : highest)
            for (int64_t i = 0; i < count; ++i) {
                e[i] = scale * load(s[i]);
                highest = e[i] > highest ? e[i] : highest;
            }
#pragma omp simd reduction(+ : sum)
            for (int64_t i = 0; i < count; ++i) {
                const float below = e[i] - highest;
                e[i] = exponential(below < -80 ? -80 : below);
                sum += e[i];
            }
            const float norm = 1 / sum;
            if (threshold) {
                const uint16_t *__restrict draw = draws.of(seed, uint32_t(row), call);
                for (int64_t i = 0; i < count; ++i) {
                    const float p = e[i] * norm;
                    const bool keep = draw[i] >= threshold;
                    store(k[i], keep ? p : -p);
                    store(s[i], keep ? p * up : 0.0f);
                }
            } else {
                for (int64_t i = 0; i < count; ++i) store(s[i], e[i] * norm);
                if (k != s) std::memcpy(k, s, count * sizeof(Number));
            }
            std::memset(static_cast<void *>(s + count), 0, (length - count) * sizeof(Number));
            std::memset(static_cast<void *>(k + count), 0, (length - count) * sizeof(Number));
        }
    }
}

// In place from gradients of dropped probabilities to those of scores; `kept` becomes the dropped probabilities again.
template <class Number>
void backward(Number *gradients, Number *kept, int64_t rows, int64_t length, float scale, uint32_t threshold, int threads) {
    const float up = scale_of_kept(threshold);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t row = 0; row < rows; ++row) {
        Number *__restrict g = gradients + row * length, *__restrict k = kept + row * length;
        float weighted = 0;  // the gradient's mean under the probabilities, which softmax takes off
#pragma omp simd reduction(+ : weighted)
        for (int64_t i = 0; i < length; ++i) {
            const float p = load(k[i]);
            weighted += p > 0 ? p * load(g[i]) : 0.0f;
        }
        weighted *= up;
        for (int64_t i = 0; i < length; ++i) {
            const float p = load(k[i]);
            const float from_above = p > 0 ? up * load(g[i]) : 0.0f;
            store(g[i], scale * fabsf(p) * (from_above - weighted));
            store(k[i], p > 0 ? p * up : 0.0f);
        }
    }
}

// Rows of `width` numbers; the same seed drops the same places again, so that nothing is kept for the gradient.
template <class Number>
void dropout(const Number *from, Number *to, int64_t count, uint32_t threshold, uint64_t seed, int threads) {
    constexpr int64_t width = 4096;
    const float up = scale_of_kept(threshold);
#pragma omp parallel num_threads(threads)
    {
        Draws draws(width);
#pragma omp for schedule(static)
        for (int64_t row = 0; row < (count + width - 1) / width; ++row) {
            const uint16_t *__restrict draw = draws.of(seed, uint32_t(row), 0);
            const Number *__restrict x = from + row * width;
            Number *__restrict y = to + row * width;
            const int64_t here = count - row * width < width ? count - row * width : width;
            for (int64_t i = 0; i < here; ++i) store(y[i], draw[i] >= threshold ? load(x[i]) * up : 0.0f);
        }
    }
}

}  // namespace

#define EXPORTED(name, Number)                                                                                          \
    void softmax_forward_##name(Number *scores, Number *kept, const int64_t *tokens, int64_t sequences, int64_t heads,  \
                                int64_t queries, int64_t length, float scale, int causal, uint32_t threshold,          \
                                uint64_t seed, uint32_t call, int threads) {                                           \
        forward(scores, kept, tokens, sequences, heads, queries, length, scale, causal, threshold, seed, call,         \
                threads);                                                                                              \
    }                                                                                                                  \
    void softmax_backward_##name(Number *gradients, Number *kept, int64_t rows, int64_t length, float scale,           \
                                 uint32_t threshold, int threads) {                                                    \
        backward(gradients, kept, rows, length, scale, threshold, threads);                                            \
    }                                                                                                                  \
    void dropout_##name(const Number *from, Number *to, int64_t count, uint32_t threshold, uint64_t seed, int threads) { \
        dropout(from, to, count, threshold, seed, threads);                                                            \
    }

extern "C" {
EXPORTED(float32, float)
EXPORTED(bfloat16, bf16)
void random_bits(uint64_t seed, uint32_t row, uint32_t call, int64_t blocks, uint32_t *out) {
    philox(seed, row, call, blocks, out);
}
}
