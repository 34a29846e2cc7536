// Trains networks that grow by synapses, in batches: each network has a thread-block cluster of its own, which goes from
// batch to batch without the host.
//
// All cycles of a batch are answered with the weights before it, and the weights move by the sum of their gradients. The
// network grows by the first cycle of a batch alone, hexagon after hexagon before that hexagon is walked, exactly as on
// a processor; outputs try for links in all cycles. A batch of one cycle is what a processor does.
//
// A section belongs to one of PARTS parts of its block, by its slot, and a part to a block of threads. There a thread is
// a neuron and keeps its input, or its gradients, of all cycles in registers. Sums are built in an order that depends on
// neither CLUSTER nor THREADS: sections of a share in the order of their slots, then SHARES shares, then PARTS parts.
//
// What a block of threads knows of the sections of its parts stays in shared memory from the walk to the learning, and
// where they lie from batch to batch, as far as there is room.
//
// THREADS: 128 or 512.  CLUSTER: blocks of threads of a network, 1, 2, 4 or 8.  AT_HAND: parts that there is room for.

#include "synapse_fire.cuh"

#ifndef THREADS
#define THREADS 512
#endif
#ifndef AT_HAND
#define AT_HAND 4
#endif
#define WARPS (THREADS / 32)
#define TILE 64
#define QUADS (TILE / 4)
#define PITCH (TILE + 1)
#define PARTS 8
#define SHARES 4
#define TOGETHER (THREADS / 128)
#define HALF 32
#define SECTIONS (SLOTS / PARTS)
#define TURNS (PARTS / CLUSTER)
#define MOST_BLOCKS 1280
#define MOST_HEXAGONS 256
#define ALL 0xFFFFFFFFu
#define AT_ONCE 4

// Of synapse_layout.py.
#define WIDTH 128
#define SLOTS 512
#define SYNAPSES 128
#define ROOM 256
#define ENTRIES 86
#define LINKS 7
#define LINK_CHANCE 10
#define EPSILON 1e-5f
#define TOLERANCE 0.49f
#define TOLERANCE_DIVISOR 1.2f
#define SHRINK_DIVISOR 1.5f
#define SLOPE 1.4427f
#define LARGEST_WEIGHT 1e6f
#define MAX_SECTIONS (1 << 18)
#define NO_LIMIT 3.4028235e38f
#define ALWAYS 1e30f
#define HIDDEN 0
#define BINARY 2
#define MATCH 3
#define FOR_SECTION 1
#define FOR_SPLIT 2
#define FOR_SYNAPSE 3
#define FOR_LINK 4
#define GROUP 48
#define ROW 384
#define NONE (-1)
#define HEAD_STRIDE 4
#define LOWER 0
#define RANGE 1
#define TOTAL 2
#define TOLERATED 3
#define MARK_STRIDE 8
#define START 0
#define COUNT 1
#define ORIGIN 2
#define SORT 3
#define PLACE 4
#define BLOCK_STRIDE 4
#define NEXT 0
#define OWNER 1
#define TOP 2
#define HEXAGON_STRIDE 94
#define ROLE 0
#define INTERFACE 1
#define FIRST_BLOCK 2
#define LAST_BLOCK 3
#define BLOCK_COUNT 4
#define FREE 5
#define TARGETS 8
#define INNER 0
#define INPUT 1
#define OUTPUT 2
#define INTERFACE_STRIDE 4
#define INTERFACE_HEXAGON 0
#define INTERFACE_FIRST 1
#define INTERFACE_COUNT 2
#define INTERFACE_KIND 3         // of an input
#define INTERFACE_NUMBER 3       // of an output
#define USED_ROWS 0
#define USED_BLOCKS 2
#define USED_SYNAPSES 3
#define ABLE 4

// The fields of a segment of inputs or of what is expected of outputs.
#define SEGMENT 6
#define ADDRESS 0
#define STRIDE 1
#define SIZE 2
#define BYTES 3
#define PLACED 4
#define SEGMENT_INTERFACE 5

// The numbers of a record; after them, for each hexagon whether a source of it wants its first section. BROKEN is a cycle
// whose inputs are not finite, MEANINGLESS one of which that is so for what is expected.
#define BROKEN 0
#define DIVERGED 1
#define OPEN_LINKS 2
#define UNALLOCATED 3
#define ANY_FULL 4
#define STATUS 5
#define REACHED 6
#define NEW_LINKS 7
#define MEANINGLESS 8
#define WANTED 9
#define NEVER 0x7FFFFFFF

// Why a launch ended.
#define DONE 0
#define NO_ROOM 1
#define EXHAUSTED 2

// A network that learns.
typedef struct {
    float *heads;
    int *marks;
    float *synapses, *borders;
    int *slot_rows, *slot_sources, *blocks;
    long long *hexagons, *inputs, *outputs;
    int *links;
    float *link_weights;
    unsigned *keys;
    long long *counts;
    int *fresh;         // (sources) 1 for those that wait for their first section
    int *first_slot;    // (sources) the first slot with a section of a source, and
    int *next_slot;     // (slots) the next one
    int *first_link;    // (neurons) the first link to a neuron, and
    int *next_link;     // (links) the next one
    int *full;          // (slots) 1 for sections that have to be split
    int *record;
    float *potentials;  // (sources, TILE)
    float *slopes;      // (neurons, TILE)
    float *deltas;      // (neurons, TILE)
    float *flows;       // (slots, TILE) gradients that sections send to their sources
    float *partial;     // (PARTS, blocks, WIDTH, TILE)
    float *steps;       // (lanes, TILE)
    const long long *given, *wanted;
    const int *entries;
    const float *shares;
    const int *batches;
    const float *rates;
    long long given_count, wanted_count, batch_count, first_batch, cycles, hexagon_count, lanes, base, rows, block_room,
        output_rate;
} Net;

// What a block of threads knows of the sections of one part.
typedef struct {
    float *spent;     // (SECTIONS, TILE) what sections have to spend
    float *most;      // (SECTIONS) the most of it
    unsigned *quads;  // (SECTIONS) a bit for every 4 cycles, of which one has something to spend
    int *rows, *sources, *sorts;  // (SECTIONS)
    float *lowers, *ranges;
} Part;
#define PART_WORDS (SECTIONS * (TILE + 7))

// The shared memory of a block of threads. A *visit* is a part of a block whose turn it is: blocks come hexagon after
// hexagon, and for each of them TURNS parts.
typedef struct {
    int *blocks;   // (MOST_BLOCKS) numbers of the blocks in this order
    int *tops;     // (MOST_BLOCKS)
    int *firsts;   // (MOST_HEXAGONS + 1) first of the blocks of each hexagon
    int *roles;    // (MOST_HEXAGONS)
    float *parts;  // (AT_HAND, PART_WORDS)
    float *work;   // sums, or gradients and flows
} Room;
#define ROOM_WORDS (2 * MOST_BLOCKS + 2 * MOST_HEXAGONS + 4)

// ---------------------------------------------------------------------------------------------------------------------
// Random numbers, see draws.py
// ---------------------------------------------------------------------------------------------------------------------

DEVICE unsigned scramble(unsigned x)
{
    const unsigned state = x * 747796405u + 2891336453u;
    const unsigned word = ((state >> ((state >> 28) + 4)) ^ state) * 277803737u;
    return (word >> 22) ^ word;
}

DEVICE unsigned derive(unsigned key, unsigned a, unsigned b, unsigned c)
{
    return scramble(scramble(scramble(key ^ a) ^ b) ^ c);
}

DEVICE float new_weight(const Net *net, int row, int i, unsigned cycle)
{
    const unsigned draw = derive(net->keys[FOR_SYNAPSE], cycle, (unsigned)net->marks[row * MARK_STRIDE + PLACE], (unsigned)i);
    const unsigned second = scramble(scramble(draw));
    const float magnitude = (float)second * 4.656612873077393e-10f / 10.0f;
    return scramble(second) % 1000u < 500u ? -magnitude : magnitude;
}

// ---------------------------------------------------------------------------------------------------------------------
// Synapses
// ---------------------------------------------------------------------------------------------------------------------

// Where the begin of synapse i of a row is, whose first synapse points to the neuron `start`.
DEVICE long long cell(int row, int start, int i)
{
    const int neuron = (start + i) & (WIDTH - 1);
    return (long long)row * ROW + (neuron >> 4) * GROUP + (neuron & 15);
}

// Appends a synapse; one thread does.
DEVICE void add_synapse(const Net *net, int row, float begin, float border, float share, unsigned cycle)
{
    const int i = net->marks[row * MARK_STRIDE + COUNT];
    float *at = net->synapses + cell(row, net->marks[row * MARK_STRIDE + START], i);
    at[0] = begin;
    at[16] = share;
    at[32] = new_weight(net, row, i, cycle);
    net->borders[(long long)row * SYNAPSES + i] = border;
    net->marks[row * MARK_STRIDE + COUNT] = i + 1;
    atomicAdd((unsigned long long *)net->counts + USED_SYNAPSES, 1ull);
    net->counts[ABLE] = 1;
}

DEVICE void ask_for_split(const Net *net, int row)
{
    net->full[net->marks[row * MARK_STRIDE + PLACE]] = 1;
    net->record[ANY_FULL] = 1;
}

// Makes a value one of those that a match section knows: a warp does.
DEVICE void learn_value(const Net *net, int row, float q, unsigned cycle)
{
    const int lane = threadIdx.x & 31, count = net->marks[row * MARK_STRIDE + COUNT];
    float *borders = net->borders + (long long)row * SYNAPSES;
    int i = 0;
    for (int k = 0; k < 4; k++) {
        const int at = 32 * k + lane;
        i += __popc(__ballot_sync(ALL, at < count && borders[at] < q));
    }
    if (lane == 0) {
        const int start = net->marks[row * MARK_STRIDE + START];
        if (i == SYNAPSES - 1) ask_for_split(net, row);
        else if (i == count) add_synapse(net, row, i > 0 ? borders[i - 1] : -ALWAYS, q, ALWAYS, cycle);
        else {
            borders[i] = q;
            if (i + 1 < count) net->synapses[cell(row, start, i + 1)] = q;
        }
    }
}

// Lets a section grow that has potential left behind its last synapse: a warp does.
DEVICE void extend(const Net *net, int row, float q, unsigned cycle)
{
    const int lane = threadIdx.x & 31;
    if (net->marks[row * MARK_STRIDE + SORT] == MATCH) {
        learn_value(net, row, q, cycle);
        return;
    }
    if (lane != 0) return;
    if (net->marks[row * MARK_STRIDE + COUNT] == SYNAPSES) {
        ask_for_split(net, row);
        return;
    }
    float *total = net->heads + row * HEAD_STRIDE + TOTAL;
    const float border = q - *total;
    add_synapse(net, row, *total, border, 1.0f / border, cycle);
    *total += border;
}

// Shrinks the synapse in which the potential ends, and goes on with what that leaves: a warp, each lane with 4 synapses.
DEVICE void shrink(const Net *net, int row, float q, unsigned cycle)
{
    const int *mark = net->marks + row * MARK_STRIDE;
    const int lane = threadIdx.x & 31, start = mark[START], count = mark[COUNT];
    float *heads = net->heads + row * HEAD_STRIDE, *borders = net->borders + (long long)row * SYNAPSES;
    float tolerance = heads[TOLERATED], begin = 0;
    float first[4], share[4], weight[4], border[4];
#pragma unroll
    for (int k = 0; k < 4; k++) {
        const int i = 32 * k + lane;
        const float *at = net->synapses + cell(row, start, i);
        first[k] = at[0];
        share[k] = at[16];
        weight[k] = at[32];
        border[k] = borders[i];
    }
#pragma unroll
    for (int k = 0; k < 4; k++) {
        for (int l = 0; l < 32 && 32 * k + l < count; l++) {
            const float left = q - begin;
            float consumed = __shfl_sync(ALL, border[k], l);
            const float covered = left * __shfl_sync(ALL, share[k], l);
            const int shrinks = left > EPSILON && covered > 0.5f - tolerance && covered < 0.5f + tolerance;
            if (shrinks) {
                consumed /= SHRINK_DIVISOR;
                tolerance /= TOLERANCE_DIVISOR;
            }
            if (lane == l) {
                first[k] = begin;
                if (shrinks) {
                    border[k] = consumed;
                    share[k] = 1.0f / consumed;
                    weight[k] /= SHRINK_DIVISOR;
                }
            }
            begin += consumed;
        }
    }
#pragma unroll
    for (int k = 0; k < 4; k++) {
        const int i = 32 * k + lane;
        if (i < count) {
            float *at = net->synapses + cell(row, start, i);
            at[0] = first[k];
            at[16] = share[k];
            at[32] = weight[k];
            borders[i] = border[k];
        }
    }
    __syncwarp();
    if (lane == 0) {
        const float left = q - begin;
        if (left > EPSILON) {
            if (count == SYNAPSES) ask_for_split(net, row);
            else {
                add_synapse(net, row, begin, left, 1.0f / left, cycle);
                begin += left;
            }
        }
        heads[TOLERATED] = tolerance;
        heads[TOTAL] = begin;
        net->counts[ABLE] = 1;
    }
}

// Lets a section grow by a potential: a warp does.
DEVICE void grow(const Net *net, int row, float q, unsigned cycle)
{
    const int lane = threadIdx.x & 31;
    const float *heads = net->heads + row * HEAD_STRIDE;
    const float low = 0.5f - heads[TOLERATED], high = 0.5f + heads[TOLERATED], total = heads[TOTAL];
    __syncwarp();  // one lane may change them
    if (q - total > EPSILON) {
        extend(net, row, q, cycle);
        return;
    }
    int between = 0;
#pragma unroll
    for (int k = 0; k < 4; k++) {
        const float *at = net->synapses + (long long)row * ROW + (2 * k + (lane >> 4)) * GROUP + (lane & 15);
        const float left = q - at[0], covered = fminf(left * at[16], 1.0f);
        between |= left > EPSILON && covered > low && covered < high;
    }
    if (__any_sync(ALL, between)) shrink(net, row, q, cycle);
}

// ---------------------------------------------------------------------------------------------------------------------
// Sections: a single warp of the cluster makes them, in order
// ---------------------------------------------------------------------------------------------------------------------

// Gives a hexagon another block, whose neurons wait for their first section if the hexagon can have any.
DEVICE void add_block(const Net *net, int hexagon)
{
    const int lane = threadIdx.x & 31, block = (int)net->counts[USED_BLOCKS];
    long long *about = net->hexagons + hexagon * HEXAGON_STRIDE;
    const int fresh = about[TARGETS] != NONE;
    for (int neuron = lane; neuron < WIDTH; neuron += 32) net->fresh[net->base + block * WIDTH + neuron] = fresh;
    __syncwarp();
    if (lane == 0) {
        net->counts[USED_BLOCKS] = block + 1;
        net->blocks[block * BLOCK_STRIDE + OWNER] = hexagon;
        net->blocks[block * BLOCK_STRIDE + NEXT] = NONE;
        net->blocks[block * BLOCK_STRIDE + TOP] = 0;
        if (about[LAST_BLOCK] == NONE) about[FIRST_BLOCK] = block;
        else net->blocks[about[LAST_BLOCK] * BLOCK_STRIDE + NEXT] = block;
        about[LAST_BLOCK] = block;
        about[BLOCK_COUNT] += 1;
        about[FREE] += SLOTS;
        if (fresh) net->record[UNALLOCATED] += WIDTH;
    }
    __syncwarp();
}

// Notes a section as one of its source, in the order of the slots.
DEVICE void list_section(const Net *net, int source, int place)
{
    int *at = net->first_slot + source;
    while (*at != NONE && *at < place) at = net->next_slot + *at;
    net->next_slot[place] = *at;
    *at = place;
}

// Puts an empty section into a random block of a hexagon and returns its row.
DEVICE int place_section(const Net *net, int hexagon, int source, int sort, unsigned draw, unsigned cycle)
{
    const int lane = threadIdx.x & 31, row = (int)net->counts[USED_ROWS];
    long long *about = net->hexagons + hexagon * HEXAGON_STRIDE;
    draw = scramble(draw);
    int block = (int)about[FIRST_BLOCK];
    for (int skip = (int)(draw % (unsigned)about[BLOCK_COUNT]); skip > 0; skip--)
        block = net->blocks[block * BLOCK_STRIDE + NEXT];
    while (net->blocks[block * BLOCK_STRIDE + TOP] == SLOTS) {
        block = net->blocks[block * BLOCK_STRIDE + NEXT];
        if (block == NONE) block = (int)about[FIRST_BLOCK];
    }
    const int slot = net->blocks[block * BLOCK_STRIDE + TOP], place = block * SLOTS + slot;
    for (int i = lane; i < ROW; i += 32) net->synapses[(long long)row * ROW + i] = i % GROUP < 16 ? NO_LIMIT : 0.0f;
    for (int i = lane; i < SYNAPSES; i += 32) net->borders[(long long)row * SYNAPSES + i] = 0.0f;
    __syncwarp();
    if (lane == 0) {
        net->counts[USED_ROWS] = row + 1;
        net->slot_rows[place] = row;
        net->slot_sources[place] = source;
        net->blocks[block * BLOCK_STRIDE + TOP] = slot + 1;
        about[FREE] -= 1;
        int *mark = net->marks + row * MARK_STRIDE;
        mark[START] = (int)(scramble(draw) % WIDTH);
        mark[COUNT] = 0;
        mark[ORIGIN] = source;
        mark[SORT] = sort;
        mark[PLACE] = place;
        float *head = net->heads + row * HEAD_STRIDE;
        head[LOWER] = 0;
        head[RANGE] = NO_LIMIT;
        head[TOTAL] = sort == MATCH ? -ALWAYS : sort == BINARY ? NO_LIMIT : 0.0f;
        head[TOLERATED] = TOLERANCE;
        if (source >= net->base) list_section(net, source, place);
        if (sort == BINARY)
            for (int i = 0; i < SYNAPSES; i++) add_synapse(net, row, -ALWAYS, 0.0f, ALWAYS, cycle);
    }
    __syncwarp();
    return row;
}

// Gives a source its first section; `number` is the source's number in its hexagon.
DEVICE void give_section(const Net *net, int hexagon, int number, int source, int sort, unsigned cycle)
{
    const unsigned draw = derive(net->keys[FOR_SECTION], cycle, (unsigned)hexagon, (unsigned)number);
    const int target = (int)net->hexagons[hexagon * HEXAGON_STRIDE + TARGETS + draw % ENTRIES];
    if (net->counts[USED_ROWS] >= MAX_SECTIONS) {
        net->record[STATUS] = EXHAUSTED;
        return;
    }
    if (net->hexagons[target * HEXAGON_STRIDE + FREE] < ROOM) add_block(net, target);
    place_section(net, target, source, sort, draw, cycle);
    if ((threadIdx.x & 31) == 0) {
        net->fresh[source] = 0;
        net->record[UNALLOCATED] -= 1;
    }
    __syncwarp();
}

// Serves a range of sources, of which the first one has a number in its hexagon.
DEVICE void serve(const Net *net, int hexagon, int number, int begin, int count, int sort, unsigned cycle)
{
    const int lane = threadIdx.x & 31;
    for (int i = 0; i < count; i += 32) {
        const int source = begin + i + lane;
        const int wants = i + lane < count && net->fresh[source] && net->potentials[(long long)source * TILE] > 0.0f;
        for (unsigned todo = __ballot_sync(ALL, wants); todo; todo &= todo - 1) {
            const int at = i + __ffs(todo) - 1;
            give_section(net, hexagon, number + at, begin + at, sort, cycle);
        }
    }
}

// Gives all sources of a hexagon that wait for it, and are active in the first cycle, their first section.
DEVICE void give_sections(const Net *net, int hexagon, unsigned cycle)
{
    const long long *about = net->hexagons + hexagon * HEXAGON_STRIDE;
    if (about[ROLE] == INPUT) {
        const long long *interface = net->inputs + about[INTERFACE] * INTERFACE_STRIDE;
        serve(net, hexagon, 0, (int)interface[INTERFACE_FIRST], (int)interface[INTERFACE_COUNT],
              (int)interface[INTERFACE_KIND], cycle);
    } else {
        int number = 0;
        for (int block = (int)about[FIRST_BLOCK]; block != NONE; block = net->blocks[block * BLOCK_STRIDE + NEXT]) {
            serve(net, hexagon, number, (int)net->base + block * WIDTH, WIDTH, HIDDEN, cycle);
            number += WIDTH;
        }
    }
    __syncwarp();
    if ((threadIdx.x & 31) == 0) net->record[WANTED + hexagon] = 0;
}

// The hexagon of a source.
DEVICE int hexagon_of(const Net *net, int source)
{
    if (source >= net->base) return net->blocks[(source - net->base) / WIDTH * BLOCK_STRIDE + OWNER];
    const long long *interface = net->inputs;
    while (source >= interface[INTERFACE_FIRST] + interface[INTERFACE_COUNT]) interface += INTERFACE_STRIDE;
    return (int)interface[INTERFACE_HEXAGON];
}

// Gives the upper part of a full section's range to a new one of the same source, if there is a slot for it.
DEVICE void split(const Net *net, int place, unsigned cycle)
{
    const int row = net->slot_rows[place], source = net->slot_sources[place];
    const int hexagon = hexagon_of(net, source);
    const unsigned draw = derive(net->keys[FOR_SPLIT], cycle, (unsigned)(place / SLOTS), (unsigned)(place % SLOTS));
    const int target = (int)net->hexagons[hexagon * HEXAGON_STRIDE + TARGETS + draw % ENTRIES];
    if (net->hexagons[target * HEXAGON_STRIDE + FREE] == 0) return;
    if (net->counts[USED_ROWS] >= MAX_SECTIONS) {
        net->record[STATUS] = EXHAUSTED;
        return;
    }
    const float half = net->synapses[cell(row, net->marks[row * MARK_STRIDE + START], SYNAPSES / 2)];
    const int added = place_section(net, target, source, net->marks[row * MARK_STRIDE + SORT], draw, cycle);
    if ((threadIdx.x & 31) == 0) {
        float *old = net->heads + row * HEAD_STRIDE, *head = net->heads + added * HEAD_STRIDE;
        head[LOWER] = old[LOWER] + half;
        head[RANGE] = old[RANGE] - half;
        old[RANGE] = half;
    }
    __syncwarp();
    if (net->hexagons[target * HEXAGON_STRIDE + FREE] < ROOM) add_block(net, target);
}

DEVICE void split_all(const Net *net, unsigned cycle)
{
    const int lane = threadIdx.x & 31;
    for (int hexagon = 0; hexagon < (int)net->hexagon_count; hexagon++) {
        int block = (int)net->hexagons[hexagon * HEXAGON_STRIDE + FIRST_BLOCK];
        for (; block != NONE; block = net->blocks[block * BLOCK_STRIDE + NEXT]) {
            const int top = net->blocks[block * BLOCK_STRIDE + TOP];
            for (int slot = 0; slot < top; slot += 32) {
                const int place = block * SLOTS + slot + lane, is_full = slot + lane < top && net->full[place];
                if (is_full) net->full[place] = 0;
                for (unsigned todo = __ballot_sync(ALL, is_full); todo; todo &= todo - 1)
                    split(net, block * SLOTS + slot + __ffs(todo) - 1, cycle);
            }
        }
    }
    __syncwarp();
    if (lane == 0) net->record[ANY_FULL] = 0;
}

// Puts links that are new into the lists of their neurons, in their order.
DEVICE void list_links(const Net *net)
{
    const int lane = threadIdx.x & 31, count = (int)net->lanes * LINKS;
    for (int first = 0; first < count; first += 32) {
        const int place = first + lane;
        const int is_new = place < count && net->links[place] != NONE && net->next_link[place] < NONE;
        for (unsigned todo = __ballot_sync(ALL, is_new); todo; todo &= todo - 1) {
            const int link = first + __ffs(todo) - 1;
            if (lane == 0) {
                int *at = net->first_link + net->links[link];
                while (*at != NONE && *at < link) at = net->next_link + *at;
                net->next_link[link] = *at;
                *at = link;
            }
        }
    }
    if (lane == 0) net->record[NEW_LINKS] = 0;
}

// ---------------------------------------------------------------------------------------------------------------------
// Forward
// ---------------------------------------------------------------------------------------------------------------------

DEVICE float value_at(const long long *segment, int cycle, int i)
{
    const unsigned char *row = (const unsigned char *)segment[ADDRESS] + cycle * segment[STRIDE];
    return segment[BYTES] == 1 ? (float)row[i] : ((const float *)row)[i];
}

DEVICE int cycle_of(const Net *net, int entry)
{
    return net->entries ? net->entries[entry] : entry;
}

// The values of the inputs in the cycles of a batch, 4 of them for each thread.
DEVICE void read_inputs(const Net *net, int entry, int cycles, unsigned rank)
{
    for (int number = 0; number < (int)net->given_count; number++) {
        const long long *segment = net->given + number * SEGMENT;
        const int size = (int)segment[SIZE];
        for (int first = rank * THREADS + threadIdx.x; first < size * QUADS; first += AT_ONCE * CLUSTER * THREADS) {
            float value[AT_ONCE][4];
#pragma unroll
            for (int j = 0; j < AT_ONCE; j++) {
                const int at = first + j * CLUSTER * THREADS, i = at % size, quad = at / size;
#pragma unroll
                for (int k = 0; k < 4; k++) {
                    value[j][k] = 0;
                    if (at < size * QUADS && 4 * quad + k < cycles)
                        value[j][k] = value_at(segment, cycle_of(net, entry + 4 * quad + k), i);
                }
            }
#pragma unroll
            for (int j = 0; j < AT_ONCE; j++) {
                const int at = first + j * CLUSTER * THREADS, i = at % size, quad = at / size;
                if (at >= size * QUADS) continue;
                const long long source = segment[PLACED] + i;
                for (int k = 0; k < 4; k++)
                    if (!(fabsf(value[j][k]) <= NO_LIMIT))
                        atomicMin(net->record + BROKEN, cycle_of(net, entry + 4 * quad + k));
                ((float4 *)(net->potentials + source * TILE))[quad] = make_float4(
                    fmaxf(value[j][0], 0.0f), fmaxf(value[j][1], 0.0f), fmaxf(value[j][2], 0.0f), fmaxf(value[j][3], 0.0f));
                if (quad == 0 && value[j][0] > 0.0f && net->fresh[source])
                    net->record[WANTED + segment[SEGMENT_INTERFACE]] = 1;
            }
        }
    }
}

// Reads which blocks there are, by hexagons; within one they come as they were made.
DEVICE void read_blocks(const Net *net, const Room *room)
{
    const int count = (int)net->counts[USED_BLOCKS];
    int *owners = (int *)room->work;
    for (int block = threadIdx.x; block < count; block += THREADS) owners[block] = net->blocks[block * BLOCK_STRIDE + OWNER];
    for (int hexagon = threadIdx.x; hexagon < (int)net->hexagon_count; hexagon += THREADS)
        room->roles[hexagon] = (int)net->hexagons[hexagon * HEXAGON_STRIDE + ROLE];
    __syncthreads();
    for (int block = threadIdx.x; block < count; block += THREADS) {
        int before = 0;
        for (int other = 0; other < count; other++)
            before += owners[other] < owners[block] || (owners[other] == owners[block] && other < block);
        room->blocks[before] = block;
        room->tops[before] = net->blocks[block * BLOCK_STRIDE + TOP];
    }
    for (int hexagon = threadIdx.x; hexagon <= (int)net->hexagon_count; hexagon += THREADS) {
        int before = 0;
        for (int other = 0; other < count; other++) before += owners[other] < hexagon;
        room->firsts[hexagon] = before;
    }
    __syncthreads();
}

DEVICE int is_at_hand(const Net *net, const Room *room, int visit)
{
    return visit < AT_HAND - 1 || room->firsts[net->hexagon_count] * TURNS <= AT_HAND;
}

DEVICE Part part_of(const Room *room, int visit)
{
    float *at = room->parts + (visit < AT_HAND ? visit : AT_HAND - 1) * PART_WORDS;
    const Part part = {at,
                       at + SECTIONS * TILE,
                       (unsigned *)(at + SECTIONS * (TILE + 1)),
                       (int *)(at + SECTIONS * (TILE + 2)),
                       (int *)(at + SECTIONS * (TILE + 3)),
                       (int *)(at + SECTIONS * (TILE + 4)),
                       at + SECTIONS * (TILE + 5),
                       at + SECTIONS * (TILE + 6)};
    return part;
}

// The number of the part among the PARTS of a block.
DEVICE int number_of(int visit, unsigned rank)
{
    return (int)rank + CLUSTER * (visit % TURNS);
}

// Reads where the sections of a visit lie.
DEVICE void read_sections(const Net *net, const Room *room, int visit, unsigned rank)
{
    const Part part = part_of(room, visit);
    const int block = room->blocks[visit / TURNS], top = room->tops[visit / TURNS];
    for (int i = threadIdx.x; i < SECTIONS; i += THREADS) {
        const int slot = number_of(visit, rank) + PARTS * i, place = block * SLOTS + slot;
        int row = NONE, source = 0, sort = 0;
        float lower = 0, range = 0;
        if (slot < top) {
            row = net->slot_rows[place];
            source = net->slot_sources[place];
        }
        if (row != NONE) {
            lower = net->heads[row * HEAD_STRIDE + LOWER];
            range = net->heads[row * HEAD_STRIDE + RANGE];
            sort = net->marks[row * MARK_STRIDE + SORT];
        }
        part.rows[i] = row;
        part.sources[i] = source;
        part.sorts[i] = sort;
        part.lowers[i] = lower;
        part.ranges[i] = range;
    }
    __syncthreads();
}

// Looks up what the sections of a visit have to spend.
DEVICE void look_up(const Net *net, const Room *room, int visit)
{
    const Part part = part_of(room, visit);
    const int lane = threadIdx.x & 31;
    for (int first = threadIdx.x; first < SECTIONS * QUADS; first += 2 * THREADS) {
        float4 p[2];
#pragma unroll
        for (int j = 0; j < 2; j++) {
            const int at = first + j * THREADS, section = at / QUADS;
            p[j] = make_float4(-1.0f, -1.0f, -1.0f, -1.0f);
            if (part.rows[section] != NONE)
                p[j] = ((const float4 *)(net->potentials + (long long)part.sources[section] * TILE))[at % QUADS];
        }
#pragma unroll
        for (int j = 0; j < 2; j++) {
            const int at = first + j * THREADS, section = at / QUADS;
            const float lower = part.lowers[section], range = part.ranges[section];
            const float4 q = make_float4(fminf(p[j].x - lower, range), fminf(p[j].y - lower, range),
                                         fminf(p[j].z - lower, range), fminf(p[j].w - lower, range));
            ((float4 *)part.spent)[at] = q;
            const float most = fmaxf(fmaxf(q.x, q.y), fmaxf(q.z, q.w));
            const unsigned active = __ballot_sync(ALL, most > EPSILON);
            float all = most;
            for (int step = QUADS / 2; step > 0; step >>= 1) all = fmaxf(all, __shfl_xor_sync(ALL, all, step));
            if (at % QUADS == 0) {
                part.most[section] = all;
                part.quads[section] = active >> (lane & 16) & 0xFFFFu;
            }
        }
    }
    __syncthreads();
}

// Lets the sections of some visits grow by the first cycle of a batch.
DEVICE void grow_all(const Net *net, const Room *room, int first, int stop, unsigned cycle)
{
    const int warp = threadIdx.x >> 5, able = (int)net->counts[ABLE];
    for (int i = warp; i < (stop - first) * SECTIONS; i += WARPS) {
        const Part part = part_of(room, first + i / SECTIONS);
        const int section = i % SECTIONS, row = part.rows[section];
        const float q = part.spent[section * TILE];
        if (row != NONE && q > EPSILON && (able || part.sorts[section] != HIDDEN)) grow(net, row, q, cycle);
    }
    __syncthreads();
}

// The sections of a share in a half of a part, as bits, that have something to spend.
DEVICE unsigned sections_of(const Part *part, int half, int share)
{
    const int lane = threadIdx.x & 31;
    return __ballot_sync(ALL, lane % SHARES == share && part->quads[half + lane] != 0);
}

DEVICE float contribute(float sum, float q, float begin, float share, float weight)
{
    const float left = q - begin;
    return left > EPSILON ? __fmaf_rn(__saturatef(left * share), weight, sum) : sum;
}

// Sums up what the sections of a visit contribute to the neurons of its block.
DEVICE void walk(const Net *net, const Room *room, int visit, unsigned rank)
{
    const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, quarter = warp & 3, neuron = 32 * quarter + lane;
    const Part part = part_of(room, visit);
    const float *synapses = net->synapses + (2 * quarter + (lane >> 4)) * GROUP + (lane & 15);
    for (int first = 0; first < SHARES; first += TOGETHER) {
        float sums[TILE];
#pragma unroll
        for (int cycle = 0; cycle < TILE; cycle++) sums[cycle] = 0;
        for (int half = 0; half < SECTIONS; half += HALF) {
            unsigned todo = sections_of(&part, half, first + (warp >> 2));
            float b_next = 0, s_next = 0, w_next = 0;
            if (todo) {
                const float *from = synapses + (long long)part.rows[half + __ffs(todo) - 1] * ROW;
                b_next = from[0];
                s_next = from[16];
                w_next = from[32];
            }
            while (todo) {
                const int now = half + __ffs(todo) - 1;
                const float b = b_next, s = s_next, w = w_next;
                todo &= todo - 1;
                if (todo) {
                    const float *from = synapses + (long long)part.rows[half + __ffs(todo) - 1] * ROW;
                    b_next = from[0];
                    s_next = from[16];
                    w_next = from[32];
                }
                if (!__any_sync(ALL, part.most[now] - b > EPSILON)) continue;
                const unsigned mask = part.quads[now];
                const float4 *spent = (const float4 *)(part.spent + now * TILE);
#pragma unroll
                for (int quad = 0; quad < QUADS; quad++)
                    if (mask >> quad & 1) {
                        const float4 q = spent[quad];
                        sums[4 * quad] = contribute(sums[4 * quad], q.x, b, s, w);
                        sums[4 * quad + 1] = contribute(sums[4 * quad + 1], q.y, b, s, w);
                        sums[4 * quad + 2] = contribute(sums[4 * quad + 2], q.z, b, s, w);
                        sums[4 * quad + 3] = contribute(sums[4 * quad + 3], q.w, b, s, w);
                    }
            }
        }
        float *to = room->work + ((warp >> 2) * WIDTH + neuron) * PITCH;
#pragma unroll
        for (int cycle = 0; cycle < TILE; cycle++) to[cycle] = first == 0 ? sums[cycle] : to[cycle] + sums[cycle];
    }
    __syncthreads();
    const int block = room->blocks[visit / TURNS];
    float *partial = net->partial + (number_of(visit, rank) * net->block_room + block) * WIDTH * TILE;
    for (int i = threadIdx.x; i < WIDTH * TILE; i += THREADS) {
        const float *from = room->work + i / TILE * PITCH + i % TILE;
        float sum = from[0];
#pragma unroll
        for (int share = 1; share < TOGETHER; share++) sum += from[share * WIDTH * PITCH];
        partial[i] = sum;
    }
    __syncthreads();
}

// Lets the neurons of a hexagon take what all parts have summed up: a thread takes two cycles of a neuron.
DEVICE void fire(const Net *net, const Room *room, int hexagon, unsigned rank)
{
    const int is_output = room->roles[hexagon] == OUTPUT, first = room->firsts[hexagon];
    const int count = (room->firsts[hexagon + 1] - first) * WIDTH * TILE / 2;
    const long long pitch = net->block_room * WIDTH * TILE / 2;
    for (int i = rank * THREADS + threadIdx.x; i < count; i += CLUSTER * THREADS) {
        const int block = room->blocks[first + i / (WIDTH * TILE / 2)], within = i % (WIDTH * TILE / 2);
        const long long at = (long long)block * WIDTH * TILE / 2 + within, source = net->base + block * WIDTH + within / (TILE / 2);
        float2 sum = make_float2(0.0f, 0.0f), part[PARTS];
#pragma unroll
        for (int number = 0; number < PARTS; number++) part[number] = ((const float2 *)net->partial)[number * pitch + at];
        const int fresh = within % (TILE / 2) == 0 && net->fresh[source];
#pragma unroll
        for (int number = 0; number < PARTS; number++) {
            sum.x += part[number].x;
            sum.y += part[number].y;
        }
        float2 potential;
        if (is_output) potential = make_float2(sigmoid(sum.x), sigmoid(sum.y));
        else {
            potential = make_float2(sum.x > 0.0f ? logarithm(sum.x + 1.0f) : 0.0f, sum.y > 0.0f ? logarithm(sum.y + 1.0f) : 0.0f);
            ((float2 *)net->slopes)[at] = make_float2(sum.x > 0.0f ? SLOPE / (sum.x + 1.0f) : 0.0f,
                                                      sum.y > 0.0f ? SLOPE / (sum.y + 1.0f) : 0.0f);
            if (fresh && potential.x > 0.0f) net->record[WANTED + hexagon] = 1;
        }
        ((float2 *)net->potentials)[net->base * TILE / 2 + at] = potential;
    }
}

// Links outputs, with some luck, to random neurons that got input: a thread for each link, in the order of the cycles.
DEVICE void try_links(const Net *net, int entry, int cycles, unsigned rank)
{
    for (int number = 0; number < (int)net->wanted_count; number++) {
        const long long *segment = net->wanted + number * SEGMENT;
        const long long *interface = net->outputs + segment[SEGMENT_INTERFACE] * INTERFACE_STRIDE;
        const long long *about = net->hexagons + interface[INTERFACE_HEXAGON] * HEXAGON_STRIDE;
        const int count = (int)segment[SIZE] * LINKS;
        if (about[FIRST_BLOCK] == NONE) continue;
        for (int at = rank * THREADS + threadIdx.x; at < count; at += CLUSTER * THREADS) {
            const int place = (int)segment[PLACED] * LINKS + at;
            if (net->links[place] != NONE) continue;
            for (int s = 0; s < cycles; s++) {
                const int cycle = cycle_of(net, entry + s);
                if (!(value_at(segment, cycle, at / LINKS) > 0.0f)) continue;
                unsigned draw = derive(net->keys[FOR_LINK], (unsigned)(net->cycles + cycle),
                                       (unsigned)interface[INTERFACE_NUMBER], (unsigned)at);
                if (draw % LINK_CHANCE) continue;
                draw = scramble(draw);
                int block = (int)about[FIRST_BLOCK];
                for (int skip = (int)(draw % (unsigned)about[BLOCK_COUNT]); skip > 0; skip--)
                    block = net->blocks[block * BLOCK_STRIDE + NEXT];
                draw = scramble(draw);
                const int neuron = block * WIDTH + (int)(draw % WIDTH);
                const float potential = net->potentials[(net->base + neuron) * TILE + s];
                if (potential == 0.5f) continue;
                const float weight = (float)scramble(draw) * 4.656612873077393e-10f;
                net->links[place] = neuron;
                net->link_weights[place] = potential < 0.5f ? -weight : weight;
                atomicSub(net->record + OPEN_LINKS, 1);
                net->record[NEW_LINKS] = 1;
                break;
            }
        }
    }
}

// The errors of the outputs and the gradients of the neurons of their hexagons, for a part of the cycles.
DEVICE void judge(const Net *net, const Room *room, int entry, int cycles, unsigned rank)
{
    const int own = TILE / CLUSTER, first = rank * own;
    for (int number = 0; number < (int)net->wanted_count; number++) {
        const long long *segment = net->wanted + number * SEGMENT;
        for (int at = threadIdx.x; at < (int)segment[SIZE] * own; at += THREADS) {
            const int output = at / own, s = first + at % own;
            const long long lane = segment[PLACED] + output;
            float step = 0;
            if (s < cycles) {
                const int cycle = cycle_of(net, entry + s);
                const float wanted = value_at(segment, cycle, output);
                if (!(fabsf(wanted) <= NO_LIMIT)) atomicMin(net->record + MEANINGLESS, cycle);
                float total = 0;
                for (int link = 0; link < LINKS; link++) {
                    const int neuron = net->links[lane * LINKS + link];
                    if (neuron != NONE)
                        total += net->potentials[(net->base + neuron) * TILE + s] * net->link_weights[lane * LINKS + link];
                }
                const float value = total != 0.0f ? sigmoid(total) : 0.0f;
                step = (value - wanted) * value * (1.0f - value);
                if (net->shares) step *= fabsf(net->shares[entry + s]);
            }
            net->steps[lane * TILE + s] = step;
        }
    }
    __syncthreads();
    // A thread takes a neuron; its list of links is followed once.
    const int count = room->firsts[net->hexagon_count] * WIDTH;
    for (int at = threadIdx.x; at < count; at += THREADS) {
        const int block = room->blocks[at / WIDTH];
        const long long neuron = block * WIDTH + at % WIDTH;
        if (room->roles[net->blocks[block * BLOCK_STRIDE + OWNER]] != OUTPUT) continue;
        float delta[TILE / CLUSTER];
#pragma unroll
        for (int s = 0; s < own; s++) delta[s] = 0;
        for (int link = net->first_link[neuron]; link != NONE; link = net->next_link[link]) {
            const float weight = net->link_weights[link], *steps = net->steps + link / LINKS * TILE + first;
#pragma unroll
            for (int s = 0; s < own; s++) delta[s] += steps[s] * weight;
        }
        const float *potentials = net->potentials + (net->base + neuron) * TILE + first;
#pragma unroll
        for (int s = 0; s < own; s++) {
            const float potential = potentials[s];
            net->deltas[neuron * TILE + first + s] = delta[s] * potential * (1.0f - potential);
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Backward
// ---------------------------------------------------------------------------------------------------------------------

DEVICE void learn_links(const Net *net, unsigned rank)
{
    const float rate = __uint_as_float((unsigned)net->output_rate);
    for (int link = rank * THREADS + threadIdx.x; link < (int)net->lanes * LINKS; link += CLUSTER * THREADS) {
        const int neuron = net->links[link];
        if (neuron == NONE) continue;
        const float4 *steps = (const float4 *)(net->steps + link / LINKS * TILE);
        const float4 *potentials = (const float4 *)(net->potentials + (net->base + neuron) * TILE);
        float gradient = 0;
#pragma unroll
        for (int quad = 0; quad < QUADS; quad++) {
            const float4 step = steps[quad], p = potentials[quad];
            gradient += ((step.x * p.x + step.y * p.y) + (step.z * p.z + step.w * p.w));
        }
        const float weight = net->link_weights[link] - rate * gradient;
        net->link_weights[link] = weight;
        if (!(fabsf(weight) < LARGEST_WEIGHT)) net->record[DIVERGED] = 1;
    }
}

// Sums up what the sections of the neurons of a hexagon have sent them: a thread takes four cycles of a neuron.
DEVICE void collect(const Net *net, const Room *room, int hexagon, unsigned rank)
{
    const int first = room->firsts[hexagon], count = (room->firsts[hexagon + 1] - first) * WIDTH * QUADS;
    for (int i = rank * THREADS + threadIdx.x; i < count; i += CLUSTER * THREADS) {
        const int block = room->blocks[first + i / (WIDTH * QUADS)], within = i % (WIDTH * QUADS);
        const long long at = (long long)block * WIDTH * QUADS + within;
        const float4 slope = ((const float4 *)net->slopes)[at];
        float4 delta = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
        int slot = net->first_slot[net->base + block * WIDTH + within / QUADS];
        for (; slot != NONE; slot = net->next_slot[slot]) {
            const float4 flow = ((const float4 *)net->flows)[(long long)slot * QUADS + within % QUADS];
            delta.x += flow.x;
            delta.y += flow.y;
            delta.z += flow.z;
            delta.w += flow.w;
        }
        ((float4 *)net->deltas)[at] =
            make_float4(delta.x * slope.x, delta.y * slope.y, delta.z * slope.z, delta.w * slope.w);
    }
}

// Brings the gradients of a block's neurons to shared memory.
DEVICE void load_deltas(const Net *net, int block, float *deltas)
{
    const float4 *from = (const float4 *)(net->deltas + (long long)block * WIDTH * TILE);
    for (int first = threadIdx.x; first < WIDTH * QUADS; first += 4 * THREADS) {
        float4 four[4];
#pragma unroll
        for (int j = 0; j < 4; j++) four[j] = from[first + j * THREADS];
#pragma unroll
        for (int j = 0; j < 4; j++) {
            const int i = first + j * THREADS;
            float *to = deltas + i / QUADS * PITCH + i % QUADS * 4;
            to[0] = four[j].x;
            to[1] = four[j].y;
            to[2] = four[j].z;
            to[3] = four[j].w;
        }
    }
    __syncthreads();
}

// Moves the weights of the sections of a visit and sends gradients on to their sources.
DEVICE void learn(const Net *net, const Room *room, int visit, float rate, unsigned rank)
{
    const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, quarter = warp & 3, neuron = 32 * quarter + lane;
    const int block = room->blocks[visit / TURNS];
    const Part part = part_of(room, visit);
    const float *deltas = room->work;
    float *flows = room->work + WIDTH * PITCH;
    float *synapses = net->synapses + (2 * quarter + (lane >> 4)) * GROUP + (lane & 15);
    float delta[TILE];
#pragma unroll
    for (int cycle = 0; cycle < TILE; cycle++) delta[cycle] = deltas[neuron * PITCH + cycle];
    int sound = 1;
    for (int half = 0; half < SECTIONS; half += HALF) {
        for (int first = 0; first < SHARES; first += TOGETHER) {
            unsigned todo = sections_of(&part, half, first + (warp >> 2));
            float b_next = 0, w_next = 0;
            if (todo) {
                const long long row = part.rows[half + __ffs(todo) - 1];
                b_next = synapses[row * ROW];
                w_next = synapses[row * ROW + 32];
            }
            while (todo) {
                const int now = half + __ffs(todo) - 1;
                const float b = b_next, w = w_next;
                todo &= todo - 1;
                if (todo) {
                    const long long row = part.rows[half + __ffs(todo) - 1];
                    b_next = synapses[row * ROW];
                    w_next = synapses[row * ROW + 32];
                }
                unsigned reached = __ballot_sync(ALL, part.most[now] - b > EPSILON);
                if (reached) {
                    const unsigned mask = part.quads[now];
                    const float4 *spent = (const float4 *)(part.spent + now * TILE);
                    float gradient = 0;
#pragma unroll
                    for (int quad = 0; quad < QUADS; quad++)
                        if (mask >> quad & 1) {
                            const float4 q = spent[quad];
                            if (q.x - b > EPSILON) gradient += delta[4 * quad];
                            if (q.y - b > EPSILON) gradient += delta[4 * quad + 1];
                            if (q.z - b > EPSILON) gradient += delta[4 * quad + 2];
                            if (q.w - b > EPSILON) gradient += delta[4 * quad + 3];
                        }
                    const float weight = __fmaf_rn(-rate, gradient, w);
                    synapses[(long long)part.rows[now] * ROW + 32] = weight;
                    sound &= fabsf(weight) < LARGEST_WEIGHT;
                }
                if (part.sorts[now] == HIDDEN) {
                    // A lane takes two cycles.
                    const float q0 = part.spent[now * TILE + lane], q1 = part.spent[now * TILE + 32 + lane];
                    float flow0 = 0, flow1 = 0;
                    for (; reached; reached &= reached - 1) {
                        const int other = __ffs(reached) - 1;
                        const float start = __shfl_sync(ALL, b, other), weight = __shfl_sync(ALL, w, other);
                        const float *from = deltas + (32 * quarter + other) * PITCH;
                        if (q0 - start > EPSILON) flow0 = __fmaf_rn(from[lane], weight, flow0);
                        if (q1 - start > EPSILON) flow1 = __fmaf_rn(from[32 + lane], weight, flow1);
                    }
                    float *to = flows + ((now - half) * 4 + quarter) * TILE + lane;
                    to[0] = flow0;
                    to[32] = flow1;
                }
            }
        }
        __syncthreads();
        for (int at = threadIdx.x; at < HALF * TILE; at += THREADS) {
            const int section = half + at / TILE;
            if (part.rows[section] == NONE || part.sorts[section] != HIDDEN) continue;
            const float *from = flows + at / TILE * 4 * TILE + at % TILE;
            const float flow = part.quads[section] ? ((from[0] + from[TILE]) + from[2 * TILE]) + from[3 * TILE] : 0.0f;
            const long long place = block * SLOTS + number_of(visit, rank) + PARTS * section;
            net->flows[place * TILE + at % TILE] = flow;
        }
        __syncthreads();
    }
    if (!sound) net->record[DIVERGED] = 1;
}

// ---------------------------------------------------------------------------------------------------------------------
// Batches
// ---------------------------------------------------------------------------------------------------------------------

// Whether there is room for whatever may grow in a batch.
DEVICE int has_room(const Net *net)
{
    const long long used = net->counts[USED_ROWS], most = 2 * (used + net->record[UNALLOCATED]) + 256 * net->hexagon_count;
    return used + most <= net->rows && net->counts[USED_BLOCKS] + most / 256 + net->hexagon_count + 1 <= net->block_room;
}

// Reads anew what blocks and sections there are.
DEVICE void survey(const Net *net, const Room *room, unsigned rank)
{
    read_blocks(net, room);
    const int visits = room->firsts[net->hexagon_count] * TURNS;
    for (int visit = 0; visit < visits; visit++)
        if (is_at_hand(net, room, visit)) read_sections(net, room, visit, rank);
}

// Answers a batch, with growth by its first cycle; returns whether sections were split.
DEVICE int forward(const Net *net, const Room *room, int entry, unsigned rank)
{
    const unsigned cycle = (unsigned)(net->cycles + cycle_of(net, entry));
    for (int hexagon = 0; hexagon < (int)net->hexagon_count; hexagon++) {
        const int end = room->firsts[hexagon + 1] * TURNS;
        int stop = 0;
        for (int visit = room->firsts[hexagon] * TURNS; visit < end; visit = stop) {
            // As many visits as are at hand at the same time.
            stop = visit + 1;
            while (stop < end && is_at_hand(net, room, visit) && is_at_hand(net, room, stop)) stop++;
            for (int v = visit; v < stop; v++) {
                if (!is_at_hand(net, room, v)) read_sections(net, room, v, rank);
                look_up(net, room, v);
            }
            grow_all(net, room, visit, stop, cycle);
            for (int v = visit; v < stop; v++) walk(net, room, v, rank);
        }
        if (end > room->firsts[hexagon] * TURNS) {
            cluster_sync();
            fire(net, room, hexagon, rank);
            cluster_sync();
        }
        if (net->record[WANTED + hexagon]) {
            cluster_sync();
            if (rank == 0 && threadIdx.x < 32) give_sections(net, hexagon, cycle);
            cluster_sync();
            survey(net, room, rank);
        }
    }
    if (!net->record[ANY_FULL]) return 0;
    cluster_sync();
    if (rank == 0 && threadIdx.x < 32) split_all(net, cycle);
    cluster_sync();
    survey(net, room, rank);
    return 1;
}

DEVICE void backward(const Net *net, const Room *room, float rate, int anew, unsigned rank)
{
    learn_links(net, rank);
    for (int hexagon = (int)net->hexagon_count - 1; hexagon >= 0; hexagon--) {
        const int first = room->firsts[hexagon], end = room->firsts[hexagon + 1];
        if (first == end) continue;
        if (room->roles[hexagon] == INNER) {
            collect(net, room, hexagon, rank);
            cluster_sync();
        }
        for (int k = first; k < end; k++) {
            load_deltas(net, room->blocks[k], room->work);
            for (int visit = k * TURNS; visit < (k + 1) * TURNS; visit++) {
                const int at_hand = is_at_hand(net, room, visit);
                if (!at_hand) read_sections(net, room, visit, rank);
                if (!at_hand || anew) look_up(net, room, visit);
                learn(net, room, visit, rate, rank);
            }
            __syncthreads();
        }
        cluster_sync();
    }
}

// Trains one batch of a network; returns whether it can go on.
DEVICE int train_batch(const Net *net, const Room *room, int batch, unsigned rank)
{
    const int entry = net->batches[batch], cycles = net->batches[batch + 1] - entry;
    if (!has_room(net)) {
        cluster_sync();
        if (rank == 0 && threadIdx.x == 0) net->record[STATUS] = NO_ROOM;
        return 0;
    }
    read_inputs(net, entry, cycles, rank);
    cluster_sync();
    if (net->record[BROKEN] != NEVER) return 0;
    const int anew = forward(net, room, entry, rank);
    if (net->record[OPEN_LINKS] > 0) {
        cluster_sync();
        try_links(net, entry, cycles, rank);
        cluster_sync();
        if (net->record[NEW_LINKS]) {
            cluster_sync();
            if (rank == 0 && threadIdx.x < 32) list_links(net);
            cluster_sync();
        }
    }
    judge(net, room, entry, cycles, rank);
    cluster_sync();
    backward(net, room, net->rates[batch], anew, rank);
    const int failed = net->record[MEANINGLESS] != NEVER || net->record[DIVERGED] || net->record[STATUS] != DONE;
    if (rank == 0 && threadIdx.x == 0) net->record[REACHED] = batch + 1;
    return !failed;
}

KERNEL void __launch_bounds__(THREADS) train(const unsigned long long *jobs)
{
    DYNAMIC_SHARED(float, memory);
    __shared__ Net net;
    const unsigned rank = cluster_rank();
    const unsigned long long *job = jobs + (blockIdx.x / CLUSTER) * (sizeof(Net) / 8);
    for (int i = threadIdx.x; i < (int)(sizeof(Net) / 8); i += THREADS) ((unsigned long long *)&net)[i] = job[i];
    __syncthreads();
    int *blocks = (int *)memory;
    float *parts = memory + ROOM_WORDS;
    const Room room = {blocks,
                       blocks + MOST_BLOCKS,
                       blocks + 2 * MOST_BLOCKS,
                       blocks + 2 * MOST_BLOCKS + MOST_HEXAGONS + 1,
                       parts,
                       parts + AT_HAND * PART_WORDS};
    survey(&net, &room, rank);
    int batch = (int)net.first_batch;
    while (batch < (int)net.batch_count && train_batch(&net, &room, batch, rank)) batch++;
}
