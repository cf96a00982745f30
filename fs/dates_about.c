/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/dates_about.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "fs/damage.h"
#include "fs/dates_asof.h"
#include "store/base/buf.h"
#include "store/base/hex.h"

/*
 * A status is made when it is asked for, and not too often; who has read half
 * of one may go on with it until as many others were made.
 */
#define VERSIONS 16
#define VERSION_BITS                                            \
	32 /* the upper ones of a file's day; the lower: length \
	    */

static const char readme[] =
	"This is a mount of caprock, the backup program.  It is read-only.\n"
	"\n"
	"snapshots/NAME/2026-11-22T02-15-00Z/  every backup of NAME (UTC)\n"
	"latest/NAME                           the newest backup of NAME\n"
	"by-date/2026-11-22/NAME               the last backup of that day\n"
	"asof/2026-03-01/NAME                  as it stood then: type a date\n"
	"versions/NAME/etc/fstab/              every version of a file, dated\n"
	"deleted/NAME/etc/                     what is gone from there, and when\n"
	"                                      it was there last\n"
	"\n"
	"To get something back, copy it out.  What was backed up later appears "
	"by itself.\n"
	"\n"
	"Beside this file:\n"
	"\n"
	"damaged.txt   what could not be read, one line each; empty is good\n"
	"status.json   what is shown here, for programs\n"
	"version       of caprockfs, and of the repository\n"
	"\n"
	"A damaged file is refused as a whole (Input/output error), so that no\n"
	"part of it is taken for all of it.  Other backups of the same file may\n"
	"be whole.  Tell whoever looks after the backups; \"caprock verify\" "
	"names\n"
	"everything that is lost.\n";

enum number { README, STATUS, DAMAGED, VERSION, FILES };

static const char *const name[FILES] = {
	[README] = "README",
	[STATUS] = "status.json",
	[DAMAGED] = "damaged.txt",
	[VERSION] = "version",
};

/* One version of the status. */
struct made {
	struct cr_date file;
	struct cr_buf text;
	int64_t time; /* UTC seconds */
};

struct cr_about {
	struct cr_dates_options options;
	char version[128];
	pthread_mutex_t lock;
	struct made status[VERSIONS]; /* version v at [v % VERSIONS]; under:
					 lock, as all below */
	uint32_t newest;
	int64_t made_ms; /* monotonic, of the newest; 0: none is */
};

int cr_about_new(const struct cr_dates_options *options, struct cr_about **ret)
{
	struct cr_about *about = calloc(1, sizeof(*about));

	if (!about)
		return -ENOMEM;
	about->options = *options;
	(void)snprintf(about->version, sizeof(about->version),
		       "caprockfs %s\nformat %d\nrepository %s\n",
		       CAPROCK_VERSION, CR_FORMAT_VERSION,
		       cr_uid_hex(&options->repository).text);
	(void)pthread_mutex_init(&about->lock, NULL);
	*ret = about;
	return 0;
}

void cr_about_free(struct cr_about *about)
{
	if (!about)
		return;
	for (size_t i = 0; i < VERSIONS; i++)
		cr_buf_release(&about->status[i].text);
	(void)pthread_mutex_destroy(&about->lock);
	free(about);
}

/* ---- Versions ---- */

static struct cr_date file_of(enum number number, uint32_t version, size_t len)
{
	return (struct cr_date){
		.kind = CR_DATE_FILE,
		.source = number,
		.day = (int64_t)((uint64_t)version << VERSION_BITS |
				 (uint32_t)len),
	};
}

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000 + 1;
}

/* Make the status anew, unless that was done just now. */
static void make_status_locked(struct cr_about *about)
{
	cr_cleanup(cr_buf_release) struct cr_buf text = { 0 };
	const struct made *was = &about->status[about->newest % VERSIONS];
	struct made *made;
	int64_t ms = now_ms();

	if (about->made_ms != 0 &&
	    ms - about->made_ms < about->options.status_ms)
		return;
	/* Without memory the last one stays. */
	if (about->options.status &&
	    about->options.status(about->options.arg, &text) < 0)
		return;
	about->made_ms = ms;
	if (was->text.len == text.len &&
	    (text.len == 0 ||
	     memcmp(was->text.bytes, text.bytes, text.len) == 0))
		return;
	made = &about->status[++about->newest % VERSIONS];
	cr_buf_release(&made->text);
	made->text = cr_take(text);
	made->file = file_of(STATUS, about->newest & INT32_MAX, made->text.len);
	made->time = (int64_t)time(NULL);
}

static struct cr_date newest_status(struct cr_about *about)
{
	struct cr_date file;

	(void)pthread_mutex_lock(&about->lock);
	make_status_locked(about);
	file = about->newest > 0 ? about->status[about->newest % VERSIONS].file
				 : file_of(STATUS, 0, 0);
	(void)pthread_mutex_unlock(&about->lock);
	return file;
}

static struct cr_date newest_of(struct cr_about *about, enum number number)
{
	struct cr_damage_list list = { 0 };

	switch (number) {
	case STATUS:
		return newest_status(about);
	case DAMAGED:
		if (about->options.damage)
			cr_damage_list(about->options.damage, &list);
		return file_of(DAMAGED, 0, list.len);
	case README:
		return file_of(README, 0, sizeof(readme) - 1);
	case VERSION:
	case FILES:
		break;
	}
	return file_of(VERSION, 0, strlen(about->version));
}

/* ---- Finding ---- */

int cr_about_find(struct cr_about *about, const char *wanted,
		  struct cr_date *ret)
{
	for (unsigned int i = 0; i < FILES; i++) {
		if (strcmp(name[i], wanted) == 0) {
			*ret = newest_of(about, (enum number)i);
			return 0;
		}
	}
	return -ENOENT;
}

bool cr_about_at(struct cr_about *about, uint64_t n, struct cr_date *ret)
{
	if (n >= FILES)
		return false;
	*ret = newest_of(about, (enum number)n);
	return true;
}

const char *cr_about_name(const struct cr_date *file)
{
	return name[file->source];
}

/* ---- Reading ---- */

size_t cr_about_len(const struct cr_date *file)
{
	return file->kind == CR_DATE_ASOF_FILE ? strlen(cr_asof_readme)
					       : (uint32_t)file->day;
}

/* The status that @file is, or NULL when it is not kept any more. */
static const struct made *find_locked(const struct cr_about *about,
				      const struct cr_date *file)
{
	uint32_t version = (uint32_t)(file->day >> VERSION_BITS);
	const struct made *made = &about->status[version % VERSIONS];

	return cr_date_equal(&made->file, file) ? made : NULL;
}

int64_t cr_about_time(struct cr_about *about, const struct cr_date *file,
		      int64_t otherwise)
{
	struct cr_damage_list list = { 0 };
	const struct made *made;

	if (file->kind != CR_DATE_FILE)
		return otherwise;
	if (file->source == DAMAGED && about->options.damage)
		cr_damage_list(about->options.damage, &list);
	if (list.len == cr_about_len(file) && list.time != 0)
		return list.time;
	if (file->source != STATUS)
		return otherwise;
	(void)pthread_mutex_lock(&about->lock);
	made = find_locked(about, file);
	if (made)
		otherwise = made->time;
	(void)pthread_mutex_unlock(&about->lock);
	return otherwise;
}

static int read_status(struct cr_about *about, const struct cr_date *file,
		       uint64_t at, size_t len, struct cr_buf *out)
{
	const struct made *made;

	(void)pthread_mutex_lock(&about->lock);
	made = find_locked(about, file);
	if (made)
		cr_buf_put(out, made->text.bytes + at, len);
	(void)pthread_mutex_unlock(&about->lock);
	return made ? cr_buf_error(out) : -ESTALE;
}

int cr_about_read(struct cr_about *about, const struct cr_date *file,
		  uint64_t at, size_t len, struct cr_buf *out)
{
	size_t all = cr_about_len(file);

	if (at >= all)
		return 0;
	len = cr_min(len, all - (size_t)at);
	if (file->kind == CR_DATE_ASOF_FILE) {
		cr_buf_put(out, cr_asof_readme + at, len);
		return cr_buf_error(out);
	}
	switch ((enum number)file->source) {
	case STATUS:
		return read_status(about, file, at, len, out);
	case DAMAGED:
		cr_damage_text(about->options.damage, (size_t)at, len, out);
		break;
	case README:
		cr_buf_put(out, readme + at, len);
		break;
	case VERSION:
	case FILES:
		cr_buf_put(out, about->version + at, len);
		break;
	}
	return cr_buf_error(out);
}
