/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * options.h - the command line of caprockfs: as a person types it, as mount(8)
 * and fstab hand it over, and as `caprock mount` does.
 *
 * One table: whatever can follow -o can also be written as a long option, with
 * "-" or "_" between words.
 */
#ifndef FS_OPTIONS_H
#define FS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "store/base/util.h"

/* Taken out of the environment by whoever sees it. */
#define CR_PASSPHRASE_ENV "CAPROCK_PASSPHRASE"

/* What a choice may be: in the order of its words, the default first. */
enum cr_mount_map { CR_MAP_NUMERIC, CR_MAP_NAMES };
enum cr_mount_mode { CR_MODE_ASIS, CR_MODE_PRIVATE };
enum cr_mount_symlinks { CR_LINKS_ASIS, CR_LINKS_INSIDE, CR_LINKS_HIDE };
enum cr_mount_special { CR_SPECIAL_SHOW, CR_SPECIAL_HIDE };

enum cr_mount_action {
	CR_MOUNT_RUN,
	CR_MOUNT_HELP,
	CR_MOUNT_VERSION,
};

struct cr_mount_options {
	enum cr_mount_action action;
	const char *repository; /* borrowed from argv */
	const char *mountpoint; /* borrowed from argv */

	char *source; /* owned, as all strings below; or NULL */
	char *path;   /* as cr_part_path() makes it */
	char *state_dir;
	char *passphrase_file;
	char *passphrase_command;
	char *key_file;
	char *owner;
	int passphrase_fd; /* -1: none */
	size_t cache_bytes;
	unsigned int threads;  /* 0: as many as suit this machine */
	unsigned int map;      /* enum cr_mount_map */
	unsigned int mode;     /* enum cr_mount_mode */
	unsigned int symlinks; /* enum cr_mount_symlinks */
	unsigned int special;  /* enum cr_mount_special */
	uint64_t idle_timeout; /* seconds; 0: none */
	bool rw;	       /* asked for, in vain */
	bool allow_other;
	bool auto_unmount;
	bool insecure_acl;
	bool sharedirs;
	bool nonempty;
	bool noxattr;
	bool noexec;
	bool foreground;
	bool debug;
};

/*
 * Parse argv[1] to argv[argc - 1], which is permuted.  Release @ret whatever is
 * returned.  -CR_EUSAGE, -ENOMEM.
 */
cr_must_check int cr_mount_options_parse(int argc, char **argv,
					 struct cr_mount_options *ret);
void cr_mount_options_release(struct cr_mount_options *options);

void cr_mount_help(FILE *to);

/* "256M" to bytes: K, M, G, T by 1024.  -CR_EUSAGE without a sentence. */
cr_must_check int cr_mount_size(const char *text, size_t *ret);

/* "90", "90s", "10m", "2h" or "1d" to seconds.  The same. */
cr_must_check int cr_mount_duration(const char *text, uint64_t *ret);

#endif
