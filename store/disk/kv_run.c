/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/disk/kv_impl.h"

struct cr_kv_run {
	struct cr_kv *kv; /* borrowed */
	size_t family;
	char *path;			 /* owned */
	rocksdb_envoptions_t *env;	 /* owned */
	rocksdb_sstfilewriter_t *writer; /* owned */
};

int cr_kv_run_begin(struct cr_kv *kv, size_t family, struct cr_kv_run **ret)
{
	cr_cleanup(cr_kv_run_abortp) struct cr_kv_run *run = NULL;
	char *error = NULL;
	int r;

	run = calloc(1, sizeof(*run));
	if (!run)
		return -ENOMEM;
	run->kv = kv;
	run->family = family;
	if (asprintf(&run->path, "%s/" CR_KV_RUN_NAME, kv->path) < 0) {
		run->path = NULL;
		return -ENOMEM;
	}
	run->env = rocksdb_envoptions_create();
	run->writer =
		rocksdb_sstfilewriter_create(run->env, kv->options[family + 1]);
	rocksdb_sstfilewriter_open(run->writer, run->path, &error);
	r = cr_kv_check(run->path, error);
	if (r < 0)
		return r;
	*ret = cr_take(run);
	return 0;
}

int cr_kv_run_add(struct cr_kv_run *run, struct cr_piece key,
		  struct cr_piece value)
{
	char *error = NULL;

	rocksdb_sstfilewriter_put(run->writer, key.bytes, key.len, value.bytes,
				  value.len, &error);
	return cr_kv_check(run->path, error);
}

static int take_in(struct cr_kv_run *run)
{
	rocksdb_ingestexternalfileoptions_t *options;
	const char *files[] = { run->path };
	struct cr_kv *kv = run->kv;
	char *error = NULL;
	int r;

	rocksdb_sstfilewriter_finish(run->writer, &error);
	r = cr_kv_check(run->path, error);
	if (r < 0)
		return r;
	options = rocksdb_ingestexternalfileoptions_create();
	rocksdb_ingestexternalfileoptions_set_move_files(options, 1);
	rocksdb_ingest_external_file_cf(kv->db, kv->handle[run->family + 1],
					files, 1, options, &error);
	rocksdb_ingestexternalfileoptions_destroy(options);
	return cr_kv_check(kv->path, error);
}

int cr_kv_run_commit(struct cr_kv_run *run)
{
	int r = take_in(run);

	cr_kv_run_abort(run);
	return r;
}

void cr_kv_run_abort(struct cr_kv_run *run)
{
	if (!run)
		return;
	if (run->writer) {
		rocksdb_sstfilewriter_destroy(run->writer);
		rocksdb_envoptions_destroy(run->env);
		/* Gone already when the run was taken in. */
		(void)unlink(run->path);
	}
	free(run->path);
	free(run);
}
