/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store.h - what the files of bench-store share.
 */
#ifndef TESTS_BENCH_STORE_H
#define TESTS_BENCH_STORE_H

#include <time.h>

#include "store/base/key_file.h"
#include "store/disk/index_sync.h"
#include "store/read/file.h"
#include "store/read/lookup.h"
#include "store/write/writer.h"

/* A repository that is being written to. */
struct bench_session {
	struct cr_repo *repo;	  /* owned */
	struct cr_state *state;	  /* owned; locked */
	struct cr_index *index;	  /* owned */
	struct cr_writer *writer; /* owned */
};

/* @argv: repository, key file, state directory. */
cr_must_check int bench_session_open(char **argv, size_t memory,
				     struct bench_session *ret);
void bench_session_close(struct bench_session *s);

cr_must_check int bench_open(const char *repository, const char *key_file,
			     struct cr_repo **ret);

/* Say on standard error what went wrong; 1. */
int bench_fail(int r, const char *what);

double bench_seconds(clockid_t clock);

/* splitmix64, from Java's SplittableRandom: any state, period 2^64. */
uint64_t bench_random(uint64_t *state);

/*
 * Decode every block that the file PATH of the newest snapshot has a part in,
 * once each, in this thread and with libsodium, and print how long that took.
 * @argv: repository, key file, state directory, PATH.
 */
int bench_decode(char **argv);

#endif
