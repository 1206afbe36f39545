/* Loaded before the C library (LD_PRELOAD), for faults that no test may bring about in the machine itself.

   FAULT_SLOW=1         every opening of a file of the results takes 100 ms more, every reading of a file 2 ms
   FAULT_CLOCK_BACK=F   as soon as the file F exists, the clock is a day behind: for who asks for the time, and for the
                        times that files get which are created, closed, moved or touched
*/
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))
static const time_t DAY = 24 * 3600;

static void pause_ms(long ms) {
    if (getenv("FAULT_SLOW")) {
        struct timespec span = {0, ms * 1000000L};
        nanosleep(&span, NULL);
    }
}

static int is_back(void) {
    const char *flag = getenv("FAULT_CLOCK_BACK");
    return flag && access(flag, F_OK) == 0;
}

static void now_back(struct timespec times[2]) {
    NEXT(clock_gettime)(CLOCK_REALTIME, &times[0]);
    times[0].tv_sec -= DAY;
    times[1] = times[0];
}

static void age(int fd) {
    struct stat state;
    struct timespec times[2];
    if (fd < 0 || !is_back() || fstat(fd, &state) || !S_ISREG(state.st_mode)) return;
    now_back(times);
    NEXT(futimens)(fd, times);
}

static mode_t mode_of(int flags, va_list list) {
    return flags & (O_CREAT | __O_TMPFILE) ? va_arg(list, mode_t) : 0;
}

#define OPEN(name, parameters, arguments)                        \
    int name parameters {                                        \
        va_list list;                                            \
        va_start(list, flags);                                   \
        mode_t mode = mode_of(flags, list);                      \
        va_end(list);                                            \
        if (strstr(path, "results/")) pause_ms(100);             \
        int fd = ((int (*)())dlsym(RTLD_NEXT, #name)) arguments; \
        if (flags & (O_CREAT | __O_TMPFILE)) age(fd);            \
        return fd;                                               \
    }
OPEN(open, (const char *path, int flags, ...), (path, flags, mode))
OPEN(open64, (const char *path, int flags, ...), (path, flags, mode))
OPEN(openat, (int at, const char *path, int flags, ...), (at, path, flags, mode))
OPEN(openat64, (int at, const char *path, int flags, ...), (at, path, flags, mode))

ssize_t read(int fd, void *buffer, size_t size) {
    struct stat state;
    if (getenv("FAULT_SLOW") && !fstat(fd, &state) && S_ISREG(state.st_mode)) pause_ms(2);
    return NEXT(read)(fd, buffer, size);
}

int close(int fd) {
    if (is_back() && (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY) age(fd);
    return NEXT(close)(fd);
}

int rename(const char *from, const char *to) {
    int status = NEXT(rename)(from, to);
    struct timespec times[2];
    if (!status && is_back()) {
        now_back(times);
        NEXT(utimensat)(AT_FDCWD, to, times, 0);
    }
    return status;
}

int utimensat(int at, const char *path, const struct timespec times[2], int flags) {
    struct timespec back[2];
    if (!times && is_back()) {
        now_back(back);
        times = back;
    }
    return NEXT(utimensat)(at, path, times, flags);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int status = NEXT(clock_gettime)(clock, now);
    if (!status && clock == CLOCK_REALTIME && is_back()) now->tv_sec -= DAY;
    return status;
}

time_t time(time_t *result) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (result) *result = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    int status = NEXT(gettimeofday)(now, zone);
    if (!status && now && is_back()) now->tv_sec -= DAY;
    return status;
}
