/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/refresh.h"

#include <errno.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "fs/ahead.h"
#include "fs/figures.h"
#include "fs/keeper.h"
#include "fs/loop.h"
#include "fs/mount.h"
#include "store/base/error.h"
#include "store/base/log.h"
#include "store/disk/index.h"
#include "store/disk/index_later.h"

#define PERIOD_MS      1000
#define FIRST_MS       50
#define CATCH_UP_EVERY 15 /* periods: it costs 50 to 200 ms */

struct cr_refresh {
	struct cr_mount *mount; /* borrowed */
	pthread_t thread;
	int stop;    /* eventfd */
	int signals; /* signalfd */
	bool told;   /* the keeper, that a signal came */
	bool behind; /* the kernel was not told of all that is new */
};

/* Runs without any lock: the kernel may have to wait for a request of ours. */
static void tell_kernel(void *arg, uint64_t id, const struct cr_date *date)
{
	struct cr_mount *mount = arg;
	struct cr_date parent = { 0 };
	uint64_t parent_id = 0;
	char name[CR_DATE_NAME_MAX];

	/* Of the past only lists change; its spot may be gone by now. */
	if (!cr_date_is_past(date)) {
		parent = cr_dates_parent(mount->dates, date);
		parent_id = cr_inodes_date_id(mount->inodes, &parent);
	}
	/* That the kernel does not know it is as good. */
	if (parent_id > 0 && !cr_dates_valid(mount->dates, date)) {
		cr_dates_name(mount->dates, date, name);
		(void)fuse_lowlevel_notify_inval_entry(
			mount->session, parent_id, name, strlen(name));
	}
	if (cr_date_is_folder(date) && date->kind != CR_DATE_SNAPSHOT)
		(void)fuse_lowlevel_notify_inval_inode(mount->session, id, 0,
						       0);
}

static void tell_of_directories(void *arg, uint64_t id,
				const struct cr_date *date)
{
	if (cr_date_is_dated(date))
		tell_kernel(arg, id, date);
}

static void tell_of_links(void *arg, uint64_t id, const struct cr_date *date)
{
	if (!cr_date_is_dated(date))
		tell_kernel(arg, id, date);
}

static int tell(struct cr_mount *mount, cr_node_date_fn fn)
{
	const struct cr_date root = { .kind = CR_DATE_ROOT };

	tell_kernel(mount, CR_NODE_ROOT, &root);
	return cr_inodes_each_date(mount->inodes, fn, mount);
}

/* Each step once the kernel knows of the one before: cr_dates_update(). */
static int show_in_turn(struct cr_mount *mount)
{
	int r = tell(mount, tell_of_directories);

	if (r == 0) {
		cr_dates_relink(mount->dates);
		r = tell(mount, tell_of_links);
	}
	if (r == 0) {
		cr_dates_settle(mount->dates);
		r = tell(mount, tell_of_directories);
	}
	return r;
}

/* What is found in the packs is found without the index, too. */
static void catch_up(const struct cr_mount *mount)
{
	struct cr_index *index = cr_index_later_peek(mount->index);
	int r = index ? cr_index_catch_up(index) : 0;

	if (r < 0)
		cr_log(CR_LOG_INFO, "the index is behind: %s", cr_detail());
}

static void refresh(struct cr_refresh *self)
{
	struct cr_mount *mount = self->mount;
	int r;

	cr_mount_drop_damaged(mount);
	r = cr_mount_refresh(mount);
	if (r < 0)
		cr_damage_note(mount->damage,
			       *cr_detail() ? cr_detail() : cr_strerror(r));
	/* What it failed at may have come after something new. */
	if (r > 0 || !cr_dates_is_settled(mount->dates))
		self->behind = true;
	if (!self->behind)
		return;
	r = show_in_turn(mount);
	self->behind = r < 0; /* then it is told after a second */
	if (r < 0)
		cr_log(CR_LOG_INFO, "new snapshots: %s", cr_strerror(r));
	catch_up(mount);
	cr_mount_sum_up(mount);
}

/* Whether the signal that came ends the mount. */
static bool is_end(struct cr_refresh *self)
{
	struct signalfd_siginfo info;

	if (read(self->signals, &info, sizeof(info)) != sizeof(info))
		return false;
	if (info.ssi_signo == SIGUSR1) {
		cr_figures_log(self->mount->figures, self->mount->reader);
		cr_ahead_log(self->mount->ahead);
		cr_loop_log(self->mount->loop);
		return false;
	}
	/* Detached there is no terminal that could hang up: look again now. */
	if (info.ssi_signo == SIGHUP && !self->mount->options->foreground)
		return false;
	/*
	 * Nobody is left without an answer when it is unmounted first.  That is
	 * for the keeper, who then signals once more.
	 */
	if (!self->told && cr_keeper_tell(self->mount->keeper, CR_NEWS_END)) {
		self->told = true;
		return false;
	}
	return true;
}

/* The keeper tries, and cannot where somebody is in it. */
static void look_for_idleness(const struct cr_mount *mount)
{
	uint64_t limit = mount->options->idle_timeout;

	if (limit == 0 || cr_figures_idle(mount->figures) < limit)
		return;
	cr_figures_touch(mount->figures);
	(void)cr_keeper_tell(mount->keeper, CR_NEWS_IDLE);
}

static void *run(void *arg)
{
	struct cr_refresh *self = arg;
	int wait = FIRST_MS;
	struct pollfd poll_for[] = {
		{ .fd = self->stop, .events = POLLIN },
		{ .fd = self->signals, .events = POLLIN },
	};

	for (unsigned int n = 1;; n++) {
		int ready = poll(poll_for, CR_ARRAY_LEN(poll_for), wait);

		if (ready > 0 && poll_for[0].revents)
			return NULL;
		if (ready > 0 && poll_for[1].revents && is_end(self)) {
			/* While there is somebody to answer what they want. */
			cr_ahead_stop(self->mount->ahead);
			cr_index_later_stop(self->mount->index);
			cr_loop_end(self->mount->loop);
			return NULL;
		}
		wait = PERIOD_MS;
		cr_detail_clear();
		refresh(self);
		if (n % CATCH_UP_EVERY == 0)
			catch_up(self->mount);
		look_for_idleness(self->mount);
	}
}

static sigset_t our_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGUSR1);
	return set;
}

void cr_refresh_block_signals(void)
{
	sigset_t set = our_signals();

	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void refresh_free(struct cr_refresh **self)
{
	if (!*self)
		return;
	cr_closep(&(*self)->stop);
	cr_closep(&(*self)->signals);
	free(*self);
}

int cr_refresh_start(struct cr_mount *mount, struct cr_refresh **ret)
{
	cr_cleanup(refresh_free) struct cr_refresh *self =
		calloc(1, sizeof(*self));
	sigset_t set = our_signals();
	int r;

	if (!self)
		return -ENOMEM;
	self->mount = mount;
	self->stop = eventfd(0, EFD_CLOEXEC);
	self->signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (self->stop < 0 || self->signals < 0)
		return cr_fail(errno, "waiting for signals: %m");
	r = pthread_create(&self->thread, NULL, run, self);
	if (r != 0)
		return cr_fail(r, "a thread: %s", cr_strerror(-r));
	*ret = cr_take(self);
	return 0;
}

void cr_refresh_stop(struct cr_refresh *self)
{
	const uint64_t one = 1;

	if (!self)
		return;
	/* A counter that is at 0 takes it. */
	if (write(self->stop, &one, sizeof(one)) == sizeof(one))
		(void)pthread_join(self->thread, NULL);
	refresh_free(&self);
}
