/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which system calls are let through.  What glibc, libfuse, RocksDB, zstd,
 * libsodium and libcrypto may want over a long life, threads started later
 * included; what they try and can do without is told that it does not exist;
 * what only an intruder wants ends the process.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fs/sandbox.h"
#include "store/base/error.h"
#include "store/base/log.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41 /* glibc names its mappings */
#endif

/* clang-format off */
static const int allowed[] = {
	/* memory; mmap and mprotect: below */
	SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(mlock), SCMP_SYS(mlock2),
	SCMP_SYS(mremap), SCMP_SYS(msync), SCMP_SYS(munlock),
	SCMP_SYS(munmap),

	/* threads and signals; clone, prctl and tgkill: below */
	SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(futex),
	SCMP_SYS(futex_waitv), SCMP_SYS(get_robust_list), SCMP_SYS(getcpu),
	SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(gettid),
	SCMP_SYS(membarrier), SCMP_SYS(restart_syscall), SCMP_SYS(rseq),
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigpending),
	SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigsuspend), SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(sched_get_priority_max), SCMP_SYS(sched_get_priority_min),
	SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_getparam),
	SCMP_SYS(sched_getscheduler), SCMP_SYS(sched_yield),
	SCMP_SYS(set_robust_list), SCMP_SYS(set_tid_address),
	SCMP_SYS(sigaltstack),

	/* time */
	SCMP_SYS(clock_getres), SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(gettimeofday),
	SCMP_SYS(nanosleep), SCMP_SYS(time),

	/* descriptors: the kernel's end of the mount is one */
	SCMP_SYS(close), SCMP_SYS(close_range), SCMP_SYS(dup), SCMP_SYS(dup2),
	SCMP_SYS(dup3), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_wait), SCMP_SYS(eventfd2),
	SCMP_SYS(fadvise64), SCMP_SYS(fallocate), SCMP_SYS(fcntl),
	SCMP_SYS(fdatasync), SCMP_SYS(flock), SCMP_SYS(fsync),
	SCMP_SYS(ftruncate), SCMP_SYS(lseek), SCMP_SYS(pipe2),
	SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(pread64),
	SCMP_SYS(preadv), SCMP_SYS(preadv2), SCMP_SYS(pselect6),
	SCMP_SYS(pwrite64), SCMP_SYS(pwritev), SCMP_SYS(read),
	SCMP_SYS(readahead), SCMP_SYS(readv), SCMP_SYS(signalfd4),
	SCMP_SYS(sync_file_range),
	SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime),
	SCMP_SYS(write), SCMP_SYS(writev),

	/* names: landlock says which */
	SCMP_SYS(access), SCMP_SYS(chdir), SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2), SCMP_SYS(fchdir), SCMP_SYS(fchmod),
	SCMP_SYS(fstat), SCMP_SYS(fstatfs), SCMP_SYS(getcwd),
	SCMP_SYS(getdents64), SCMP_SYS(lstat), SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat), SCMP_SYS(newfstatat), SCMP_SYS(open),
	SCMP_SYS(openat), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
	SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2),
	SCMP_SYS(rmdir), SCMP_SYS(stat), SCMP_SYS(statfs), SCMP_SYS(statx),
	SCMP_SYS(unlink), SCMP_SYS(unlinkat),

	/* the log; socket: below */
	SCMP_SYS(connect), SCMP_SYS(getpeername), SCMP_SYS(getsockname),
	SCMP_SYS(getsockopt), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg), SCMP_SYS(sendto), SCMP_SYS(shutdown),

	/* who and where we are */
	SCMP_SYS(getegid), SCMP_SYS(geteuid), SCMP_SYS(getgid),
	SCMP_SYS(getrandom), SCMP_SYS(getrlimit), SCMP_SYS(getrusage),
	SCMP_SYS(getuid), SCMP_SYS(prlimit64), SCMP_SYS(setsid),
	SCMP_SYS(sysinfo), SCMP_SYS(times), SCMP_SYS(umask),
	SCMP_SYS(uname),

	/* the end of a process that was started before; none can be now */
	SCMP_SYS(wait4),
};

/* What nothing here would ever call. */
static const int deadly[] = {
	SCMP_SYS(acct), SCMP_SYS(add_key), SCMP_SYS(bpf), SCMP_SYS(chroot),
	SCMP_SYS(delete_module), SCMP_SYS(execve), SCMP_SYS(execveat),
	SCMP_SYS(finit_module), SCMP_SYS(fsmount), SCMP_SYS(fsopen),
	SCMP_SYS(init_module), SCMP_SYS(ioperm), SCMP_SYS(iopl),
	SCMP_SYS(kexec_file_load), SCMP_SYS(kexec_load), SCMP_SYS(keyctl),
	SCMP_SYS(mount), SCMP_SYS(mount_setattr), SCMP_SYS(move_mount),
	SCMP_SYS(name_to_handle_at), SCMP_SYS(open_by_handle_at),
	SCMP_SYS(open_tree), SCMP_SYS(perf_event_open),
	SCMP_SYS(personality), SCMP_SYS(pidfd_getfd), SCMP_SYS(pivot_root),
	SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
	SCMP_SYS(reboot), SCMP_SYS(request_key), SCMP_SYS(setgid),
	SCMP_SYS(setns), SCMP_SYS(setresgid), SCMP_SYS(setresuid),
	SCMP_SYS(setuid), SCMP_SYS(swapon), SCMP_SYS(umount2),
	SCMP_SYS(unshare), SCMP_SYS(userfaultfd),
};

/* The leak checker stops all threads, from a process of its own. */
static const int sanitizers[] = {
	SCMP_SYS(clone), SCMP_SYS(getdents), SCMP_SYS(kill), SCMP_SYS(mmap),
	SCMP_SYS(mprotect), SCMP_SYS(prctl), SCMP_SYS(ptrace),
	SCMP_SYS(tgkill),
};
/* clang-format on */

static int each(scmp_filter_ctx ctx, uint32_t action, const int *call, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = seccomp_rule_add(ctx, action, call[i], 0);
	return r;
}

/* Let @call through where its argument @n has @bits of @mask. */
static int where(scmp_filter_ctx ctx, int call, struct scmp_arg_cmp what)
{
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call, 1, what);
}

#define MASKED(n, mask, bits) \
	((struct scmp_arg_cmp){ n, SCMP_CMP_MASKED_EQ, mask, bits })
#define EQUAL(n, value) ((struct scmp_arg_cmp){ n, SCMP_CMP_EQ, value, 0 })

/* What is let through with some arguments only. */
static int add_narrow(scmp_filter_ctx ctx)
{
	const struct {
		int call;
		struct scmp_arg_cmp what;
	} rows[] = {
		/* No code that was not there when the program began. */
		{ SCMP_SYS(mmap), MASKED(2, PROT_EXEC, 0) },
		{ SCMP_SYS(mprotect), MASKED(2, PROT_EXEC, 0) },
		/* Threads, no processes. */
		{ SCMP_SYS(clone), MASKED(0, CLONE_THREAD, CLONE_THREAD) },
		{ SCMP_SYS(prctl), EQUAL(0, PR_SET_NAME) },
		{ SCMP_SYS(prctl), EQUAL(0, PR_SET_VMA) },
		{ SCMP_SYS(tgkill), EQUAL(0, (scmp_datum_t)getpid()) },
		{ SCMP_SYS(socket), EQUAL(0, AF_UNIX) },
	};
	int r = 0;

	for (size_t i = 0; i < CR_ARRAY_LEN(rows) && r == 0; i++)
		r = where(ctx, rows[i].call, rows[i].what);
	return r;
}

static int fill(scmp_filter_ctx ctx)
{
	int r = each(ctx, SCMP_ACT_ALLOW, allowed, CR_ARRAY_LEN(allowed));

	if (r == 0)
		r = each(ctx, SCMP_ACT_KILL_PROCESS, deadly,
			 CR_ARRAY_LEN(deadly));
	if (r == 0 && SANITIZED)
		return each(ctx, SCMP_ACT_ALLOW, sanitizers,
			    CR_ARRAY_LEN(sanitizers));
	return r < 0 ? r : add_narrow(ctx);
}

/* As kernels say that they know no such call, filter, or flag. */
static bool is_lacking(int r)
{
	return r == -ENOSYS || r == -EINVAL || r == -EOPNOTSUPP;
}

/* Asked as for a filter that is none: where there is seccomp, it looks for it.
 */
static int ask_for_seccomp(void)
{
	long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			 SECCOMP_FILTER_FLAG_TSYNC, NULL);

	return r == 0 || errno == EFAULT ? 0 : -errno;
}

/* For threads that are there already, too. */
static int load(scmp_filter_ctx ctx)
{
	int r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);

	/* What the kernel says, and not that it said something. */
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_API_SYSRAWRC, 1);
	/* A tree instead of a list. */
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		r = fill(ctx);
	return r < 0 ? r : seccomp_load(ctx);
}

static int make_and_load(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int r = ctx ? load(ctx) : -ENOMEM;

	if (ctx)
		seccomp_release(ctx);
	return r;
}

int cr_sandbox_filter_calls(void)
{
	int r = ask_for_seccomp();

	if (is_lacking(r)) {
		cr_log(CR_LOG_WARNING,
		       "this kernel has no seccomp: the serving process keeps "
		       "all system calls");
		return 0;
	}
	if (r == 0)
		r = make_and_load();
	return r < 0 ? cr_fail(-r, "seccomp: %s", cr_strerror(r)) : 0;
}
