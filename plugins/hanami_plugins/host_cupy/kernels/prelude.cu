// What every kernel source begins with: the words for kernels, shared memory, clusters and tensor cores.
//
// The sources are C99 as well as CUDA C. On a CPU another header defines these words, so all that is meant for the
// device alone stands here, behind __CUDACC__. CLUSTER is the number of blocks in a thread-block cluster (sm_90), 1 by
// default: then a cluster is a block.
#ifndef CLUSTER
#define CLUSTER 1
#endif

#ifdef __CUDACC__

#if CLUSTER > 1
#define CLUSTER_DIMS __cluster_dims__(CLUSTER, 1, 1)
#else
#define CLUSTER_DIMS
#endif

#define KERNEL extern "C" __global__ CLUSTER_DIMS
#define DEVICE static __device__ __forceinline__
#define RESTRICT __restrict__
#define DYNAMIC_SHARED(type, name)                              \
    extern __shared__ __align__(16) unsigned char name##_raw[]; \
    type *name = (type *)name##_raw

// The place of this block in its cluster.
DEVICE unsigned cluster_rank(void)
{
#if CLUSTER > 1
    unsigned rank;
    asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
#else
    return 0;
#endif
}

// All threads of the cluster wait for each other and see what the others wrote before.
DEVICE void cluster_sync(void)
{
#if CLUSTER > 1
    asm volatile("barrier.cluster.arrive.release.aligned;\n\tbarrier.cluster.wait.acquire.aligned;" ::: "memory");
#else
    __syncthreads();
#endif
}

// The same address in the shared memory of another block of the cluster. A block may not end while others use it.
DEVICE float *peer(float *shared_address, unsigned rank)
{
#if CLUSTER > 1
    float *address;
    asm volatile("mapa.u64 %0, %1, %2;" : "=l"(address) : "l"(shared_address), "r"(rank));
    return address;
#else
    (void)rank;
    return shared_address;
#endif
}

// A float as TF32: 10 bits of mantissa, rounded to nearest, ties away from zero.
DEVICE unsigned tf32(float value)
{
    unsigned bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
    return bits;
}

// c (16 x 8) += a (16 x 8) @ b (8 x 8) by one warp, a and b in TF32. With g = lane / 4 and t = lane % 4 a thread holds
// a[0..3] = A[g][t], A[g + 8][t], A[g][t + 4], A[g + 8][t + 4], b[0..1] = B[t][g], B[t + 4][g] and
// c[0..3] = C[g][2t], C[g][2t + 1], C[g + 8][2t], C[g + 8][2t + 1].
DEVICE void mma_tf32(float c[4], const unsigned a[4], const unsigned b[2])
{
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// A float as a half, 16 bits; two of them in a word; and the float that a half is.
DEVICE unsigned half_of(float value)
{
    unsigned short half;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(half) : "f"(value));
    return half;
}

DEVICE unsigned halves(float low, float high)
{
    unsigned both;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
    return both;
}

DEVICE float float_of(unsigned half)
{
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"((unsigned short)half));
    return value;
}

// c (16 x 8) += a (16 x 16) @ b (16 x 8) by one warp, a and b in halves, two in a word, the lower column of A or row of B
// in its lower half: a[0..3] = A[g][2t], A[g + 8][2t], A[g][2t + 8], A[g + 8][2t + 8], b[0..1] = B[2t][g], B[2t + 8][g]
// with their neighbours, c as in `mma_tf32`.
DEVICE void mma_f16(float c[4], const unsigned a[4], const unsigned b[2])
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// Four matrices of 8 x 8 halves from shared memory; row r of matrix i begins at `row` of lane 8i + r. to[i] gets columns
// 2t and 2t + 1 of row g; across, it gets rows 2t and 2t + 1 of column g.
DEVICE void load_matrix(unsigned to[4], const void *row)
{
    unsigned place = (unsigned)__cvta_generic_to_shared(row);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(place) : "memory");
}

DEVICE void load_matrix_across(unsigned to[4], const void *row)
{
    unsigned place = (unsigned)__cvta_generic_to_shared(row);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(place) : "memory");
}

// Four numbers of global memory, asked for where this stands, and not later; and the way back.
DEVICE float4 load_four(const float4 *address)
{
    float4 four;
    asm volatile("ld.global.v4.f32 {%0, %1, %2, %3}, [%4];"
                 : "=f"(four.x), "=f"(four.y), "=f"(four.z), "=f"(four.w)
                 : "l"(address));
    return four;
}

DEVICE void store_four(float4 *address, float4 four)
{
    asm volatile("st.global.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(address), "f"(four.x), "f"(four.y), "f"(four.z),
                 "f"(four.w)
                 : "memory");
}

// Copies 16 bytes from global to shared memory in the background; both addresses are multiples of 16.
DEVICE void copy_async(float *shared_address, const float *global_address)
{
    unsigned place = (unsigned)__cvta_generic_to_shared(shared_address);
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(place), "l"(global_address) : "memory");
}

// Ends a group of the copies that this thread has begun.
DEVICE void copy_async_commit(void)
{
    asm volatile("cp.async.commit_group;" ::: "memory");
}

// This thread waits until at most `count` of its latest groups are under way (a literal). A barrier shows the copies to others.
#define copy_async_wait(count) asm volatile("cp.async.wait_group %0;" ::"n"(count) : "memory")

#endif
