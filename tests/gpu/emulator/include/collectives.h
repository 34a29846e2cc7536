/* What the threads of a warp do together. The last one to arrive does the work for all. */

enum { WARP_SYNC, WARP_SHUFFLE, WARP_SHUFFLE_XOR, WARP_SHUFFLE_DOWN, WARP_SHUFFLE_UP, WARP_BALLOT, WARP_MATCH, WARP_ADD,
       WARP_MIN, WARP_MAX, WARP_OR, WARP_AND, WARP_XOR, WARP_MMA, WARP_MMA_HALF, WARP_LOAD, WARP_LOAD_ACROSS };

static const char *const WARP_NAMES[] = {
    "__syncwarp", "__shfl_sync", "__shfl_xor_sync", "__shfl_down_sync", "__shfl_up_sync", "a vote of the warp",
    "__match_any_sync", "__reduce_add_sync", "__reduce_min_sync", "__reduce_max_sync", "__reduce_or_sync",
    "__reduce_and_sync", "__reduce_xor_sync", "mma_tf32", "mma_f16", "load_matrix", "load_matrix_across"};

static Thread *lane_of(unsigned lane)
{
    return run.warp->thread + lane;
}

/* The lane that `lane` reads, as the instruction shfl.sync computes it. */
static unsigned shuffle_source(int operation, unsigned lane, unsigned operand, unsigned width)
{
    const unsigned first = lane & ~(width - 1), last = first | (width - 1);
    unsigned source;
    if (operation == WARP_SHUFFLE) return first | (operand & (width - 1));
    if (operation == WARP_SHUFFLE_XOR) source = lane ^ (operand & 31);
    else if (operation == WARP_SHUFFLE_DOWN) source = lane + (operand & 31);
    else return (int)(lane - (operand & 31)) >= (int)first ? lane - (operand & 31) : lane;
    return source <= last ? source : lane;
}

static void shuffle(int operation, unsigned lanes)
{
    for (unsigned lane = 0; lane < WARP; lane++) {
        if (!(lanes >> lane & 1)) continue;
        Thread *thread = lane_of(lane);
        const unsigned *packed = thread->a; /* operand and width */
        const unsigned source = shuffle_source(operation, lane, packed[0], packed[1]);
        thread->got = lanes >> source & 1 ? lane_of(source)->given : ~0ull;
    }
}

static unsigned reduce(int operation, unsigned lanes)
{
    bool first = true;
    unsigned all = 0;
    for (unsigned lane = 0; lane < WARP; lane++) {
        if (!(lanes >> lane & 1)) continue;
        const unsigned given = (unsigned)lane_of(lane)->given;
        const bool is_signed = lane_of(lane)->given >> 32;
        const bool less = is_signed ? (int)given < (int)all : given < all;
        if (first) all = given;
        else if (operation == WARP_ADD) all += given;
        else if (operation == WARP_OR) all |= given;
        else if (operation == WARP_AND) all &= given;
        else if (operation == WARP_XOR) all ^= given;
        else if ((operation == WARP_MIN) == less) all = given;
        first = false;
    }
    return all;
}

static void give_all(unsigned lanes, uint64_t value)
{
    for (unsigned lane = 0; lane < WARP; lane++)
        if (lanes >> lane & 1) lane_of(lane)->got = value;
}

static void ballot(unsigned lanes)
{
    unsigned votes = 0;
    for (unsigned lane = 0; lane < WARP; lane++)
        if (lanes >> lane & 1) votes |= (unsigned)(lane_of(lane)->given != 0) << lane;
    give_all(lanes, votes);
}

static void match(unsigned lanes)
{
    for (unsigned lane = 0; lane < WARP; lane++) {
        if (!(lanes >> lane & 1)) continue;
        unsigned equal = 0;
        for (unsigned other = 0; other < WARP; other++)
            if (lanes >> other & 1) equal |= (unsigned)(lane_of(other)->given == lane_of(lane)->given) << other;
        lane_of(lane)->got = equal;
    }
}

static float tf32_value(unsigned bits)
{
    float value;
    bits &= ~0x1fffu;
    memcpy(&value, &bits, sizeof value);
    return value;
}

typedef float Row __attribute__((vector_size(32)));

/* The fragments of mma.m16n8k8: where each lane's numbers lie in A (16 x 8), B (8 x 8) and C (16 x 8). */
static void multiply_fragments(void)
{
    float a[16][8];
    Row b[8], c[16];
    for (unsigned lane = 0; lane < WARP; lane++) {
        const Thread *thread = lane_of(lane);
        const unsigned g = lane >> 2, t = lane & 3;
        for (unsigned i = 0; i < 4; i++) a[g + i % 2 * 8][t + i / 2 * 4] = tf32_value(thread->a[i]);
        for (unsigned i = 0; i < 2; i++) b[t + i * 4][g] = tf32_value(thread->b[i]);
        for (unsigned i = 0; i < 4; i++) c[g + i / 2 * 8][2 * t + i % 2] = thread->c[i];
    }
    for (unsigned row = 0; row < 16; row++)
        for (unsigned inner = 0; inner < 8; inner++) c[row] += a[row][inner] * b[inner];
    for (unsigned lane = 0; lane < WARP; lane++) {
        const unsigned g = lane >> 2, t = lane & 3;
        for (unsigned i = 0; i < 4; i++) lane_of(lane)->c[i] = c[g + i / 2 * 8][2 * t + i % 2];
    }
}

static float half_value(unsigned bits)
{
    const uint16_t half = (uint16_t)bits;
    _Float16 value;
    memcpy(&value, &half, sizeof value);
    return (float)value;
}

/* The fragments of mma.m16n8k16 with halves: A (16 x 16), B (16 x 8) and C (16 x 8). */
static void multiply_half_fragments(void)
{
    float a[16][16];
    Row b[16], c[16];
    for (unsigned lane = 0; lane < WARP; lane++) {
        const Thread *thread = lane_of(lane);
        const unsigned g = lane >> 2, t = lane & 3;
        for (unsigned i = 0; i < 4; i++)
            for (unsigned half = 0; half < 2; half++)
                a[g + i % 2 * 8][2 * t + half + i / 2 * 8] = half_value(thread->a[i] >> 16 * half);
        for (unsigned i = 0; i < 2; i++)
            for (unsigned half = 0; half < 2; half++)
                b[2 * t + half + i * 8][g] = half_value(thread->b[i] >> 16 * half);
        for (unsigned i = 0; i < 4; i++) c[g + i / 2 * 8][2 * t + i % 2] = thread->c[i];
    }
    for (unsigned row = 0; row < 16; row++)
        for (unsigned inner = 0; inner < 16; inner++) c[row] += a[row][inner] * b[inner];
    for (unsigned lane = 0; lane < WARP; lane++) {
        const unsigned g = lane >> 2, t = lane & 3;
        for (unsigned i = 0; i < 4; i++) lane_of(lane)->c[i] = c[g + i / 2 * 8][2 * t + i % 2];
    }
}

/* ldmatrix.x4: matrix i is 8 rows of 8 halves, whose addresses the lanes 8i .. 8i + 7 give. */
static void load_fragments(bool across)
{
    const uint16_t *row[WARP];
    for (unsigned lane = 0; lane < WARP; lane++) row[lane] = (const uint16_t *)(uintptr_t)lane_of(lane)->given;
    for (unsigned lane = 0; lane < WARP; lane++) {
        const unsigned g = lane >> 2, t = lane & 3;
        for (unsigned i = 0; i < 4; i++) {
            const unsigned low = across ? row[8 * i + 2 * t][g] : row[8 * i + g][2 * t];
            const unsigned high = across ? row[8 * i + 2 * t + 1][g] : row[8 * i + g][2 * t + 1];
            const unsigned both = low | high << 16;
            memcpy(lane_of(lane)->c + i, &both, sizeof both);
        }
    }
}

static void work_together(int operation, unsigned lanes)
{
    if (operation == WARP_SYNC) return;
    if (operation == WARP_MMA) multiply_fragments();
    else if (operation == WARP_MMA_HALF) multiply_half_fragments();
    else if (operation == WARP_LOAD || operation == WARP_LOAD_ACROSS) load_fragments(operation == WARP_LOAD_ACROSS);
    else if (operation == WARP_BALLOT) ballot(lanes);
    else if (operation == WARP_MATCH) match(lanes);
    else if (operation >= WARP_ADD) give_all(lanes, reduce(operation, lanes));
    else shuffle(operation, lanes);
}

/* The group of those that wait for the current thread, or a new one. Others may wait for it, too, until it comes there. */
static WarpGroup *group_of(Warp *warp, unsigned mask, int operation, int line)
{
    for (unsigned g = 0; g < warp->groups; g++) {
        WarpGroup *group = &warp->group[g];
        if (group->mask == mask && group->operation == operation && group->line == line) return group;
    }
    warp->group[warp->groups] = (WarpGroup){mask, 0, operation, line};
    return &warp->group[warp->groups++];
}

/* The current thread gives a value to those of `mask` and gets what the operation makes of all. */
static uint64_t __attribute__((noipa)) with_warp(int operation, unsigned mask, uint64_t given, int line)
{
    Thread *self = run.current;
    Warp *warp = run.warp;
    if (!(mask >> self->lane & 1))
        fail("%s is not in its own mask %08x at %s in line %d", describe(self), mask, WARP_NAMES[operation], line);
    mask &= warp->present;
    if (mask & warp->ended)
        fail("divergent barriers: %s waits at %s in line %d for lanes %08x, which have ended", describe(self),
             WARP_NAMES[operation], line, mask & warp->ended);
    WarpGroup *group = group_of(warp, mask, operation, line);
    self->given = given;
    group->arrived |= 1u << self->lane;
    if (group->arrived != mask) {
        WAIT_FOR_OTHERS(WARP_NAMES[operation], line);
        return run.current->got;
    }
    *group = warp->group[--warp->groups];
    work_together(operation, mask);
    make_ready(self->block, self->warp, mask & ~(1u << self->lane));
    return self->got;
}

static uint64_t shuffle_with_warp(int operation, unsigned mask, uint64_t given, unsigned operand, unsigned width, int line)
{
    const unsigned packed[2] = {operand, width};
    run.current->a = packed;
    if (!width || width > WARP || width & (width - 1)) fail("a shuffle of width %u in line %d", width, line);
    return with_warp(operation, mask, given, line);
}

static void mma_with_warp(float c[4], const unsigned a[4], const unsigned b[2], int line)
{
    Thread *self = run.current;
    if (run.block[self->block].warp[self->warp].present != ~0u) fail("mma_tf32 in line %d by a warp that is not full", line);
    self->c = c;
    self->a = a;
    self->b = b;
    with_warp(WARP_MMA, ~0u, 0, line);
}

static void mma_half_with_warp(float c[4], const unsigned a[4], const unsigned b[2], int line)
{
    Thread *self = run.current;
    if (run.block[self->block].warp[self->warp].present != ~0u) fail("mma_f16 in line %d by a warp that is not full", line);
    self->c = c;
    self->a = a;
    self->b = b;
    with_warp(WARP_MMA_HALF, ~0u, 0, line);
}

static void load_with_warp(int operation, unsigned to[4], const void *row, int line)
{
    Thread *self = run.current;
    if (run.block[self->block].warp[self->warp].present != ~0u) fail("load_matrix in line %d by a warp that is not full", line);
    if ((uintptr_t)row & 15) fail("load_matrix of an address that is no multiple of 16 in line %d", line);
    self->c = (float *)to;
    with_warp(operation, ~0u, (uint64_t)(uintptr_t)row, line);
}
