/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/kv_probe.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/io.h"
#include "store/codec/footer.h"
#include "store/disk/kv_impl.h"

/* Replaying a long log from a slow disk takes a while; a hang is damage. */
#define PROBE_SECONDS 300

#define LIST_NAME "MANIFEST-"

/* The status of a child whose answer is 1. */
#define EXIT_ONE 2

/* What is read at once of RocksDB's list of its tables. */
#define LIST_MAX (32u << 20)

/* Open the list that CURRENT names; its number.  A descriptor or -errno. */
static int open_list(const char *path, uint64_t *number)
{
	cr_cleanup(cr_closep) int folder = -1;
	cr_cleanup(cr_closep) int current = -1;
	char name[64] = "";
	ssize_t len;

	folder = cr_io_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
	if (folder < 0)
		return folder;
	current = cr_io_open(folder, "CURRENT", O_RDONLY, 0);
	if (current < 0)
		return current;
	len = cr_io_read(current, name, sizeof(name) - 1);
	if (len < 0)
		return (int)len;
	name[strcspn(name, "\n")] = '\0';
	if (strncmp(name, LIST_NAME, strlen(LIST_NAME)) != 0)
		return -ENOENT;
	*number = strtoull(name + strlen(LIST_NAME), NULL, 10);
	return cr_io_open(folder, name, O_RDONLY, 0);
}

/* Hash the first @len bytes of @fd, or all that there are. */
static int hash_list(int fd, size_t len, struct cr_kv_mark *mark)
{
	cr_cleanup(cr_freep) uint8_t *bytes = NULL;
	struct stat st;
	ssize_t got;

	if (fstat(fd, &st) < 0)
		return -errno;
	len = cr_min(len, (size_t)st.st_size);
	bytes = malloc(cr_max(len, (size_t)1));
	if (!bytes)
		return -ENOMEM;
	got = cr_io_pread(fd, bytes, len, 0);
	if (got < 0)
		return (int)got;
	mark->list_len = (uint64_t)got;
	mark->list_hash = cr_shard_hash(bytes, (size_t)got);
	return 0;
}

int cr_kv_mark(const struct cr_kv *kv, struct cr_kv_mark *ret)
{
	struct cr_kv_mark mark = { .sequence = cr_kv_sequence(kv) };
	cr_cleanup(cr_closep) int fd = open_list(kv->path, &mark.list);
	int r;

	if (fd == -ENOENT) {
		/* Another was begun just now: no word on it. */
		mark.list = 0;
		*ret = mark;
		return 0;
	}
	/* What a compaction is just adding may not be durable yet. */
	r = fd < 0 ? fd : cr_io_sync(fd);
	if (r == 0)
		r = hash_list(fd, LIST_MAX, &mark);
	if (r < 0)
		return cr_fail(-r, "%s: %s", kv->path, cr_strerror(r));
	*ret = mark;
	return 0;
}

/* The list must begin with what it was, unless another was begun since. */
static int check_list(const char *path, const struct cr_kv_mark *mark)
{
	struct cr_kv_mark now = { 0 };
	cr_cleanup(cr_closep) int fd = -1;
	int r;

	if (mark->list == 0)
		return 0;
	fd = open_list(path, &now.list);
	if (fd < 0)
		return cr_fail(CR_EINDEX, "%s: CURRENT, or what it names: %s",
			       path, cr_strerror(fd));
	if (now.list > mark->list)
		return 0;
	r = hash_list(fd, (size_t)cr_min(mark->list_len, (uint64_t)LIST_MAX),
		      &now);
	if (r < 0)
		return cr_fail(-r, "%s: %s", path, cr_strerror(r));
	if (now.list != mark->list || now.list_len != mark->list_len ||
	    now.list_hash != mark->list_hash)
		return cr_fail(CR_EINDEX, "%s: its list of tables is damaged",
			       path);
	return 0;
}

static int try_database(const struct cr_kv_probe *probe)
{
	const char *path = probe->path;
	struct cr_kv_options read_only = *probe->opt;
	struct cr_buf value = { 0 };
	struct cr_kv *kv;
	int r;

	read_only.mode = CR_KV_READ_ONLY;
	r = cr_kv_open(path, &read_only, &kv);
	/* Nothing is closed or freed: the process ends. */
	if (r < 0)
		return r;
	r = cr_kv_get(kv, probe->family, probe->key, &value);
	/* Who began it was ended before it was flushed. */
	if (r == -ENOENT && probe->mark->sequence == 0)
		return 0;
	if (r == -ENOENT)
		return cr_fail(CR_EINDEX, "%s: its first key is missing", path);
	if (r == 0 && cr_kv_sequence(kv) < probe->mark->sequence)
		return cr_fail(CR_EINDEX,
			       "%s: rows are lost: at change %" PRIu64
			       " of %" PRIu64,
			       path, cr_kv_sequence(kv), probe->mark->sequence);
	return r < 0 || !probe->ask ? r : probe->ask(probe->arg, kv);
}

/*
 * A crash of the child is expected: no core, no word on stderr.  It holds what
 * its parent has locked, so it must not live on without it.
 */
static void be_quiet(void)
{
	static const struct rlimit none;
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (null >= 0)
		(void)dup2(null, STDERR_FILENO);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)signal(SIGABRT, SIG_DFL);
	(void)signal(SIGALRM, SIG_DFL);
	(void)alarm(PROBE_SECONDS);
}

/* The child; its status. */
static int be_child(const struct cr_kv_probe *probe, int out)
{
	int r;

	be_quiet();
	r = try_database(probe);
	if (r < 0 && cr_io_write(out, cr_detail(), strlen(cr_detail())) < 0)
		return EXIT_FAILURE;
	return r < 0 ? EXIT_FAILURE : r > 0 ? EXIT_ONE : EXIT_SUCCESS;
}

static int wait_for(pid_t child, int *status)
{
	while (waitpid(child, status, 0) < 0)
		if (errno != EINTR)
			return cr_fail(errno, "waitpid: %s",
				       strerrordesc_np(errno));
	return 0;
}

int cr_kv_probe(const struct cr_kv_probe *probe)
{
	const char *path = probe->path;
	cr_cleanup(cr_closep) int in = -1;
	cr_cleanup(cr_closep) int out = -1;
	char said[256] = "";
	int ends[2], status, r;
	ssize_t len;
	pid_t child;

	r = check_list(path, probe->mark);
	if (r < 0)
		return r;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return cr_fail(errno, "pipe: %s", strerrordesc_np(errno));
	in = ends[0];
	out = ends[1];
	child = fork();
	if (child < 0)
		return cr_fail(errno, "fork: %s", strerrordesc_np(errno));
	if (child == 0)
		_exit(be_child(probe, out));
	cr_closep(&out);
	len = cr_io_read(in, said, sizeof(said) - 1);
	r = wait_for(child, &status);
	if (r < 0)
		return r;
	if (WIFSIGNALED(status))
		return cr_fail(CR_EINDEX, "%s: opening it ends in signal %d",
			       path, WTERMSIG(status));
	if (WEXITSTATUS(status) == EXIT_ONE)
		return 1;
	if (WEXITSTATUS(status) != EXIT_SUCCESS)
		return cr_fail(CR_EINDEX, "%s",
			       len > 0 ? said : "the database does not open");
	return 0;
}
