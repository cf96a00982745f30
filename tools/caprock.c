/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * caprock.c - the program that writes to repositories and asks about them.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/log.h"
#include "store/base/secret.h"
#include "tools/commands.h"
#include "tools/dispatch.h"

/* As --help lists them; a comment keeps each on a line of its own. */
static const struct cr_command *const table[] = {
	&cr_command_init, /* write */
	&cr_command_backup,
	&cr_command_snapshots, /* look */
	&cr_command_ls,
	&cr_command_find,
	&cr_command_history,
	&cr_command_cat,
	&cr_command_restore,
	&cr_command_export,
	&cr_command_stats,
	&cr_command_verify,
	&cr_command_diff,
	&cr_command_mount,
	&cr_command_key_list, /* manage */
	&cr_command_key_add,
	&cr_command_key_revoke,
	&cr_command_key_passwd,
	&cr_command_key_export,
	&cr_command_key_import,
	&cr_command_index_rebuild,
	&cr_command_version,
	&cr_command_completion,
	NULL,
};

/*
 * RocksDB throws and asserts.  What a snapshot needs is never in it alone, so
 * the worst that happened is that this command did not finish.
 */
static void on_abort(int sig)
{
	static const char text[] =
		"caprock: aborted; what was reported as done is safe: "
		"if it was the index, caprock index rebuild\n";
	ssize_t said = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)sig;
	(void)said;
	_exit(CR_EXIT_FAILED);
}

/* Commands that have something to bring to an end put their own in place. */
static void on_interrupt(int sig)
{
	_exit(sig == SIGINT ? CR_EXIT_INTERRUPTED : 128 + sig);
}

static void handle(int sig, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };
	struct sigaction before;

	/* What the caller ignores (nohup) stays ignored. */
	if (sigaction(sig, NULL, &before) == 0 && before.sa_handler == SIG_IGN)
		return;
	(void)sigaction(sig, &action, NULL);
}

/* Before anything else: nothing leaks, and no descriptor is a standard one. */
static int harden(void)
{
	const struct rlimit none = { 0, 0 };
	int fd;

	(void)umask(077);
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -1;
	(void)close(fd);
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	handle(SIGABRT, on_abort);
	handle(SIGINT, on_interrupt);
	handle(SIGTERM, on_interrupt);
	handle(SIGHUP, on_interrupt);
	return 0;
}

int main(int argc, char **argv)
{
	if (harden() < 0)
		return CR_EXIT_FAILED;
	cr_log_init("caprock", false);
	if (cr_sodium_init() < 0) {
		cr_status_report(-EIO);
		return CR_EXIT_FAILED;
	}
	return cr_dispatch(table, argc, argv);
}
