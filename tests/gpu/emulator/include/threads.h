/* Threads of CUDA as fibers: all threads of a cluster of blocks run in one thread of the CPU, one after the other.
 *
 * A thread runs until it waits (WAIT_FOR_OTHERS) or ends. A stack is bound to a thread from its start to its end, then
 * taken by the next one, so a kernel without a barrier needs one stack and no switch.
 */
#include <signal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

typedef struct { unsigned x, y, z; } uint3;
typedef uint3 dim3;

static uint3 threadIdx, blockIdx;
static dim3 blockDim, gridDim;

#ifndef CLUSTER
#define CLUSTER 1
#endif
#define WARP 32
#define MOST_THREADS 1024
#define MOST_WARPS (MOST_THREADS / WARP)
#define STACK_BYTES (128 * 1024)
#define PAGE 4096
#define POISON 0xff /* bytes of NaN */

typedef struct {
    void *place[5]; /* of __builtin_setjmp: where its thread waits, or where it rests without one */
    void *memory;
    unsigned number;
    bool begun;
} Stack;

typedef struct {
    Stack *stack; /* NULL before the start */
    uint3 index;
    unsigned block, warp, lane; /* block: in the cluster */
    int line;                   /* where it waits, or waited last */
    const char *waits_for;
    uint64_t given, got; /* by the operations of a warp */
    float *c;            /* mma_tf32 */
    const unsigned *a, *b;
} Thread;

/* Threads that wait until `size` have arrived. */
typedef struct {
    const char *name;
    unsigned size, arrived, ended;
    int line;
    unsigned counting, count; /* __syncthreads_count and its kin */
} Barrier;

typedef struct {
    unsigned mask, arrived;
    int operation, line;
} WarpGroup;

typedef struct {
    uint32_t ready, ended, present; /* lanes */
    Thread *thread;                 /* of lane 0 */
    unsigned groups;
    WarpGroup group[WARP];
} Warp;

typedef struct {
    uint3 index;
    uint32_t ready_warps; /* a warp without a bit has no ready lane */
    unsigned running;     /* threads that have not ended */
    Barrier barrier;
    Warp warp[MOST_WARPS];
    Thread thread[MOST_THREADS];
    unsigned char *dynamic; /* shared memory */
    unsigned char *saved;   /* static shared memory while another block runs */
} Block;

static struct {
    Block block[CLUSTER];
    Barrier barrier; /* of the cluster */
    Thread *current;
    Warp *warp;             /* of the current thread */
    unsigned current_block; /* whose static shared memory is in place */
    uint32_t ready_blocks; /* a block without a bit has no ready warp */
    unsigned threads, dynamic_bytes;
    unsigned order, seed; /* of the threads: 0 forwards, 1 backwards, 2 shuffled */
    void **arguments;
    void *launcher[5];
    Stack **stacks, **free;
    unsigned stack_count, free_count;
    char message[512];
    bool failed;
} run;

/* The kernel, with the arguments of the launch; written behind the source. */
static void call_kernel(void **arguments);

/* Static arrays of shared memory lie in a section of their own. */
#define __shared__ static __attribute__((section("shared_memory")))
extern unsigned char __start_shared_memory[] __attribute__((weak, visibility("hidden")));
extern unsigned char __stop_shared_memory[] __attribute__((weak, visibility("hidden")));

static size_t static_shared_bytes(void) { return (size_t)(__stop_shared_memory - __start_shared_memory); }

static const char *describe(const Thread *thread)
{
    static char text[2][96];
    static int next;
    const uint3 b = run.block[thread->block].index, t = thread->index;
    char *place = text[next ^= 1];
    snprintf(place, sizeof text[0], "thread (%u, %u, %u) of block (%u, %u, %u)", t.x, t.y, t.z, b.x, b.y, b.z);
    return place;
}

/* Ends the launch. */
static void __attribute__((noreturn, noipa)) stop(void) { __builtin_longjmp(run.launcher, 1); }

static void __attribute__((noreturn, noipa, format(printf, 1, 2))) fail(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(run.message, sizeof run.message, format, values);
    va_end(values);
    run.failed = true;
    stop();
}

static void place_shared_memory(unsigned block)
{
    if (CLUSTER == 1 || block == run.current_block) return;
    const size_t size = static_shared_bytes();
    if (size) {
        memcpy(run.block[run.current_block].saved, __start_shared_memory, size);
        memcpy(__start_shared_memory, run.block[block].saved, size);
    }
    run.current_block = block;
}

static uint32_t random_bits(void)
{
    run.seed = run.seed * 1664525u + 1013904223u;
    return run.seed >> 8;
}

/* One of the bits of `set`, which is not 0, in the order of the launch. */
static unsigned choose(uint32_t set)
{
    if (run.order == 0) return (unsigned)__builtin_ctz(set);
    if (run.order == 1) return 31u - (unsigned)__builtin_clz(set);
    const unsigned turn = random_bits() & 31;
    return ((unsigned)__builtin_ctz(turn ? set >> turn | set << (32 - turn) : set) + turn) & 31;
}

static void make_ready(unsigned block, unsigned warp, uint32_t lanes)
{
    run.block[block].warp[warp].ready |= lanes;
    run.block[block].ready_warps |= 1u << warp;
    run.ready_blocks |= 1u << block;
}

static void __attribute__((noreturn)) fail_deadlocked(void)
{
    const Thread *first = NULL;
    for (unsigned b = 0; b < CLUSTER; b++)
        for (unsigned t = 0; t < run.threads; t++) {
            const Thread *thread = &run.block[b].thread[t];
            if (!thread->stack) continue; /* it has ended */
            if (!first) first = thread;
            if (thread->line == first->line && thread->waits_for == first->waits_for) continue;
            fail("divergent barriers: %s waits at %s in line %d, %s at %s in line %d", describe(first), first->waits_for,
                 first->line, describe(thread), thread->waits_for, thread->line);
        }
    fail("divergent barriers: %s waits for ever at %s in line %d", describe(first), first->waits_for, first->line);
}

/* A warp with a ready lane; NULL if there is none. */
static Warp *next_warp(void)
{
    while (run.ready_blocks) {
        unsigned b = run.current_block;
        if (!(run.ready_blocks >> b & 1)) b = choose(run.ready_blocks);
        Block *block = &run.block[b];
        while (block->ready_warps) {
            const unsigned w = choose(block->ready_warps);
            if (block->warp[w].ready) {
                place_shared_memory(b);
                blockIdx = block->index;
                return &block->warp[w];
            }
            block->ready_warps &= ~(1u << w);
        }
        run.ready_blocks &= ~(1u << b);
    }
    return NULL;
}

static void check_all_ended(void)
{
    for (unsigned b = 0; b < CLUSTER; b++)
        if (run.block[b].running) fail_deadlocked();
}

/* The next thread to run becomes the current one; NULL if all have ended. */
static inline __attribute__((always_inline)) Thread *next_thread(void)
{
    if (run.order || !run.warp || !run.warp->ready) {
        run.warp = next_warp();
        if (!run.warp) {
            check_all_ended();
            return run.current = NULL;
        }
    }
    const unsigned lane = run.order ? choose(run.warp->ready) : (unsigned)__builtin_ctz(run.warp->ready);
    run.warp->ready &= ~(1u << lane);
    run.current = run.warp->thread + lane;
    threadIdx = run.current->index;
    return run.current;
}

static void end_thread(Thread *thread)
{
    Block *block = &run.block[thread->block];
    Warp *warp = run.warp;
    if (block->barrier.arrived || run.barrier.arrived) {
        const Barrier *barrier = block->barrier.arrived ? &block->barrier : &run.barrier;
        fail("divergent barriers: %s ends while others wait at %s in line %d", describe(thread), barrier->name, barrier->line);
    }
    for (unsigned g = 0; g < warp->groups; g++)
        if (warp->group[g].mask >> thread->lane & 1)
            fail("divergent barriers: %s ends while its warp waits for it in line %d", describe(thread), warp->group[g].line);
    warp->ended |= 1u << thread->lane;
    block->barrier.ended++;
    run.barrier.ended++;
    if (!--block->running && CLUSTER > 1) { /* a late reader of another block finds NaN */
        memset(block->dynamic, POISON, run.dynamic_bytes);
        memset(__start_shared_memory, POISON, static_shared_bytes());
    }
}

/* Runs the current thread where it stands; `resting` is a stack that has no thread any more. */
static void __attribute__((noreturn, noipa)) leave_stack(Stack *resting)
{
    run.free[run.free_count++] = resting;
    if (!run.current) stop();
    __builtin_longjmp(run.current->stack->place, 1);
}

static void __attribute__((noipa)) rest(Stack *stack)
{
    if (!__builtin_setjmp(stack->place)) leave_stack(stack);
}

/* What a stack does: it runs threads until the next one has a stack of its own, and rests. */
static void __attribute__((noipa)) serve_stack(void)
{
    Stack *stack = run.current->stack;
    for (;;) {
        Thread *thread = run.current;
        call_kernel(run.arguments);
        thread->stack = NULL;
        end_thread(thread);
        Thread *next = next_thread();
        if (!next || next->stack) rest(stack);
        run.current->stack = stack;
    }
}

static Stack *new_stack(void)
{
    if (run.stack_count % 256 == 0) {
        run.stacks = realloc(run.stacks, (run.stack_count + 256) * sizeof *run.stacks);
        run.free = realloc(run.free, (run.stack_count + 256) * sizeof *run.free);
    }
    Stack *stack = malloc(sizeof *stack);
    *stack = (Stack){.number = run.stack_count};
    stack->memory = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stack->memory == MAP_FAILED || mprotect(stack->memory, PAGE, PROT_NONE)) fail("no memory for the stacks of the threads");
    run.stacks[run.stack_count++] = stack;
    return stack;
}

/* Starts the current thread on a stack that no thread has. Stacks begin at different places of the caches. */
static void __attribute__((noreturn, noipa)) start_on_free_stack(void)
{
    static ucontext_t context;
    Stack *stack = run.free_count ? run.free[--run.free_count] : new_stack();
    run.current->stack = stack;
    if (stack->begun) __builtin_longjmp(stack->place, 1);
    stack->begun = true;
    getcontext(&context);
    context.uc_stack.ss_sp = stack->memory;
    context.uc_stack.ss_size = STACK_BYTES - stack->number % 64 * 320;
    context.uc_link = NULL;
    makecontext(&context, serve_stack, 0);
    setcontext(&context);
    abort();
}

/* Leaves the stack of a waiting thread. */
static void __attribute__((noreturn, noipa)) run_current(void)
{
    if (run.current->stack) __builtin_longjmp(run.current->stack->place, 1);
    start_on_free_stack();
}

/* The current thread waits until another one makes it ready. A macro, as each return from a switched stack is slow. */
#define WAIT_FOR_OTHERS(for_what, where)                              \
    do {                                                              \
        Thread *self_ = run.current;                                  \
        self_->line = where;                                          \
        self_->waits_for = for_what;                                  \
        next_thread();                                                \
        if (!__builtin_setjmp(self_->stack->place)) run_current();    \
    } while (0)

/* The current thread arrives; true if it is the last one, and the others are ready then. */
static bool arrive(Barrier *barrier, const char *name, int line, unsigned predicate)
{
    const Thread *self = run.current;
    if (barrier->ended) fail("divergent barriers: %s waits at %s in line %d, and others have ended", describe(self), name, line);
    if (!barrier->arrived++) {
        barrier->name = name;
        barrier->line = line;
        barrier->counting = 0;
    }
    if (barrier->line != line || barrier->name != name)
        fail("divergent barriers: %s waits at %s in line %d, others at %s in line %d", describe(self), name, line, barrier->name,
             barrier->line);
    barrier->counting += predicate != 0;
    if (barrier->arrived < barrier->size) return false;
    barrier->count = barrier->counting;
    barrier->arrived = 0;
    return true;
}

static void release_block(unsigned number)
{
    for (unsigned w = 0; w * WARP < run.threads; w++) make_ready(number, w, run.block[number].warp[w].present);
}

static void go_on(void) { run.warp->ready &= ~(1u << run.current->lane); }

/* __syncthreads and its kin: the number of threads with a predicate. */
static unsigned __attribute__((noipa)) sync_block(const char *name, unsigned predicate, int line)
{
    Block *block = &run.block[run.current->block];
    if (arrive(&block->barrier, name, line, predicate)) {
        release_block(run.current->block);
        go_on();
    } else {
        WAIT_FOR_OTHERS(name, line);
    }
    return run.block[run.current->block].barrier.count;
}

static void __attribute__((noipa)) sync_blocks(int line)
{
    if (arrive(&run.barrier, "cluster_sync", line, 0)) {
        for (unsigned b = 0; b < CLUSTER; b++) release_block(b);
        go_on();
    } else {
        WAIT_FOR_OTHERS("cluster_sync", line);
    }
}

static void sync_cluster(int line)
{
    if (CLUSTER == 1) sync_block("cluster_sync", 0, line);
    else sync_blocks(line);
}
