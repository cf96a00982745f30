/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/kv_probe.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/io.h"

/* Replaying a long log from a slow disk takes a while; a hang is damage. */
#define PROBE_SECONDS 300

static int try_database(const char *path, const struct cr_kv_options *opt,
			size_t family, struct cr_piece key, uint64_t sequence)
{
	struct cr_buf value = { 0 };
	struct cr_kv *kv;
	int r = cr_kv_open(path, opt, &kv);

	/* Nothing is closed or freed: the process ends. */
	if (r < 0)
		return r;
	r = cr_kv_get(kv, family, key, &value);
	if (r == -ENOENT)
		return cr_fail(CR_EINDEX, "%s: its first key is missing", path);
	if (r == 0 && cr_kv_sequence(kv) < sequence)
		return cr_fail(CR_EINDEX,
			       "%s: rows are lost: at change %" PRIu64
			       " of %" PRIu64,
			       path, cr_kv_sequence(kv), sequence);
	return r;
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

static int wait_for(pid_t child, int *status)
{
	while (waitpid(child, status, 0) < 0)
		if (errno != EINTR)
			return cr_fail(errno, "waitpid: %s",
				       strerrordesc_np(errno));
	return 0;
}

int cr_kv_probe(const char *path, const struct cr_kv_options *opt,
		size_t family, struct cr_piece key, uint64_t sequence)
{
	cr_cleanup(cr_closep) int in = -1;
	cr_cleanup(cr_closep) int out = -1;
	char said[256] = "";
	int ends[2], status, r;
	ssize_t len;
	pid_t child;

	assert(opt->mode != CR_KV_PRIMARY);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return cr_fail(errno, "pipe: %s", strerrordesc_np(errno));
	in = ends[0];
	out = ends[1];
	child = fork();
	if (child < 0)
		return cr_fail(errno, "fork: %s", strerrordesc_np(errno));
	if (child == 0) {
		be_quiet();
		r = try_database(path, opt, family, key, sequence);
		if (r < 0 &&
		    cr_io_write(out, cr_detail(), strlen(cr_detail())) < 0)
			_exit(EXIT_FAILURE);
		_exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
	}
	cr_closep(&out);
	len = cr_io_read(in, said, sizeof(said) - 1);
	r = wait_for(child, &status);
	if (r < 0)
		return r;
	if (WIFSIGNALED(status))
		return cr_fail(CR_EINDEX, "%s: opening it ends in signal %d",
			       path, WTERMSIG(status));
	if (WEXITSTATUS(status) != EXIT_SUCCESS)
		return cr_fail(CR_EINDEX, "%s",
			       len > 0 ? said : "the database does not open");
	return 0;
}
