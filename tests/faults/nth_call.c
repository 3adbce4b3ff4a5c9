/*
 * Counts the calls of a process that change files below one folder, over all of its threads, and makes the n-th of
 * them the last one, or fail. To be preloaded (LD_PRELOAD).
 *
 * strace injects faults, too, but counts by thread, so that which call is the n-th differs from run to run and many
 * are out of reach. tests/it/faults/system_calls.rs compiles this file, and checks that it sees what strace sees.
 *
 *   NTH_CALL_BELOW   the folder; its own name and what begins with it count as well
 *   NTH_CALL_LOG     a file that gets a line a call, before it is made: number, call, path
 *   NTH_CALL_AT      which call is hit, from 1 on; none without it
 *   NTH_CALL_FAULT   kill, or the number of an error that the call gives instead of being made
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long calls;

/* Counts a call; whether it is the one that is to fail, with `errno` set. */
static int is_hit(const char *call, const char *path)
{
    const char *below = getenv("NTH_CALL_BELOW"), *log = getenv("NTH_CALL_LOG");
    const char *at = getenv("NTH_CALL_AT"), *fault = getenv("NTH_CALL_FAULT");
    if (!below || !log || strncmp(path, below, strlen(below)) != 0)
        return 0;
    long number = atomic_fetch_add(&calls, 1) + 1;
    char line[PATH_MAX + 64];
    int length = snprintf(line, sizeof line, "%ld %s %s\n", number, call, path);
    int file = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || syscall(SYS_write, file, line, length) != length)
        abort();
    syscall(SYS_close, file);
    if (!at || !fault || atol(at) != number)
        return 0;
    if (strcmp(fault, "kill") == 0)
        for (;;)
            kill(getpid(), SIGKILL);
    errno = atoi(fault);
    return 1;
}

/* The same for an open file. */
static int is_hit_by_file(const char *call, int file)
{
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    return is_hit(call, path);
}

static int opened(int folder, const char *path, int flags, mode_t mode)
{
    if ((flags & O_CREAT) && is_hit("openat", path))
        return -1;
    return syscall(SYS_openat, folder, path, flags, mode);
}

#define MODE_OF(flags, mode)                                                                                       \
    mode_t mode = 0;                                                                                               \
    if (flags & (O_CREAT | O_TMPFILE)) {                                                                           \
        va_list rest;                                                                                              \
        va_start(rest, flags);                                                                                     \
        mode = va_arg(rest, mode_t);                                                                               \
        va_end(rest);                                                                                              \
    }

int open(const char *path, int flags, ...)
{
    MODE_OF(flags, mode)
    return opened(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    MODE_OF(flags, mode)
    return opened(AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...)
{
    MODE_OF(flags, mode)
    return opened(folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...)
{
    MODE_OF(flags, mode)
    return opened(folder, path, flags, mode);
}

ssize_t write(int file, const void *bytes, size_t count)
{
    return is_hit_by_file("write", file) ? -1 : syscall(SYS_write, file, bytes, count);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t offset)
{
    return is_hit_by_file("pwrite64", file) ? -1 : syscall(SYS_pwrite64, file, bytes, count, offset);
}

int ftruncate64(int file, off64_t length)
{
    return is_hit_by_file("ftruncate", file) ? -1 : syscall(SYS_ftruncate, file, length);
}

int fsync(int file)
{
    return is_hit_by_file("fsync", file) ? -1 : syscall(SYS_fsync, file);
}

int fdatasync(int file)
{
    return is_hit_by_file("fdatasync", file) ? -1 : syscall(SYS_fdatasync, file);
}

int rename(const char *from, const char *to)
{
    return is_hit("rename", from) ? -1 : syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}

int link(const char *from, const char *to)
{
    return is_hit("linkat", from) ? -1 : syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags)
{
    return is_hit("linkat", from) ? -1 : syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
}

int unlink(const char *path)
{
    return is_hit("unlink", path) ? -1 : syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int mkdir(const char *path, mode_t mode)
{
    return is_hit("mkdir", path) ? -1 : syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}
