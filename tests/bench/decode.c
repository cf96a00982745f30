/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/error.h"
#include "store/codec/compress.h"
#include "store/codec/list.h"
#include "store/codec/seal.h"
#include "tests/bench/store.h"

/*
 * The linker puts this in the place of cr_open() (--wrap): the floor is what
 * libsodium takes, whatever engine the codec has.
 */
int __wrap_cr_open(const struct cr_seal_with *with, struct cr_piece sealed,
		   void *out, const struct cr_tag *tag);

int __wrap_cr_open(const struct cr_seal_with *with, struct cr_piece sealed,
		   void *out, const struct cr_tag *tag)
{
	return cr_open_by(CR_SEAL_SODIUM, with, sealed, out, tag);
}

struct decode {
	struct cr_repo *repo;	  /* owned */
	struct cr_state *state;	  /* owned */
	struct cr_index *index;	  /* owned */
	struct cr_reader *reader; /* owned */
	struct cr_snapshots set;
	struct cr_found found;
	struct cr_file *file; /* owned */
	struct cr_view view;
	struct cr_buf blocks; /* struct cr_hint, of slot 0 */
};

static void decode_release(struct decode *d)
{
	cr_buf_release(&d->blocks);
	cr_file_close(d->file);
	cr_found_release(&d->found);
	cr_reader_free(d->reader);
	cr_snapshots_release(&d->set);
	cr_index_close(d->index);
	cr_state_close(d->state);
	cr_repo_close(d->repo);
}

static int take_run(void *arg, const struct cr_list_item *run)
{
	struct decode *d = arg;
	struct cr_hint at;
	int r;

	if (run->hole)
		return 0;
	r = cr_reader_locate(d->reader, &d->view, CR_CHUNK_DATA, &run->id, NULL,
			     &at);
	if (r < 0)
		return r;
	at.slot = 0;
	cr_buf_put(&d->blocks, &at, sizeof(at));
	return 0;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct cr_hint));
}

/*
 * As the mount does, but never without an index: then every chunk would be
 * searched for in every pack.
 */
static int open_index(struct decode *d, const char *state)
{
	int r = cr_state_open(state, cr_storage_fd(d->repo->storage),
			      &d->repo->info.id, true, &d->state);

	if (r >= 0)
		r = cr_index_ready(d->repo, d->state, 64u << 20, &d->index);
	if (r >= 0 && !d->index)
		return cr_fail(CR_EINDEX, "there is no index in %s", state);
	return r;
}

static int open_file(struct decode *d, char **argv)
{
	const struct cr_snapshot *newest = NULL;
	int r = bench_open(argv[0], argv[1], &d->repo);

	if (r >= 0)
		r = open_index(d, argv[2]);
	if (r >= 0)
		r = cr_reader_new(d->repo, d->index, 64u << 20, &d->reader);
	if (r >= 0)
		r = cr_snapshots_update(d->repo, d->state, &d->set);
	if (r >= 0)
		r = cr_snapshots_find(&d->set, "latest", &newest);
	if (r >= 0)
		r = cr_view_init(d->repo, newest, &d->view);
	if (r >= 0)
		r = cr_lookup(d->reader, &d->view, newest, argv[3], &d->found);
	if (r >= 0)
		r = cr_file_open(d->reader, &d->view, &d->found.file, &d->file);
	return r;
}

/* Read each block of @hint, of which equal ones stand together. */
static int decode_all(const struct cr_repo *repo, const struct cr_hint *hint,
		      size_t count, uint64_t *bytes, size_t *blocks)
{
	cr_cleanup(cr_pack_closep) struct cr_pack *pack = NULL;
	struct cr_decompressor *dec = NULL;
	struct cr_uid of = { 0 };
	int r = cr_decompressor_new(&dec);

	for (size_t i = 0; r >= 0 && i < count; i++) {
		cr_cleanup(cr_block_freep) struct cr_block *block = NULL;

		if (i > 0 && compare(&hint[i], &hint[i - 1]) == 0)
			continue;
		if (!pack || !cr_uid_equal(&of, &hint[i].pack)) {
			cr_pack_close(pack);
			pack = NULL;
			of = hint[i].pack;
			r = cr_pack_open(repo, CR_PACK_DATA, &of, &pack);
		}
		if (r >= 0)
			r = cr_pack_read(pack, hint[i].block, dec, NULL,
					 &block);
		if (r >= 0) {
			*bytes += block->raw_len;
			(*blocks)++;
		}
	}
	cr_decompressor_free(dec);
	return r;
}

int bench_decode(char **argv)
{
	cr_cleanup(decode_release) struct decode d = { 0 };
	double wall = 0, cpu = 0;
	uint64_t bytes = 0;
	size_t count, blocks = 0;
	int r = open_file(&d, argv);

	if (r >= 0)
		r = cr_file_each_run(d.file, take_run, &d);
	if (r >= 0)
		r = cr_buf_error(&d.blocks);
	/* Twice: the first time brings the packs into memory. */
	for (int i = 0; r >= 0 && i < 2; i++) {
		struct cr_hint *hint = (void *)d.blocks.bytes;

		count = d.blocks.len / sizeof(*hint);
		qsort(hint, count, sizeof(*hint), compare);
		bytes = blocks = 0;
		wall = bench_seconds(CLOCK_MONOTONIC);
		cpu = bench_seconds(CLOCK_PROCESS_CPUTIME_ID);
		r = decode_all(d.repo, hint, count, &bytes, &blocks);
		wall = bench_seconds(CLOCK_MONOTONIC) - wall;
		cpu = bench_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	}
	if (r < 0)
		return bench_fail(r, argv[3]);
	(void)printf("{\"wall\": %.6f, \"cpu\": %.6f, \"bytes\": %" PRIu64
		     ", \"blocks\": %zu}\n",
		     wall, cpu, bytes, blocks);
	return 0;
}
