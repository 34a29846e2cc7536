/* The words of CUDA C and of the prelude, for gcc. */
#include <math.h>

#define KERNEL emulated_kernel
#define __global__ emulated_kernel
#define DEVICE static inline __attribute__((always_inline, unused))
#define RESTRICT __restrict__
#define DYNAMIC_SHARED(type, name) type *name = (type *)run.block[run.current->block].dynamic
#define __launch_bounds__(...) emulated_bounds(__VA_ARGS__)
#define CLUSTER_DIMS
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __constant__ static
#define __device__
#define __forceinline__ inline
#define warpSize WARP

typedef struct { float x, y; } __align__(8) float2;
typedef struct { float x, y, z, w; } __align__(16) float4;
typedef struct { int x, y; } __align__(8) int2;
typedef struct { int x, y, z, w; } __align__(16) int4;
typedef struct { unsigned x, y; } __align__(8) uint2;
typedef struct { unsigned x, y, z, w; } __align__(16) uint4;

#define make_float2(...) ((float2){__VA_ARGS__})
#define make_float4(...) ((float4){__VA_ARGS__})
#define make_int2(...) ((int2){__VA_ARGS__})
#define make_int4(...) ((int4){__VA_ARGS__})
#define make_uint2(...) ((uint2){__VA_ARGS__})
#define make_uint4(...) ((uint4){__VA_ARGS__})

/* Barriers */

#define __syncthreads() ((void)sync_block("__syncthreads", 0, __LINE__))
#define __syncthreads_count(predicate) ((int)sync_block("__syncthreads_count", (predicate) != 0, __LINE__))
#define __syncthreads_or(predicate) ((int)(sync_block("__syncthreads_or", (predicate) != 0, __LINE__) != 0))
#define __syncthreads_and(predicate) ((int)(sync_block("__syncthreads_and", (predicate) != 0, __LINE__) == run.threads))
#define cluster_sync() sync_cluster(__LINE__)
#define __threadfence() __asm__ __volatile__("" ::: "memory")
#define __threadfence_block() __threadfence()
#define __threadfence_system() __threadfence()

/* Clusters */

#define cluster_rank() ((unsigned)run.current->block)
#define peer(address, rank) ((float *)address_in_peer(address, rank, __LINE__))

static unsigned char *address_in_peer(void *address, unsigned rank, int line)
{
    unsigned char *own = address;
    Block *block = &run.block[run.current->block];
    if (rank >= CLUSTER) fail("peer %u of a cluster of %d in line %d", rank, CLUSTER, line);
    if (own >= block->dynamic && own < block->dynamic + run.dynamic_bytes)
        return run.block[rank].dynamic + (own - block->dynamic);
    if (own < __start_shared_memory || own >= __stop_shared_memory) fail("no address of shared memory in line %d", line);
    return rank == run.current->block ? own : run.block[rank].saved + (own - __start_shared_memory);
}

/* Warps */

#define __activemask() (run.block[run.current->block].warp[run.current->warp].present)
#define __syncwarp(...) ((void)with_warp(WARP_SYNC, FIRST_OR(~0u, ##__VA_ARGS__), 0, __LINE__))
#define FIRST_OR(default, ...) FIRST_OF(__VA_ARGS__ __VA_OPT__(,) default, 0)
#define FIRST_OF(first, ...) (first)

#define SHUFFLE(operation, mask, value, operand, ...)                                                                      \
    ({                                                                                                                     \
        __typeof__((value) + 0) shuffled_ = (value);                                                                       \
        uint64_t bits_ = 0;                                                                                                \
        memcpy(&bits_, &shuffled_, sizeof shuffled_);                                                                      \
        bits_ = shuffle_with_warp(operation, mask, bits_, (unsigned)(operand), FIRST_OR(WARP, ##__VA_ARGS__), __LINE__);   \
        memcpy(&shuffled_, &bits_, sizeof shuffled_);                                                                      \
        shuffled_;                                                                                                         \
    })
#define __shfl_sync(mask, value, lane, ...) SHUFFLE(WARP_SHUFFLE, mask, value, lane, ##__VA_ARGS__)
#define __shfl_xor_sync(mask, value, lanes, ...) SHUFFLE(WARP_SHUFFLE_XOR, mask, value, lanes, ##__VA_ARGS__)
#define __shfl_down_sync(mask, value, by, ...) SHUFFLE(WARP_SHUFFLE_DOWN, mask, value, by, ##__VA_ARGS__)
#define __shfl_up_sync(mask, value, by, ...) SHUFFLE(WARP_SHUFFLE_UP, mask, value, by, ##__VA_ARGS__)

#define __ballot_sync(mask, predicate) ((unsigned)with_warp(WARP_BALLOT, mask, (predicate) != 0, __LINE__))
#define __any_sync(mask, predicate) ((int)(__ballot_sync(mask, predicate) != 0))
#define __all_sync(mask, predicate) ((int)(__ballot_sync(mask, !(predicate)) == 0))
#define __match_any_sync(mask, value)                               \
    ({                                                              \
        __typeof__((value) + 0) matched_ = (value);                 \
        uint64_t bits_ = 0;                                         \
        memcpy(&bits_, &matched_, sizeof matched_);                 \
        (unsigned)with_warp(WARP_MATCH, mask, bits_, __LINE__);     \
    })

#define IS_SIGNED(value) ((uint64_t)_Generic((value), int: 1, default: 0) << 32)
#define REDUCE(operation, mask, value) \
    ((__typeof__((value) + 0))(unsigned)with_warp(operation, mask, (uint64_t)(unsigned)(value) | IS_SIGNED(value), __LINE__))
#define __reduce_add_sync(mask, value) REDUCE(WARP_ADD, mask, value)
#define __reduce_min_sync(mask, value) REDUCE(WARP_MIN, mask, value)
#define __reduce_max_sync(mask, value) REDUCE(WARP_MAX, mask, value)
#define __reduce_or_sync(mask, value) REDUCE(WARP_OR, mask, value)
#define __reduce_and_sync(mask, value) REDUCE(WARP_AND, mask, value)
#define __reduce_xor_sync(mask, value) REDUCE(WARP_XOR, mask, value)

/* Tensor cores and copies in the background */

#define mma_tf32(c, a, b) mma_with_warp(c, a, b, __LINE__)
#define mma_f16(c, a, b) mma_half_with_warp(c, a, b, __LINE__)
#define load_matrix(to, row) load_with_warp(WARP_LOAD, to, row, __LINE__)
#define load_matrix_across(to, row) load_with_warp(WARP_LOAD_ACROSS, to, row, __LINE__)
#define load_four(address) (*(address))
#define store_four(address, four) ((void)(*(address) = (four)))

DEVICE unsigned half_of(float value)
{
    const _Float16 half = (_Float16)value;
    uint16_t bits;
    memcpy(&bits, &half, sizeof bits);
    return bits;
}

DEVICE unsigned halves(float low, float high)
{
    return half_of(low) | half_of(high) << 16;
}

DEVICE float float_of(unsigned half)
{
    return half_value(half);
}

DEVICE unsigned tf32(float value)
{
    unsigned bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits & 0x7f800000u) == 0x7f800000u ? bits : (bits + 0x1000u) & ~0x1fffu;
}

/* A copy arrives when its thread waits for it: as late as the device may show it. */
#define MOST_COPIES 64
typedef struct { float *to; const float *from; unsigned group; } Copy;
static struct { Copy copy[MOST_COPIES]; unsigned count, group; } copies[CLUSTER][MOST_THREADS];

#define OWN_COPIES copies[run.current->block][run.current->warp * WARP + run.current->lane]
#define copy_async(shared_address, global_address) begin_copy(shared_address, global_address, __LINE__)
#define copy_async_commit() ((void)OWN_COPIES.group++)

static void begin_copy(float *to, const float *from, int line)
{
    if (((uintptr_t)to | (uintptr_t)from) & 15) fail("copy_async of an address that is no multiple of 16 in line %d", line);
    if (OWN_COPIES.count == MOST_COPIES) fail("more than %d copies of a thread under way in line %d", MOST_COPIES, line);
    OWN_COPIES.copy[OWN_COPIES.count++] = (Copy){to, from, OWN_COPIES.group};
}

static void copy_async_wait(unsigned groups)
{
    const unsigned count = OWN_COPIES.count, done = OWN_COPIES.group - groups;
    OWN_COPIES.count = 0;
    for (unsigned i = 0; i < count; i++) {
        const Copy copy = OWN_COPIES.copy[i];
        if ((int)(copy.group - done) < 0) memcpy(copy.to, copy.from, 16);
        else OWN_COPIES.copy[OWN_COPIES.count++] = copy;
    }
}

/* Atomic operations: one thread runs at a time. Each returns what was there before. */

#define ATOMIC(name, type, value_after)                          \
    static inline type name(type *address, type value)           \
    {                                                            \
        const type old = *address;                               \
        *address = value_after;                                  \
        return old;                                              \
    }
typedef unsigned long long uint64;
ATOMIC(add_float, float, old + value)
ATOMIC(add_double, double, old + value)
ATOMIC(add_int, int, (int)((unsigned)old + (unsigned)value))
ATOMIC(add_unsigned, unsigned, old + value)
ATOMIC(add_uint64, uint64, old + value)
ATOMIC(min_of_int, int, old < value ? old : value)
ATOMIC(min_of_unsigned, unsigned, old < value ? old : value)
ATOMIC(min_of_uint64, uint64, old < value ? old : value)
ATOMIC(max_of_int, int, old > value ? old : value)
ATOMIC(max_of_unsigned, unsigned, old > value ? old : value)
ATOMIC(max_of_uint64, uint64, old > value ? old : value)
ATOMIC(or_int, int, old | value)
ATOMIC(or_unsigned, unsigned, old | value)
ATOMIC(or_uint64, uint64, old | value)
ATOMIC(and_int, int, old & value)
ATOMIC(and_unsigned, unsigned, old & value)
ATOMIC(and_uint64, uint64, old & value)
ATOMIC(exchange_int, int, value)
ATOMIC(exchange_unsigned, unsigned, value)
ATOMIC(exchange_uint64, uint64, value)
ATOMIC(exchange_float, float, value)

#define INTEGERS(name) int *: name##_int, unsigned *: name##_unsigned, uint64 *: name##_uint64
#define atomicAdd(address, value) _Generic((address), INTEGERS(add), float *: add_float, double *: add_double)(address, value)
#define atomicSub(address, value) atomicAdd(address, -(value))
#define atomicMin(address, value) _Generic((address), INTEGERS(min_of))(address, value)
#define atomicMax(address, value) _Generic((address), INTEGERS(max_of))(address, value)
#define atomicOr(address, value) _Generic((address), INTEGERS(or))(address, value)
#define atomicAnd(address, value) _Generic((address), INTEGERS(and))(address, value)
#define atomicExch(address, value) _Generic((address), INTEGERS(exchange), float *: exchange_float)(address, value)
#define atomicCAS(address, expected, value)                                        \
    ({                                                                             \
        __typeof__(address) place_ = (address);                                    \
        const __typeof__(*place_) expected_ = (expected), value_ = (value), old_ = *place_; \
        if (old_ == expected_) *place_ = value_;                                   \
        old_;                                                                      \
    })

/* Numbers */

static inline int min_int(int a, int b) { return a < b ? a : b; }
static inline int max_int(int a, int b) { return a > b ? a : b; }
static inline unsigned min_unsigned(unsigned a, unsigned b) { return a < b ? a : b; }
static inline unsigned max_unsigned(unsigned a, unsigned b) { return a > b ? a : b; }
static inline long long min_long(long long a, long long b) { return a < b ? a : b; }
static inline long long max_long(long long a, long long b) { return a > b ? a : b; }
static inline uint64 min_uint64(uint64 a, uint64 b) { return a < b ? a : b; }
static inline uint64 max_uint64(uint64 a, uint64 b) { return a > b ? a : b; }

#define OF_TYPE(name, value)                                                                                           \
    _Generic((value), int: name##_int, unsigned: name##_unsigned, long: name##_long, long long: name##_long,           \
             unsigned long: name##_uint64, uint64: name##_uint64, float: f##name##f, double: f##name)
#define min(a, b) OF_TYPE(min, (a) + (b))(a, b)
#define max(a, b) OF_TYPE(max, (a) + (b))(a, b)

#define BITS(name, from, to)                     \
    static inline to name(from value)            \
    {                                            \
        to bits;                                 \
        memcpy(&bits, &value, sizeof bits);      \
        return bits;                             \
    }
BITS(__float_as_uint, float, unsigned)
BITS(__uint_as_float, unsigned, float)
BITS(__float_as_int, float, int)
BITS(__int_as_float, int, float)

#define __ldg(address) (*(address))
#define __popc(value) __builtin_popcount(value)
#define __popcll(value) __builtin_popcountll(value)
#define __ffs(value) __builtin_ffs(value)
#define __clz(value) ((value) ? __builtin_clz(value) : 32)
#define __brev(value) reversed_bits(value)
#define __expf(value) expf(value)
#define __logf(value) logf(value)
#define __powf(base, exponent) powf(base, exponent)
#define __fdividef(a, b) ((float)(a) / (float)(b))
#define __frcp_rn(value) (1.0f / (float)(value))
#define rsqrtf(value) (1.0f / sqrtf(value))
#define __fmaf_rn(a, b, c) fmaf(a, b, c)
#define __fadd_rn(a, b) ((float)(a) + (float)(b)) /* compiled without contraction */
#define __fsub_rn(a, b) ((float)(a) - (float)(b))
#define __fmul_rn(a, b) ((float)(a) * (float)(b))
#define __fdiv_rn(a, b) ((float)(a) / (float)(b))
#define __fsqrt_rn(value) sqrtf(value)
#define __saturatef(value) fminf(fmaxf(value, 0.0f), 1.0f)
#define __float2int_rn(value) ((int)rintf(value))
#define __float2int_rz(value) ((int)(value))
#define __int2float_rn(value) ((float)(value))
#define __umulhi(a, b) ((unsigned)((uint64)(unsigned)(a) * (unsigned)(b) >> 32))

static inline unsigned reversed_bits(unsigned value)
{
    unsigned reversed = 0;
    for (int bit = 0; bit < 32; bit++) reversed |= (value >> bit & 1) << (31 - bit);
    return reversed;
}
