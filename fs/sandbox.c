/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "fs/privileges.h"
#include "store/base/error.h"
#include "store/base/io.h"
#include "store/base/log.h"
#include "store/codec/seal.h"

/*
 * ThreadSanitizer has a thread that takes no signal, and keeps those of others
 * back while they wait.  Under it only threads that are yet to start follow.
 */
#if defined(__SANITIZE_THREAD__)
#define THREADS_DEAF true
#else
#define THREADS_DEAF false
#endif

#define SIGNAL	     SIGUSR2
#define ANSWER_MS    10000
#define PAUSE_NS     16000L
#define PAUSE_MAX_NS 1000000L

/* ---- Landlock ---- */

/* The kernel's struct as of its sixth interface: Debian 12 has the first. */
struct ruleset {
	uint64_t fs;
	uint64_t net;	 /* from the fourth */
	uint64_t scoped; /* from the sixth */
};

#define FS_FIRST     ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1) /* and below */
#define FS_REFER     (UINT64_C(1) << 13)		      /* second */
#define FS_TRUNCATE  (UINT64_C(1) << 14)		      /* third */
#define FS_IOCTL_DEV (UINT64_C(1) << 15)		      /* fifth */
#define NET_TCP	     UINT64_C(3) /* to bind, and to connect */
#define SCOPED	     UINT64_C(3) /* abstract sockets, signals */

#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_KEEP                                                           \
	(FS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE |                        \
	 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |      \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | \
	 FS_REFER | FS_TRUNCATE)

/* Returns how much of the struct the kernel knows. */
static size_t ask_for(long abi, struct ruleset *ret)
{
	*ret = (struct ruleset){ .fs = FS_FIRST };
	if (abi >= 2)
		ret->fs |= FS_REFER;
	if (abi >= 3)
		ret->fs |= FS_TRUNCATE;
	if (abi >= 4)
		ret->net = NET_TCP;
	if (abi >= 5)
		ret->fs |= FS_IOCTL_DEV;
	if (abi >= 6)
		ret->scoped = SCOPED;
	return abi >= 6	  ? sizeof(*ret)
	       : abi >= 4 ? offsetof(struct ruleset, scoped)
			  : offsetof(struct ruleset, net);
}

static int allow(int ruleset, const struct ruleset *handled, int folder,
		 uint64_t access)
{
	const struct landlock_path_beneath_attr rule = {
		.allowed_access = access & handled->fs,
		.parent_fd = folder,
	};

	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
		    &rule, 0) < 0)
		return cr_fail(errno, "landlock: %m");
	return 0;
}

/* The leak checker reads /proc, and files of its own; all may be read then. */
static int allow_sanitizers(int ruleset, const struct ruleset *handled)
{
	cr_cleanup(cr_closep) int root = -1;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
#endif
	return root < 0 ? 0 : allow(ruleset, handled, root, FS_READ);
}

/* A descriptor; -1: this kernel has none; or an error. */
static int make_ruleset(const struct cr_sandbox *sandbox)
{
	cr_cleanup(cr_closep) int fd = -1;
	struct ruleset handled;
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
			   LANDLOCK_CREATE_RULESET_VERSION);
	size_t len;
	int r;

	if (abi < 0) {
		cr_log(CR_LOG_WARNING,
		       "this kernel has no landlock: nothing but modes keeps "
		       "the serving process out of other files");
		return -1;
	}
	len = ask_for(abi, &handled);
	fd = (int)syscall(SYS_landlock_create_ruleset, &handled, len, 0);
	if (fd < 0)
		return cr_fail(errno, "landlock: %m");
	r = allow(fd, &handled, sandbox->repository, FS_READ);
	if (r == 0 && sandbox->state >= 0)
		r = allow(fd, &handled, sandbox->state, FS_KEEP);
	if (r == 0)
		r = allow_sanitizers(fd, &handled);
	return r < 0 ? r : cr_take_fd(&fd);
}

/* ---- Every thread ---- */

/*
 * Landlock and capabilities are of a thread, and opening the index may have
 * left some of RocksDB's.  Each is interrupted once, and confines itself.
 */

struct confining {
	int ruleset; /* or -1 */
	uint64_t keep;
	atomic_uint done;
	atomic_int error;
};

static int confine_thread(const struct confining *how)
{
	int r = cr_privileges_no_new();

	if (r == 0 && how->ruleset >= 0 &&
	    syscall(SYS_landlock_restrict_self, how->ruleset, 0) < 0)
		r = -errno;
	return r < 0 ? r : cr_privileges_keep(how->keep);
}

static void confine_here(int signal, siginfo_t *info, void *context)
{
	struct confining *how = info->si_value.sival_ptr;
	int saved = errno, r = confine_thread(how);

	(void)signal;
	(void)context;
	if (r < 0)
		atomic_store(&how->error, r);
	atomic_fetch_add(&how->done, 1);
	errno = saved;
}

/* Have @tid do it, and wait for that. */
static int confine_other(struct confining *how, pid_t tid)
{
	struct timespec pause = { .tv_nsec = PAUSE_NS };
	unsigned int before = atomic_load(&how->done);
	siginfo_t info = {
		.si_signo = SIGNAL,
		.si_code = SI_QUEUE,
	};

	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_ptr = how;
	if (syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, SIGNAL, &info) < 0)
		return errno == ESRCH ? 0 : -errno;
	/* At once as a rule: so the first pauses are short, and not counted. */
	for (int ms = 0; ms < ANSWER_MS; ms += pause.tv_nsec == PAUSE_MAX_NS) {
		if (atomic_load(&how->done) != before)
			return atomic_load(&how->error);
		(void)nanosleep(&pause, NULL);
		pause.tv_nsec = cr_min(2 * pause.tv_nsec, PAUSE_MAX_NS);
	}
	return -ETIMEDOUT;
}

static void closedirp(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

static int confine_others(struct confining *how)
{
	cr_cleanup(closedirp) DIR *dir = opendir("/proc/self/task");
	const struct sigaction action = {
		.sa_sigaction = confine_here,
		.sa_flags = SA_SIGINFO | SA_RESTART,
	};
	struct sigaction before;
	int r = 0;

	if (!dir || sigaction(SIGNAL, &action, &before) < 0)
		return -errno;
	for (struct dirent *e = readdir(dir); e && r == 0; e = readdir(dir)) {
		pid_t tid = (pid_t)atoi(e->d_name); /* "." gives 0 */

		if (tid > 0 && tid != gettid())
			r = confine_other(how, tid);
	}
	(void)sigaction(SIGNAL, &before, NULL);
	return r;
}

static int confine(const struct cr_sandbox *sandbox, uint64_t keep)
{
	cr_cleanup(cr_closep) int ruleset = make_ruleset(sandbox);
	struct confining how = { .ruleset = ruleset, .keep = keep };
	int r = ruleset < -1 ? ruleset : 0;

	if (r == 0 && !THREADS_DEAF)
		r = confine_others(&how);
	if (r == 0)
		r = confine_thread(&how);
	if (r < 0 && ruleset >= -1)
		r = cr_fail(-r, "going into the sandbox: %s", cr_strerror(r));
	return r;
}

/* ---- All of it ---- */

/* Keys that are unpacked later are locked without the right to lock more. */
static void raise_lock_limit(void)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	if (setrlimit(RLIMIT_MEMLOCK, &limit) == 0 ||
	    getrlimit(RLIMIT_MEMLOCK, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_MEMLOCK, &limit);
}

int cr_sandbox_enter(const struct cr_sandbox *sandbox)
{
	uint64_t keep = 0;
	int r;

	/* What takes files that are out of reach soon: for syslog(), and to
	 * decode fast. */
	tzset();
	(void)cr_seal_usable(CR_SEAL_LIBCRYPTO);
	raise_lock_limit();
	if (cr_privileges_are_needed(sandbox->repository))
		keep = CR_CAPABILITY(CAP_DAC_READ_SEARCH);
	r = confine(sandbox, keep);
	return r < 0 ? r : cr_sandbox_filter_calls();
}
