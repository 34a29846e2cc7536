/* The way in: emulated_launch runs the kernel, block by block, or cluster by cluster. */

static struct { struct sigaction segv, bus, fpe; } outer;
static sigjmp_buf rescue;

static void __attribute__((noipa)) on_signal(int number, siginfo_t *info, void *context)
{
    (void)context;
    const char *what = number == SIGFPE ? "a division by zero" : "an illegal address";
    const char *who = run.current ? describe(run.current) : "the launch";
    snprintf(run.message, sizeof run.message, "%s: %s at %p", who, what, info->si_addr);
    run.failed = true;
    siglongjmp(rescue, 1);
}

static void catch_signals(void)
{
    static unsigned char memory[64 * 1024];
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory};
    sigaltstack(&stack, NULL);
    sigaction(SIGSEGV, &action, &outer.segv);
    sigaction(SIGBUS, &action, &outer.bus);
    sigaction(SIGFPE, &action, &outer.fpe);
}

static void leave_signals(const stack_t *stack)
{
    sigaction(SIGSEGV, &outer.segv, NULL);
    sigaction(SIGBUS, &outer.bus, NULL);
    sigaction(SIGFPE, &outer.fpe, NULL);
    sigaltstack(stack, NULL);
}

/* Memory whose last byte lies before a page that nobody may touch. */
static unsigned char *guarded(size_t bytes)
{
    const size_t room = (bytes + PAGE - 1) / PAGE * PAGE;
    unsigned char *memory = mmap(NULL, room + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory + room, PAGE, PROT_NONE)) abort();
    return memory + room - bytes;
}

static void release_guarded(unsigned char *memory, size_t bytes)
{
    const size_t room = (bytes + PAGE - 1) / PAGE * PAGE;
    munmap(memory + bytes - room, room + PAGE);
}

static void number_threads(Block *block, unsigned place)
{
    for (unsigned t = 0; t < run.threads; t++) {
        Thread *thread = &block->thread[t];
        thread->index = (uint3){t % blockDim.x, t / blockDim.x % blockDim.y, t / blockDim.x / blockDim.y};
        thread->block = place;
        thread->warp = t / WARP;
        thread->lane = t % WARP;
    }
}

static void begin_block(Block *block, unsigned place, uint3 index)
{
    const unsigned warps = (run.threads + WARP - 1) / WARP;
    block->index = index;
    block->running = run.threads;
    block->barrier = (Barrier){.size = run.threads};
    block->ready_warps = warps == 32 ? ~0u : (1u << warps) - 1;
    for (unsigned w = 0; w < warps; w++) {
        Warp *warp = &block->warp[w];
        const unsigned left = run.threads - w * WARP;
        warp->present = warp->ready = left >= WARP ? ~0u : (1u << left) - 1;
        warp->ended = 0;
        warp->thread = &block->thread[w * WARP];
        warp->groups = 0;
    }
    run.ready_blocks |= 1u << place;
    memset(block->dynamic, POISON, run.dynamic_bytes);
    if (CLUSTER > 1) memset(block->saved, POISON, static_shared_bytes());
}

static void __attribute__((noipa)) run_cluster(void)
{
    run.current = NULL;
    run.warp = NULL;
    run.current_block = 0;
    memset(__start_shared_memory, POISON, static_shared_bytes());
    if (__builtin_setjmp(run.launcher)) return;
    next_thread();
    start_on_free_stack();
}

static void run_grid(void)
{
    for (unsigned z = 0; z < gridDim.z; z++)
        for (unsigned y = 0; y < gridDim.y; y++)
            for (unsigned x = 0; x < gridDim.x; x += CLUSTER) {
                run.barrier = (Barrier){.size = run.threads * CLUSTER};
                for (unsigned b = 0; b < CLUSTER; b++) begin_block(&run.block[b], b, (uint3){x + b, y, z});
                run_cluster();
                if (run.failed) return;
            }
}

/* After an error threads are left where they stood, and all stacks are given back. */
static void forget_threads(void)
{
    for (unsigned b = 0; b < CLUSTER; b++)
        for (unsigned t = 0; t < run.threads; t++) run.block[b].thread[t].stack = NULL;
    for (unsigned s = 0; s < run.stack_count; s++) {
        munmap(run.stacks[s]->memory, STACK_BYTES);
        free(run.stacks[s]);
    }
    run.stack_count = run.free_count = 0;
}

static void run_guarded(void)
{
    for (unsigned b = 0; b < CLUSTER; b++) {
        number_threads(&run.block[b], b);
        run.block[b].dynamic = guarded(run.dynamic_bytes);
        run.block[b].saved = guarded(static_shared_bytes());
    }
    if (!sigsetjmp(rescue, 1)) run_grid();
    for (unsigned b = 0; b < CLUSTER; b++) {
        release_guarded(run.block[b].dynamic, run.dynamic_bytes);
        release_guarded(run.block[b].saved, static_shared_bytes());
    }
}

/* Runs the kernel; returns what went wrong, or NULL. `order` says which threads come first where it is open. */
const char *emulated_launch(void **arguments, const unsigned grid[3], const unsigned block[3], unsigned dynamic_bytes,
                            unsigned order, unsigned seed)
{
    stack_t stack;
    run.arguments = arguments;
    run.dynamic_bytes = (dynamic_bytes + 15) / 16 * 16;
    run.order = order;
    run.seed = seed;
    run.failed = false;
    gridDim = (dim3){grid[0], grid[1], grid[2]};
    blockDim = (dim3){block[0], block[1], block[2]};
    run.threads = block[0] * block[1] * block[2];
    run.ready_blocks = 0;
    sigaltstack(NULL, &stack);
    catch_signals();
    run_guarded();
    leave_signals(&stack);
    if (run.failed) forget_threads();
    return run.failed ? run.message : NULL;
}

unsigned emulated_static_shared(void) { return (unsigned)static_shared_bytes(); }

/* What gcc's checks call: each of their data begins with the place in the source. */
typedef struct { const char *file; unsigned line, column; } Place;

static void __attribute__((noreturn, noipa)) fail_at(const Place *place, const char *what, long long value)
{
    fail("%s: %s (%lld) in line %u", describe(run.current), what, value, place->line);
}

#define CHECK(name, what) \
    void __attribute__((noreturn, visibility("hidden"))) __ubsan_handle_##name##_abort(void *data, uintptr_t value) \
    { fail_at(data, what, (long long)value); }
CHECK(out_of_bounds, "an index out of bounds")
CHECK(vla_bound_not_positive, "an array without elements")

#define CHECK_TWO(name, what) \
    void __attribute__((noreturn, visibility("hidden"))) __ubsan_handle_##name##_abort(void *data, uintptr_t left, uintptr_t right) \
    { (void)left; fail_at(data, what, (long long)right); }
CHECK_TWO(shift_out_of_bounds, "a shift out of bounds")
CHECK_TWO(divrem_overflow, "a division by zero")
