/* Keeps what a power cut would leave of a folder.
 *
 * Loaded into all processes of a server. Whatever a file has in it when it is synced is copied into the folder
 * RECORDER_SHADOW, and whatever names a directory has when it is synced are written down there. Files and directories
 * are told by inode and time of birth, because names change and inodes are used again: so a rename, a new file or an
 * unlink counts when its directory is synced, and content that was written or mapped counts when its file is synced.
 * All else is lost. A lock lets one process write at a time, and what it writes gets its name when it is whole.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int path_of(int file, char *path, size_t size)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t found = readlink(link, path, size - 1);
    path[found < 0 ? 0 : found] = 0;
    return found > 0;
}

static int look(int folder, const char *name, struct statx *found, char *key, size_t size)
{
    int flags = AT_SYMLINK_NOFOLLOW | (*name ? 0 : AT_EMPTY_PATH);
    if (statx(folder, name, flags, STATX_TYPE | STATX_INO | STATX_SIZE | STATX_BTIME, found))
        return 0;
    snprintf(key, size, "%llu.%lld.%u", (unsigned long long)found->stx_ino, (long long)found->stx_btime.tv_sec,
             found->stx_btime.tv_nsec);
    return 1;
}

static void keep_content(int from, FILE *to)
{
    char block[1 << 16];
    ssize_t size;
    while ((size = read(from, block, sizeof block)) > 0)
        fwrite(block, 1, (size_t)size, to);
}

static void keep_names(int from, FILE *to)
{
    DIR *folder = fdopendir(dup(from));
    if (!folder)
        return;
    for (struct dirent *entry; (entry = readdir(folder));) {
        struct statx found;
        char key[96];
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
            !look(from, entry->d_name, &found, key, sizeof key))
            continue;
        int type = S_ISDIR(found.stx_mode) ? 'd' : S_ISREG(found.stx_mode) ? 'f' : 0;
        if (type)
            fprintf(to, "%c\t%s\t%s\n", type, key, entry->d_name);
    }
    closedir(folder);
}

static void keep(int file, const char *shadow, int is_root)
{
    char name[4400], whole[4400], key[96];
    struct statx found;
    snprintf(name, sizeof name, "%s/lock", shadow);
    int lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0 || flock(lock, LOCK_EX) || !look(file, "", &found, key, sizeof key))
        abort();
    int is_folder = S_ISDIR(found.stx_mode);
    snprintf(name, sizeof name, "/proc/self/fd/%d", file); /* also what was opened for writing only, or is unlinked */
    int from = open(name, O_RDONLY | O_CLOEXEC);
    snprintf(name, sizeof name, "%s/unfinished", shadow);
    FILE *to = fopen(name, "we");
    if (from < 0 || !to)
        abort();
    (is_folder ? keep_names : keep_content)(from, to);
    if (fclose(to))
        abort();
    snprintf(whole, sizeof whole, "%s/%s", shadow, is_root ? "root" : key);
    rename(name, whole);
    close(from);
    close(lock);
}

static int synced(int file, int result)
{
    const char *folder = getenv("RECORDER_FOLDER"), *shadow = getenv("RECORDER_SHADOW");
    char path[4096];
    int error = errno;
    if (!result && folder && shadow && path_of(file, path, sizeof path)) {
        size_t size = strlen(folder);
        if (!strncmp(path, folder, size) && (!path[size] || path[size] == '/'))
            keep(file, shadow, !path[size]);
    }
    errno = error;
    return result;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fsync(int file)
{
    return synced(file, REAL(fsync)(file));
}

int fdatasync(int file)
{
    return synced(file, REAL(fdatasync)(file));
}
