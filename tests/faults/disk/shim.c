/* A disk that can lose power and fail, for one folder of a process: preloaded by the tests.
 *
 * SHIM_WATCHED names the folder, SHIM_STATE a folder of the shim's own:
 *   disk/     what the disk holds: a change gets there when it is synced, not before
 *   pending/  a file for each file with changes that were not synced, as records
 *   names     changes of names (created, removed, renamed) that were not synced, a line each
 *   faults    rules, a line each: <s|w|t|c> <end of the path> <first> <count> <errno>
 *   counts    how often each rule has matched
 *   lock      held by whoever works on these
 *
 * The model is a journaling file system as strict as POSIX lets it be: a sync of a file makes the
 * file's bytes durable and with them every earlier change of names; bytes that were not synced are
 * lost, and so are changes of names after the last sync. A sync that fails drops the bytes for good,
 * as a kernel does that marks the pages clean. An errno of 999 ends the process instead.
 *
 * All state lies in files under one lock, so that it holds for many processes of one folder.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define TRUNCATE UINT32_MAX

static const char *watched, *state;
static size_t watched_length;

__attribute__((constructor)) static void begin(void) {
    watched = getenv("SHIM_WATCHED");
    state = getenv("SHIM_STATE");
    watched_length = watched ? strlen(watched) : 0;
}

/* The shim's own work goes past the functions that it stands before. */
static int raw_open(const char *path, int flags) {
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0600);
}
static void raw_close(int file) { syscall(SYS_close, file); }
static void raw_write(int file, const void *bytes, size_t length) {
    const char *from = bytes;
    while (length > 0) {
        long done = syscall(SYS_write, file, from, length);
        if (done <= 0) abort();
        from += done;
        length -= (size_t)done;
    }
}

static void place(char *to, const char *folder, const char *name) {
    if (snprintf(to, PATH_MAX, "%s/%s%s", state, folder, name) >= PATH_MAX) abort();
}

static void pending_place(char *to, const char *name) {
    place(to, "pending/", name);
    for (char *c = to + strlen(state) + strlen("/pending/"); *c; c++)
        if (*c == '/') *c = '%';
}

static int lock(void) {
    char path[PATH_MAX];
    place(path, "", "lock");
    int file = raw_open(path, O_RDWR | O_CREAT);
    if (file < 0 || syscall(SYS_flock, file, LOCK_EX) != 0) abort();
    return file;
}

/* The name of a path below the watched folder; NULL for every other. */
static const char *below(const char *path) {
    if (!watched_length || !state || strncmp(path, watched, watched_length) != 0) return NULL;
    if (path[watched_length] == '\0') return "";
    return path[watched_length] == '/' ? path + watched_length + 1 : NULL;
}

/* The name of an open file; NULL where it is none of ours, or removed. `to` holds PATH_MAX. */
static const char *name_of(int file, char *to) {
    char link[64];
    if (!watched_length) return NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    long length = syscall(SYS_readlinkat, AT_FDCWD, link, to, PATH_MAX - 1);
    if (length <= 0) return NULL;
    to[length] = '\0';
    if (length > 10 && strcmp(to + length - 10, " (deleted)") == 0) return NULL;
    return below(to);
}

static const char *absolute(int folder, const char *path, char *to) {
    if (!watched_length || !path) return NULL;
    if (path[0] == '/') return below(path);
    char base[PATH_MAX];
    if (folder == AT_FDCWD) {
        if (!getcwd(base, sizeof base)) return NULL;
    } else {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        long length = syscall(SYS_readlinkat, AT_FDCWD, link, base, PATH_MAX - 1);
        if (length <= 0) return NULL;
        base[length] = '\0';
    }
    if (snprintf(to, PATH_MAX, "%s/%s", base, path) >= PATH_MAX) return NULL;
    return below(to);
}

/* Changes of a mapped file are seen by nobody here; SQLite's index of its WAL is made again. */
static int is_ours(const char *name) {
    if (!name || !*name) return 0;
    size_t length = strlen(name);
    return length < 4 || strcmp(name + length - 4, "-shm") != 0;
}

/* ---- faults ---- */

/* The errno that a rule has for this, or 0. Called with the lock held. */
static int fault(char kind, const char *name) {
    char path[PATH_MAX], text[4096];
    place(path, "", "faults");
    int file = raw_open(path, O_RDONLY);
    if (file < 0) return 0;
    long length = syscall(SYS_read, file, text, sizeof text - 1);
    raw_close(file);
    if (length <= 0) return 0;
    text[length] = '\0';
    uint64_t counts[64] = {0};
    place(path, "", "counts");
    int counting = raw_open(path, O_RDWR | O_CREAT);
    if (counting < 0) abort();
    syscall(SYS_pread64, counting, counts, sizeof counts, 0);
    int found = 0, index = 0;
    char *rest = text;
    for (char *line; index < 64 && (line = strsep(&rest, "\n")) != NULL && *line; index++) {
        char kinds[8], end[256];
        long first, count, number;
        if (sscanf(line, "%7s %255s %ld %ld %ld", kinds, end, &first, &count, &number) != 5) continue;
        size_t named = strlen(name), ending = strlen(end);
        int is_match = strchr(kinds, kind) &&
            (strcmp(end, "*") == 0 || (named >= ending && strcmp(name + named - ending, end) == 0));
        if (!is_match) continue;
        long at = (long)++counts[index];
        if (at >= first && (count < 0 || at < first + count)) found = (int)number;
    }
    syscall(SYS_pwrite64, counting, counts, sizeof counts, 0);
    raw_close(counting);
    if (found == 999) syscall(SYS_kill, getpid(), SIGKILL);
    return found;
}

/* ---- what is pending ---- */

static void add_record(const char *name, uint64_t at, uint32_t length, const void *bytes) {
    char path[PATH_MAX];
    pending_place(path, name);
    int file = raw_open(path, O_WRONLY | O_APPEND | O_CREAT);
    if (file < 0) abort();
    raw_write(file, &at, sizeof at);
    raw_write(file, &length, sizeof length);
    if (length != TRUNCATE) raw_write(file, bytes, length);
    raw_close(file);
}

static void add_name(const char *format, ...) {
    char path[PATH_MAX], line[2 * PATH_MAX];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    place(path, "", "names");
    int file = raw_open(path, O_WRONLY | O_APPEND | O_CREAT);
    if (file < 0 || length < 0) abort();
    raw_write(file, line, (size_t)length);
    raw_close(file);
}

static void forget(const char *name) {
    char path[PATH_MAX];
    pending_place(path, name);
    syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

/* Every change of names so far reaches the disk. */
static void sync_names(void) {
    char path[PATH_MAX], from[PATH_MAX], to[PATH_MAX], line[2 * PATH_MAX];
    place(path, "", "names");
    FILE *names = fopen(path, "re");
    if (!names) return;
    while (fgets(line, sizeof line, names)) {
        line[strcspn(line, "\n")] = '\0';
        char *other = strchr(line, '\t');
        if (other) *other++ = '\0';
        place(from, "disk/", line + 2);
        if (line[0] == 'C') {
            int file = raw_open(from, O_WRONLY | O_CREAT | O_TRUNC);
            if (file >= 0) raw_close(file);
        } else if (line[0] == 'U') {
            syscall(SYS_unlinkat, AT_FDCWD, from, 0);
        } else if (line[0] == 'D') {
            syscall(SYS_mkdirat, AT_FDCWD, from, 0700);
        } else if (line[0] == 'R' && other) {
            place(to, "disk/", other);
            syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
        } else if (line[0] == 'L' && other) {
            place(to, "disk/", other);
            syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
        }
    }
    fclose(names);
    syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

/* The bytes of a file reach the disk. */
static void sync_bytes(const char *name) {
    char path[PATH_MAX], to[PATH_MAX];
    pending_place(path, name);
    int records = raw_open(path, O_RDONLY);
    if (records < 0) return;
    place(to, "disk/", name);
    int disk = raw_open(to, O_WRONLY | O_CREAT);
    if (disk < 0) abort();
    uint64_t at;
    uint32_t length;
    while (syscall(SYS_read, records, &at, sizeof at) == (long)sizeof at &&
           syscall(SYS_read, records, &length, sizeof length) == (long)sizeof length) {
        if (length == TRUNCATE) {
            syscall(SYS_ftruncate, disk, at);
            continue;
        }
        char *bytes = malloc(length ? length : 1);
        if (!bytes || syscall(SYS_read, records, bytes, length) != (long)length) abort();
        if (syscall(SYS_pwrite64, disk, bytes, length, at) != (long)length) abort();
        free(bytes);
    }
    raw_close(disk);
    raw_close(records);
    forget(name);
}

/* ---- what stands before the library's functions ---- */

static int synced(int file, long number) {
    char to[PATH_MAX];
    const char *name = name_of(file, to);
    if (!name) return (int)syscall(number, file);
    int held = lock();
    int error = fault('s', name);
    if (error) {
        forget(name);
    } else {
        sync_names();
        if (is_ours(name)) sync_bytes(name);
    }
    raw_close(held);
    if (error) errno = error;
    return error ? -1 : 0;
}
int fsync(int file) { return synced(file, SYS_fsync); }
int fdatasync(int file) { return synced(file, SYS_fdatasync); }

static ssize_t written(int file, const struct iovec *parts, int count, off64_t at) {
    char to[PATH_MAX];
    const char *name = name_of(file, to);
    if (!is_ours(name)) {
        return at < 0 ? syscall(SYS_writev, file, parts, count)
                      : syscall(SYS_pwritev, file, parts, count, at, at >> 32);
    }
    int held = lock();
    int error = fault('w', name);
    ssize_t done = -1;
    if (!error) {
        off64_t start = at;
        if (at < 0) {
            int flags = (int)syscall(SYS_fcntl, file, F_GETFL);
            start = syscall(SYS_lseek, file, 0, flags & O_APPEND ? SEEK_END : SEEK_CUR);
        }
        done = at < 0 ? syscall(SYS_writev, file, parts, count)
                      : syscall(SYS_pwritev, file, parts, count, at, at >> 32);
        ssize_t left = done;
        for (int part = 0; part < count && left > 0; part++) {
            size_t length = parts[part].iov_len < (size_t)left ? parts[part].iov_len : (size_t)left;
            add_record(name, (uint64_t)start, (uint32_t)length, parts[part].iov_base);
            start += (off64_t)length;
            left -= (ssize_t)length;
        }
        error = done < 0 ? errno : 0;
    }
    raw_close(held);
    if (error) errno = error;
    return done;
}
static ssize_t written_one(int file, const void *bytes, size_t length, off64_t at) {
    struct iovec part = {(void *)bytes, length};
    return written(file, &part, 1, at);
}
ssize_t write(int file, const void *bytes, size_t length) { return written_one(file, bytes, length, -1); }
ssize_t pwrite(int file, const void *bytes, size_t length, off_t at) { return written_one(file, bytes, length, at); }
ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t at) { return written_one(file, bytes, length, at); }
ssize_t writev(int file, const struct iovec *parts, int count) { return written(file, parts, count, -1); }
ssize_t pwritev(int file, const struct iovec *parts, int count, off_t at) { return written(file, parts, count, at); }
ssize_t pwritev64(int file, const struct iovec *parts, int count, off64_t at) { return written(file, parts, count, at); }

static int resized(int file, off64_t length) {
    char to[PATH_MAX];
    const char *name = name_of(file, to);
    if (!is_ours(name)) return (int)syscall(SYS_ftruncate, file, length);
    int held = lock();
    int error = fault('t', name), done = -1;
    if (!error) {
        done = (int)syscall(SYS_ftruncate, file, length);
        error = done < 0 ? errno : 0;
        if (!error) add_record(name, (uint64_t)length, TRUNCATE, NULL);
    }
    raw_close(held);
    if (error) errno = error;
    return done;
}
int ftruncate(int file, off_t length) { return resized(file, length); }
int ftruncate64(int file, off64_t length) { return resized(file, length); }

static int allocated(int file, off64_t at, off64_t length) {
    struct stat64 stat;
    char to[PATH_MAX];
    const char *name = name_of(file, to);
    if (!is_ours(name)) return (int)syscall(SYS_fallocate, file, 0, at, length) ? errno : 0;
    if (fstat64(file, &stat) != 0) return errno;
    return stat.st_size >= at + length ? 0 : resized(file, at + length) ? errno : 0;
}
int posix_fallocate(int file, off_t at, off_t length) { return allocated(file, at, length); }
int posix_fallocate64(int file, off64_t at, off64_t length) { return allocated(file, at, length); }

static int opened(int folder, const char *path, int flags, mode_t mode) {
    char to[PATH_MAX];
    const char *name = flags & (O_CREAT | O_TRUNC) ? absolute(folder, path, to) : NULL;
    if (!is_ours(name)) return (int)syscall(SYS_openat, folder, path, flags, mode);
    int held = lock();
    int is_there = syscall(SYS_faccessat, folder, path, F_OK) == 0;
    int error = fault('c', name), file = -1;
    if (!error) {
        file = (int)syscall(SYS_openat, folder, path, flags, mode);
        error = file < 0 ? errno : 0;
        if (!error && !is_there) add_name("C %s\n", name);
        else if (!error && flags & O_TRUNC) add_record(name, 0, TRUNCATE, NULL);
    }
    raw_close(held);
    if (error) errno = error;
    return file;
}
static mode_t mode_of(int flags, va_list arguments) {
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
}
#define OPEN(function, folder, ...)                                      \
    int function(__VA_ARGS__, ...) {                                     \
        va_list arguments;                                               \
        va_start(arguments, flags);                                      \
        mode_t mode = mode_of(flags, arguments);                         \
        va_end(arguments);                                               \
        return opened(folder, path, flags, mode);                        \
    }
OPEN(open, AT_FDCWD, const char *path, int flags)
OPEN(open64, AT_FDCWD, const char *path, int flags)
OPEN(openat, folder, int folder, const char *path, int flags)
OPEN(openat64, folder, int folder, const char *path, int flags)

static int removed(int folder, const char *path, int flags) {
    char to[PATH_MAX];
    const char *name = flags & AT_REMOVEDIR ? NULL : absolute(folder, path, to);
    if (!is_ours(name)) return (int)syscall(SYS_unlinkat, folder, path, flags);
    int held = lock();
    int done = (int)syscall(SYS_unlinkat, folder, path, flags), error = errno;
    if (done == 0) {
        forget(name);
        add_name("U %s\n", name);
    }
    raw_close(held);
    errno = error;
    return done;
}
int unlink(const char *path) { return removed(AT_FDCWD, path, 0); }
int unlinkat(int folder, const char *path, int flags) { return removed(folder, path, flags); }

static int moved(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    char old_path[PATH_MAX], new_path[PATH_MAX];
    const char *old = absolute(from_folder, from, old_path), *new = absolute(to_folder, to, new_path);
    if (!is_ours(old) || !is_ours(new))
        return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
    int held = lock();
    int error = fault('c', new), done = -1;
    if (!error) {
        done = (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
        error = done < 0 ? errno : 0;
    }
    if (!error) {
        char pending_old[PATH_MAX], pending_new[PATH_MAX];
        forget(new);
        pending_place(pending_old, old);
        pending_place(pending_new, new);
        syscall(SYS_renameat2, AT_FDCWD, pending_old, AT_FDCWD, pending_new, 0);
        add_name("R %s\t%s\n", old, new);
    }
    raw_close(held);
    if (error) errno = error;
    return done;
}
int rename(const char *from, const char *to) { return moved(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int a, const char *from, int b, const char *to) { return moved(a, from, b, to, 0); }
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) { return moved(a, from, b, to, flags); }

/* A file that was synced before it gets another name, as it has to be. */
static int linked(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    char old_path[PATH_MAX], new_path[PATH_MAX];
    const char *old = absolute(from_folder, from, old_path), *new = absolute(to_folder, to, new_path);
    if (!is_ours(old) || !is_ours(new))
        return (int)syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
    int held = lock();
    int done = (int)syscall(SYS_linkat, from_folder, from, to_folder, to, flags), error = errno;
    if (done == 0) add_name("L %s\t%s\n", old, new);
    raw_close(held);
    errno = error;
    return done;
}
int link(const char *from, const char *to) { return linked(AT_FDCWD, from, AT_FDCWD, to, 0); }
int linkat(int a, const char *from, int b, const char *to, int flags) { return linked(a, from, b, to, flags); }

static int made(int folder, const char *path, mode_t mode) {
    char to[PATH_MAX];
    const char *name = absolute(folder, path, to);
    if (!is_ours(name)) return (int)syscall(SYS_mkdirat, folder, path, mode);
    int held = lock();
    int done = (int)syscall(SYS_mkdirat, folder, path, mode), error = errno;
    if (done == 0) add_name("D %s\n", name);
    raw_close(held);
    errno = error;
    return done;
}
int mkdir(const char *path, mode_t mode) { return made(AT_FDCWD, path, mode); }
int mkdirat(int folder, const char *path, mode_t mode) { return made(folder, path, mode); }
