// Stands between a program and its disk (LD_PRELOAD): writes down, in one order over all threads,
// what is done to the files below a folder, and when an answer goes out; and on demand lets one of
// those calls fail, or kills the process there.
//
// SHIM_ROOT     the folder
// SHIM_RECORD   where records are appended; `recording.ts` reads them
// SHIM_RULES    a file of lines: "{op} {glob} {n} {action}". The n-th call of that kind whose path
//               matches, from when the file was written, is the one: "kill" kills before it, "died"
//               after it, a number is the errno it fails with, "{number}+" from then on.
//
// Each call and its record are one step under one lock, so the order of the records is the order of
// the effects, and a process that a rule kills has recorded all that it did. Files are named by inode
// numbers: descriptors need not be followed. What is missed here shows when the record, replayed, is
// compared with the folder.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/socket.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name)) real(&real_##name, #name))
#define DECLARE(name) static void *real_##name

static void *real(void **slot, const char *name) {
  if (*slot == NULL) *slot = dlsym(RTLD_NEXT, name);
  return *slot;
}

DECLARE(open); DECLARE(open64); DECLARE(openat); DECLARE(openat64); DECLARE(mkdir); DECLARE(rename);
DECLARE(link); DECLARE(linkat); DECLARE(unlink); DECLARE(unlinkat); DECLARE(rmdir);
DECLARE(write); DECLARE(writev); DECLARE(pwrite); DECLARE(pwrite64); DECLARE(ftruncate);
DECLARE(ftruncate64); DECLARE(fallocate); DECLARE(fallocate64); DECLARE(fsync); DECLARE(fdatasync);
DECLARE(copy_file_range); DECLARE(send); DECLARE(sendto); DECLARE(fcntl); DECLARE(fcntl64);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static size_t root_length;
static int record = -1;

static void append(const void *data, size_t bytes, const char *format, ...) {
  char head[2 * PATH_MAX + 100];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(head, sizeof head - 30, format, arguments);
  va_end(arguments);
  length += snprintf(head + length, 30, "\t%zu\n", bytes);
  struct iovec parts[2] = {{ head, length }, { (void *) data, bytes }};
  if (REAL(writev)(record, parts, 2) != length + (ssize_t) bytes) abort();
}

#define RULES_BYTES 4096
#define MAX_RULES 4
static const char *rules_page;
static char rules_text[RULES_BYTES];
static struct { char op, glob[1024], action[32]; int number, seen; } rules[MAX_RULES];
static int rule_count, is_doomed;

// Inodes of files below the folder; numbers that are used anew do no harm.
#define SLOTS (1 << 18)
static ino_t known[SLOTS];
static size_t known_count;

static ino_t *slot_of(ino_t inode) {
  size_t at = (size_t) (inode * 0x9e3779b97f4a7c15u >> 40) % SLOTS;
  while (known[at] != 0 && known[at] != inode) at = (at + 1) % SLOTS;
  return &known[at];
}

static void know(ino_t inode) {
  ino_t *slot = slot_of(inode);
  if (*slot == inode) return;
  if (++known_count > SLOTS / 2) abort();
  *slot = inode;
}

static ino_t inode_at(const char *path) {
  struct stat info;
  return lstat(path, &info) == 0 ? info.st_ino : 0;
}

__attribute__((constructor)) static void start(void) {
  const char *folder = getenv("SHIM_ROOT"), *to = getenv("SHIM_RECORD");
  const char *lines = getenv("SHIM_RULES");
  if (folder == NULL || to == NULL || lines == NULL) return;
  root_length = strlen(folder);
  memcpy(root, folder, root_length + 1);
  record = REAL(open)(to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  int fd = REAL(open)(lines, O_RDWR | O_CLOEXEC);
  if (record < 0 || fd < 0 || REAL(ftruncate)(fd, RULES_BYTES) != 0) abort();
  rules_page = mmap(NULL, RULES_BYTES, PROT_READ, MAP_SHARED, fd, 0);
  if (rules_page == MAP_FAILED) abort();
  close(fd);
  // Its own syncs count, too.
  know(inode_at(root));
  append(NULL, 0, "P");
}

static int is_below(const char *path) {
  return record >= 0 && strncmp(path, root, root_length) == 0 && path[root_length] == '/';
}

/** The inode of a descriptor, if it is one of ours; else 0. Under the lock. */
static ino_t inode_of(int fd) {
  struct stat info;
  if (fstat(fd, &info) != 0 || (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode))) return 0;
  return *slot_of(info.st_ino) == info.st_ino ? info.st_ino : 0;
}

static const char *path_of(int fd, char *buffer) {
  char link_path[64];
  snprintf(link_path, sizeof link_path, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link_path, buffer, PATH_MAX - 1);
  buffer[length < 0 ? 0 : length] = 0;
  return buffer;
}

/** The path from `/`. */
static const char *whole(int folder, const char *path, char *buffer) {
  if (path[0] == '/') return path;
  char base[PATH_MAX];
  if (folder == AT_FDCWD) {
    if (getcwd(base, sizeof base) == NULL) base[0] = 0;
  } else path_of(folder, base);
  snprintf(buffer, PATH_MAX, "%.2000s/%.2000s", base, path);
  return buffer;
}

static int is_file(int fd) {
  struct stat info;
  return fstat(fd, &info) == 0 && (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode));
}

static void read_rules(void) {
  if (strncmp(rules_text, rules_page, RULES_BYTES) == 0) return;
  memcpy(rules_text, rules_page, RULES_BYTES - 1);
  rule_count = 0;
  for (const char *line = rules_text; rule_count < MAX_RULES; rule_count++) {
    __typeof__(rules[0]) *rule = &rules[rule_count];
    const char *format = "%c %1000s %d %31s";
    if (sscanf(line, format, &rule->op, rule->glob, &rule->number, rule->action) != 4) return;
    rule->seen = 0;
    line = strchr(line, '\n') + 1;
  }
}

static void die(void) {
  kill(getpid(), SIGKILL);
  while (1) pause();
}

/** Whether the call is to fail, `errno` being set; it may not return. Under the lock. */
static int fails(char op, const char *path, int fd) {
  char buffer[PATH_MAX];
  read_rules();
  for (int at = 0; at < rule_count; at++) {
    __typeof__(rules[0]) *rule = &rules[at];
    if (rule->op != op) continue;
    if (path == NULL) path = path_of(fd, buffer);
    if (fnmatch(rule->glob, path, 0) != 0) continue;
    rule->seen++;
    int goes_on = strchr(rule->action, '+') != NULL;
    if (goes_on ? rule->seen < rule->number : rule->seen != rule->number) continue;
    append(NULL, 0, "F\t%c\t%s", op, path);
    if (strcmp(rule->action, "kill") == 0) die();
    if (strcmp(rule->action, "died") == 0) return !(is_doomed = 1);
    errno = atoi(rule->action);
    return 1;
  }
  return 0;
}

#define LOCKED(type, body) { \
  pthread_mutex_lock(&lock); \
  type result = -1; \
  body; \
  int saved = errno; \
  if (is_doomed) die(); \
  pthread_mutex_unlock(&lock); \
  errno = saved; \
  return result; \
}

static int opened(int fd, const char *path, int flags) {
  ino_t inode = 0;
  struct stat info;
  if (fd >= 0 && fstat(fd, &info) == 0) know(inode = info.st_ino);
  if (fd >= 0 && (flags & (O_CREAT | O_TRUNC))) {
    append(NULL, 0, "O\t%ju\t%d\t%s", (uintmax_t) inode, (flags & O_TRUNC) != 0, path);
  }
  return fd;
}

#define OPEN(name, folder, call) { \
  mode_t mode = 0; \
  if (flags & (O_CREAT | __O_TMPFILE)) { \
    va_list more; \
    va_start(more, flags); \
    mode = va_arg(more, mode_t); \
    va_end(more); \
  } \
  char buffer[PATH_MAX]; \
  const char *path = whole(folder, given, buffer); \
  if (!is_below(path)) return REAL(name) call; \
  LOCKED(int, if (!fails('O', path, 0)) result = opened(REAL(name) call, path, flags)) \
}

int open(const char *given, int flags, ...)
  OPEN(open, AT_FDCWD, (given, flags, mode))
int open64(const char *given, int flags, ...)
  OPEN(open64, AT_FDCWD, (given, flags, mode))
int openat(int folder, const char *given, int flags, ...)
  OPEN(openat, folder, (folder, given, flags, mode))
int openat64(int folder, const char *given, int flags, ...)
  OPEN(openat64, folder, (folder, given, flags, mode))

int mkdir(const char *given, mode_t mode) {
  char buffer[PATH_MAX];
  const char *path = whole(AT_FDCWD, given, buffer);
  if (!is_below(path)) return REAL(mkdir)(given, mode);
  LOCKED(int, if (!fails('M', path, 0)) {
    result = REAL(mkdir)(given, mode);
    if (result == 0) {
      ino_t inode = inode_at(path);
      know(inode);
      append(NULL, 0, "M\t%ju\t%s", (uintmax_t) inode, path);
    }
  })
}

int rename(const char *given, const char *given_to) {
  char buffer[PATH_MAX], buffer_to[PATH_MAX];
  const char *path = whole(AT_FDCWD, given, buffer), *to = whole(AT_FDCWD, given_to, buffer_to);
  if (!is_below(path) && !is_below(to)) return REAL(rename)(given, given_to);
  LOCKED(int, if (!fails('R', to, 0)) {
    // Two names of one file: nothing happens.
    ino_t inode = inode_at(path);
    int is_same = inode == inode_at(to);
    result = REAL(rename)(given, given_to);
    if (result == 0 && !is_same) append(NULL, 0, "R\t%s\t%s", path, to);
  })
}

#define LINK(call, folder, folder_to) { \
  char buffer[PATH_MAX], buffer_to[PATH_MAX]; \
  const char *path = whole(folder, given, buffer), *to = whole(folder_to, given_to, buffer_to); \
  if (!is_below(path) && !is_below(to)) return call; \
  LOCKED(int, if (!fails('L', to, 0)) { \
    result = call; \
    if (result == 0) append(NULL, 0, "L\t%s\t%s", path, to); \
  }) \
}

int link(const char *given, const char *given_to)
  LINK(REAL(link)(given, given_to), AT_FDCWD, AT_FDCWD)
int linkat(int from, const char *given, int into, const char *given_to, int flags)
  LINK(REAL(linkat)(from, given, into, given_to, flags), from, into)

#define REMOVE(call, folder) { \
  char buffer[PATH_MAX]; \
  const char *path = whole(folder, given, buffer); \
  if (!is_below(path)) return call; \
  LOCKED(int, if (!fails('U', path, 0)) { \
    result = call; \
    if (result == 0) append(NULL, 0, "U\t%s", path); \
  }) \
}

int unlink(const char *given)
  REMOVE(REAL(unlink)(given), AT_FDCWD)
int unlinkat(int folder, const char *given, int flags)
  REMOVE(REAL(unlinkat)(folder, given, flags), folder)
int rmdir(const char *given)
  REMOVE(REAL(rmdir)(given), AT_FDCWD)

/** Records what is an answer, before it leaves. */
static void answers(const void *data, size_t bytes) {
  if (record < 0 || bytes < 12 || memcmp(data, "HTTP/1.1 ", 9) != 0) return;
  pthread_mutex_lock(&lock);
  fails('A', "answer", 0);
  append(data, bytes < 1024 ? bytes : 1024, "A");
  pthread_mutex_unlock(&lock);
}

ssize_t send(int fd, const void *data, size_t bytes, int flags) {
  answers(data, bytes);
  return REAL(send)(fd, data, bytes, flags);
}

ssize_t sendto(int fd, const void *data, size_t bytes, int flags, const struct sockaddr *to,
    socklen_t length) {
  answers(data, bytes);
  return REAL(sendto)(fd, data, bytes, flags, to, length);
}

/** Data are read back where they are not at hand. */
static void wrote(ino_t inode, off_t offset, ssize_t bytes, const void *data, int fd, char op) {
  void *copy = NULL;
  if (data == NULL) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int reader = REAL(open)(path, O_RDONLY | O_CLOEXEC);
    if ((copy = malloc(bytes)) == NULL || pread(reader, copy, bytes, offset) != bytes) abort();
    close(reader);
  }
  append(copy ? copy : data, bytes, "%c\t%ju\t%jd", op, (uintmax_t) inode, (intmax_t) offset);
  free(copy);
}

#define WRITE(call, at, data, op) { \
  if (record < 0 || !is_file(fd)) return call; \
  LOCKED(ssize_t, { \
    ino_t inode = inode_of(fd); \
    if (inode == 0 || !fails('W', NULL, fd)) { \
      result = call; \
      if (inode != 0 && result > 0) wrote(inode, at, result, data, fd, op); \
    } \
  }) \
}
#define BEHIND (lseek(fd, 0, SEEK_CUR) - result)

ssize_t write(int fd, const void *data, size_t bytes) {
  answers(data, bytes);
  WRITE(REAL(write)(fd, data, bytes), BEHIND, data, 'W')
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  if (count > 0) answers(parts[0].iov_base, parts[0].iov_len);
  WRITE(REAL(writev)(fd, parts, count), BEHIND, NULL, 'W')
}

ssize_t pwrite(int fd, const void *data, size_t bytes, off_t offset)
  WRITE(REAL(pwrite)(fd, data, bytes, offset), offset, data, 'W')
ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t offset)
  WRITE(REAL(pwrite64)(fd, data, bytes, offset), offset, data, 'W')

ssize_t copy_file_range(int from, off64_t *at, int fd, off64_t *to, size_t bytes, unsigned flags) {
  off64_t offset = to ? *to : lseek(fd, 0, SEEK_CUR);
  WRITE(REAL(copy_file_range)(from, at, fd, to, bytes, flags), offset, NULL, 'C')
}

#define TRUNCATE(call, record_it) { \
  if (record < 0 || !is_file(fd)) return call; \
  LOCKED(int, { \
    ino_t inode = inode_of(fd); \
    if (inode == 0 || !fails('T', NULL, fd)) { \
      result = call; \
      if (inode != 0 && result == 0) record_it; \
    } \
  }) \
}
#define SIZE(bytes) append(NULL, 0, "T\t%ju\t%jd", (uintmax_t) inode, (intmax_t) (bytes))

int ftruncate(int fd, off_t bytes) TRUNCATE(REAL(ftruncate)(fd, bytes), SIZE(bytes))
int ftruncate64(int fd, off64_t bytes) TRUNCATE(REAL(ftruncate64)(fd, bytes), SIZE(bytes))

static void allocated(int fd, ino_t inode, int mode) {
  struct stat info;
  // Others punch holes; nothing here does.
  if (mode & ~FALLOC_FL_KEEP_SIZE) abort();
  if (fstat(fd, &info) == 0) SIZE(info.st_size);
}

int fallocate(int fd, int mode, off_t offset, off_t bytes)
  TRUNCATE(REAL(fallocate)(fd, mode, offset, bytes), allocated(fd, inode, mode))
int fallocate64(int fd, int mode, off64_t offset, off64_t bytes)
  TRUNCATE(REAL(fallocate64)(fd, mode, offset, bytes), allocated(fd, inode, mode))

#define SYNC(name) int name(int fd) { \
  if (record < 0 || !is_file(fd)) return REAL(name)(fd); \
  LOCKED(int, { \
    ino_t inode = inode_of(fd); \
    if (inode == 0 || !fails('S', NULL, fd)) { \
      result = REAL(name)(fd); \
      if (inode != 0 && result == 0) synced(fd, inode); \
    } \
  }) \
}

static void synced(int fd, ino_t inode) {
  char path[PATH_MAX];
  append(NULL, 0, "S\t%ju\t%s", (uintmax_t) inode, path_of(fd, path));
}

SYNC(fsync)
SYNC(fdatasync)

// What SQLite begins a writing transaction with: the writer's lock in the -shm file. Not recorded.
#define WRITER_LOCK 120
static int is_writer(const struct flock *asked) {
  return asked->l_type == F_WRLCK && asked->l_start == WRITER_LOCK && asked->l_len == 1;
}

#define FCNTL(name) int name(int fd, int command, ...) { \
  va_list arguments; \
  va_start(arguments, command); \
  void *argument = va_arg(arguments, void *); \
  va_end(arguments); \
  if (record >= 0 && command == F_SETLK && is_writer(argument)) { \
    LOCKED(int, if (!fails('B', NULL, fd)) result = REAL(name)(fd, command, argument)) \
  } \
  return REAL(name)(fd, command, argument); \
}

FCNTL(fcntl)
FCNTL(fcntl64)
