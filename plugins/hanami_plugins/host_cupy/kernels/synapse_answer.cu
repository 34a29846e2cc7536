// Answers cycles of a network that grows by synapses, whose structure stays as it is.
//
// A block of threads answers TILE cycles at a time: a thread is a neuron of the block of neurons whose turn it is, and
// keeps the input of its neuron for all cycles in registers. Its warp skips sections from which none of the cycles gets
// to one of its 32 neurons. The sections of a block add to a neuron in the order of their slots, as on a processor.

#include "synapse_fire.cuh"

#define TILE 32
#define QUADS (TILE / 4)
#define THREADS 128
#define CHUNK 16
#define LARGEST 3.4028235e38f

// Of synapse_layout.py.
#define WIDTH 128
#define SLOTS 512
#define GROUP 48
#define ROW 384
#define HEAD_STRIDE 4
#define NONE (-1)
#define EPSILON 1e-5f
#define BLOCK_STRIDE 4
#define NEXT 0
#define TOP 2
#define HEXAGON_STRIDE 94
#define ROLE 0
#define INTERFACE 1
#define FIRST_BLOCK 2
#define INPUT 1
#define OUTPUT 2
#define INTERFACE_STRIDE 4
#define INTERFACE_FIRST 1
#define INTERFACE_COUNT 2
#define LINKS 7

// The words of a slot in a plan: row, source, lower bound and range of its section, and for each quarter of the block's
// neurons where the first synapse to one of them begins.
#define PLAN 8

// The fields of a job.
#define SYNAPSES 0
#define SLOT_PLANS 1
#define BLOCKS 2
#define HEXAGONS 3
#define HEXAGON_COUNT 4
#define OUTPUTS 5
#define LINKED 6
#define LINK_WEIGHTS 7
#define SEGMENTS 8
#define SEGMENT_COUNT 9
#define CYCLES 10
#define POTENTIALS 11
#define SOURCES 12
#define BASE 13
#define RESULTS 14
#define LANES 15
#define BROKEN 16

// The fields of a segment of the inputs.
#define SEGMENT 6
#define ADDRESS 0
#define STRIDE 1
#define SIZE 2
#define KIND 3
#define SOURCE 4

// Makes the plan: a warp for each slot.
KERNEL void plan(const float *synapses, const float *heads, const int *slot_rows, const int *slot_sources, int slots,
                 float *plans)
{
    const int slot = (blockIdx.x * blockDim.x + threadIdx.x) >> 5, lane = threadIdx.x & 31;
    if (slot >= slots) return;
    const int row = slot_rows[slot];
    float first[4] = {LARGEST, LARGEST, LARGEST, LARGEST};
    if (row != NONE)
        for (int quarter = 0; quarter < 4; quarter++)
            first[quarter] = synapses[(long long)row * ROW + (2 * quarter + (lane >> 4)) * GROUP + (lane & 15)];
    for (int step = 16; step > 0; step >>= 1)
        for (int quarter = 0; quarter < 4; quarter++)
            first[quarter] = fminf(first[quarter], __shfl_xor_sync(0xFFFFFFFFu, first[quarter], step));
    if (lane == 0) {
        float *to = plans + (long long)slot * PLAN;
        to[0] = __int_as_float(row);
        to[1] = __int_as_float(slot_sources[slot]);
        to[2] = row == NONE ? 0.0f : heads[(long long)row * HEAD_STRIDE];
        to[3] = row == NONE ? 0.0f : heads[(long long)row * HEAD_STRIDE + 1];
        for (int quarter = 0; quarter < 4; quarter++) to[4 + quarter] = first[quarter];
    }
}

// The values of a tile's inputs: a thread takes one source for all cycles.
DEVICE void read_inputs(const unsigned long long *job, float *potentials, int first, int cycles)
{
    for (int segment = 0; segment < (int)job[SEGMENT_COUNT]; segment++) {
        const long long *about = (const long long *)job[SEGMENTS] + segment * SEGMENT;
        const int size = (int)about[SIZE], bytes = about[KIND] == 1;
        const unsigned char *values = (const unsigned char *)about[ADDRESS] + first * about[STRIDE];
        for (int i = threadIdx.x; i < size; i += THREADS) {
            float4 *to = (float4 *)(potentials + (about[SOURCE] + i) * TILE);
            float got[TILE];
#pragma unroll
            for (int cycle = 0; cycle < TILE; cycle++) {
                const unsigned char *row = values + cycle * about[STRIDE];
                got[cycle] = cycle >= cycles ? 0.0f : bytes ? (float)row[i] : ((const float *)row)[i];
            }
#pragma unroll
            for (int quad = 0; quad < QUADS; quad++) {
                const float *four = got + 4 * quad;
                for (int k = 0; k < 4; k++)
                    if (!(fabsf(four[k]) <= LARGEST)) atomicMin((int *)job[BROKEN], first + 4 * quad + k);
                to[quad] = make_float4(fmaxf(four[0], 0.0f), fmaxf(four[1], 0.0f), fmaxf(four[2], 0.0f),
                                       fmaxf(four[3], 0.0f));
            }
        }
    }
}

// What a synapse adds to its neuron.
DEVICE float contribute(float sum, float q, float begin, float share, float weight)
{
    const float left = q - begin;
    return left > EPSILON ? __fmaf_rn(__saturatef(left * share), weight, sum) : sum;
}

// Lets the sections of a block of neurons add to `sums`, the input of this thread's neuron in all cycles.
DEVICE void walk(const unsigned long long *job, int block, const float *potentials, float sums[TILE])
{
    __shared__ float4 spent[2][CHUNK][QUADS];
    __shared__ int rows[2][CHUNK];
    __shared__ unsigned quads[2][4], quarters[2][4];
    const int tid = threadIdx.x, warp = tid >> 5, lane = tid & 31, section = tid >> 3, part = tid & 7;
    const int top = ((const int *)job[BLOCKS])[block * BLOCK_STRIDE + TOP];
    const float *plans = (const float *)job[SLOT_PLANS] + (long long)block * SLOTS * PLAN;
    const float *synapses = (const float *)job[SYNAPSES] + (2 * warp + (lane >> 4)) * GROUP + (lane & 15);
    for (int at = 0, turn = 0; at < top; at += CHUNK, turn ^= 1) {
        // A thread takes 4 cycles of one section.
        float4 q = make_float4(-1.0f, -1.0f, -1.0f, -1.0f);
        float floor = LARGEST;
        if (at + section < top) {
            const float4 *about = (const float4 *)(plans + (at + section) * PLAN);
            const float4 head = about[0];
            floor = ((const float *)(about + 1))[part & 3];
            if (part == 0) rows[turn][section] = __float_as_int(head.x);
            if (__float_as_int(head.x) != NONE) {
                const float4 p = ((const float4 *)(potentials + (long long)__float_as_int(head.y) * TILE))[part];
                q = make_float4(fminf(p.x - head.z, head.w), fminf(p.y - head.z, head.w), fminf(p.z - head.z, head.w),
                                fminf(p.w - head.z, head.w));
            }
        }
        spent[turn][section][part] = q;
        const float most = fmaxf(fmaxf(q.x, q.y), fmaxf(q.z, q.w));
        float all = most;
        for (int step = 4; step > 0; step >>= 1) all = fmaxf(all, __shfl_xor_sync(0xFFFFFFFFu, all, step));
        const unsigned active = __ballot_sync(0xFFFFFFFFu, most > EPSILON);
        const unsigned reached = __ballot_sync(0xFFFFFFFFu, all - floor > EPSILON);
        if (lane == 0) {
            quads[turn][warp] = active;
            quarters[turn][warp] = reached;
        }
        __syncthreads();

        // A bit for each section of the chunk that gets to one of the neurons of this warp.
        unsigned todo = 0;
        for (int j = 0; j < 4; j++) {
            const unsigned here = quarters[turn][j] >> warp;
            for (int i = 0; i < 4; i++) todo |= (here >> (8 * i) & 1) << (4 * j + i);
        }
        float begin = 0, share = 0, weight = 0;
        int next = __ffs(todo) - 1;
        if (todo) {
            const float *from = synapses + (long long)rows[turn][next] * ROW;
            begin = from[0];
            share = from[16];
            weight = from[32];
        }
        while (todo) {
            const int now = next;
            const float b = begin, s = share, w = weight;
            todo &= todo - 1;
            if (todo) {
                next = __ffs(todo) - 1;
                const float *from = synapses + (long long)rows[turn][next] * ROW;
                begin = from[0];
                share = from[16];
                weight = from[32];
            }
            const unsigned mask = quads[turn][now >> 2] >> (8 * (now & 3));
#pragma unroll
            for (int quad = 0; quad < QUADS; quad++) {
                if (mask >> quad & 1) {
                    const float4 four = spent[turn][now][quad];
                    sums[4 * quad] = contribute(sums[4 * quad], four.x, b, s, w);
                    sums[4 * quad + 1] = contribute(sums[4 * quad + 1], four.y, b, s, w);
                    sums[4 * quad + 2] = contribute(sums[4 * quad + 2], four.z, b, s, w);
                    sums[4 * quad + 3] = contribute(sums[4 * quad + 3], four.w, b, s, w);
                }
            }
        }
    }
}

DEVICE float fire(float sum, int role)
{
    if (role == OUTPUT) return sigmoid(sum);
    return sum > 0.0f ? logarithm(sum + 1.0f) : 0.0f;
}

// The outputs of a hexagon; one without links is 0.
DEVICE void answer_outputs(const unsigned long long *job, const long long *interface, const float *potentials,
                           int first, int cycles)
{
    const float *neurons = potentials + job[BASE] * TILE;
    for (int i = threadIdx.x; i < (int)interface[INTERFACE_COUNT] * TILE; i += THREADS) {
        const int cycle = i % TILE, lane = (int)interface[INTERFACE_FIRST] + i / TILE;
        const int *links = (const int *)job[LINKED] + lane * LINKS;
        const float *weights = (const float *)job[LINK_WEIGHTS] + lane * LINKS;
        float total = 0;
        for (int link = 0; link < LINKS; link++)
            if (links[link] != NONE)
                total = __fmaf_rn(neurons[(long long)links[link] * TILE + cycle], weights[link], total);
        if (cycle < cycles)
            ((float *)job[RESULTS])[(long long)(first + cycle) * job[LANES] + lane] = total != 0.0f ? sigmoid(total) : 0.0f;
    }
}

KERNEL void __launch_bounds__(THREADS, 8) answer(const unsigned long long *job)
{
    const int cycles = (int)job[CYCLES], tiles = (cycles + TILE - 1) / TILE;
    float *potentials = (float *)job[POTENTIALS] + (long long)blockIdx.x * job[SOURCES] * TILE;
    for (int tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
        const int first = tile * TILE, count = cycles - first < TILE ? cycles - first : TILE;
        read_inputs(job, potentials, first, count);
        __syncthreads();
        for (int hexagon = 0; hexagon < (int)job[HEXAGON_COUNT]; hexagon++) {
            const long long *about = (const long long *)job[HEXAGONS] + hexagon * HEXAGON_STRIDE;
            const int role = (int)about[ROLE];
            int block = role == INPUT ? NONE : (int)about[FIRST_BLOCK];
            while (block != NONE) {
                float sums[TILE];
#pragma unroll
                for (int cycle = 0; cycle < TILE; cycle++) sums[cycle] = 0;
                walk(job, block, potentials, sums);
                float4 *to = (float4 *)(potentials + ((long long)job[BASE] + block * WIDTH + threadIdx.x) * TILE);
#pragma unroll
                for (int quad = 0; quad < QUADS; quad++)
                    to[quad] = make_float4(fire(sums[4 * quad], role), fire(sums[4 * quad + 1], role),
                                           fire(sums[4 * quad + 2], role), fire(sums[4 * quad + 3], role));
                block = ((const int *)job[BLOCKS])[block * BLOCK_STRIDE + NEXT];
                __syncthreads();
            }
            if (role == OUTPUT && about[INTERFACE] != NONE) {
                answer_outputs(job, (const long long *)job[OUTPUTS] + about[INTERFACE] * INTERFACE_STRIDE, potentials,
                               first, count);
                __syncthreads();
            }
        }
    }
}
