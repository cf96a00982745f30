/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/kv.h"

#include <dirent.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/io.h"
#include "store/disk/kv_impl.h"

/* RocksDB wants a family of this name; it stays empty. */
#define DEFAULT_FAMILY "default"

/*
 * Above this much in the log a flush writes tables, so that opening is fast; at
 * the end less is too much: 64 KiB are put into memory anew in 4 ms by each who
 * opens it, and probing is opening, too.
 */
#define LOG_MAX	 (1u << 20)
#define LOG_LEFT (64u << 10)

struct cr_kv_batch {
	const struct cr_kv *kv;	     /* borrowed */
	rocksdb_writebatch_t *batch; /* owned */
};

int cr_kv_check(const char *path, char *error)
{
	int r;

	if (!error)
		return 0;
	r = cr_fail(CR_EINDEX, "%s: %s", path, error);
	rocksdb_free(error);
	return r;
}

bool cr_kv_damaged(int code)
{
	return code == -CR_EINDEX && strstr(cr_detail(), "Corruption") != NULL;
}

/*
 * Options.  The measurements behind them: tests/bench.  Memory: everything
 * that is kept of tables lives in the one block cache, index and filters too;
 * write buffers of all families share one bound.
 */

static size_t buffer_bytes(const struct cr_kv_options *opt)
{
	return cr_max(opt->cache_bytes / 4, (size_t)256 << 10);
}

static void set_table_options(rocksdb_options_t *options,
			      rocksdb_cache_t *cache, size_t prefix)
{
	rocksdb_block_based_table_options_t *table =
		rocksdb_block_based_options_create();

	rocksdb_block_based_options_set_block_cache(table, cache);
	rocksdb_block_based_options_set_format_version(table, 5);
	rocksdb_block_based_options_set_filter_policy(
		table, rocksdb_filterpolicy_create_ribbon_hybrid(10, 1));
	rocksdb_block_based_options_set_whole_key_filtering(table, prefix == 0);
	rocksdb_block_based_options_set_index_type(
		table,
		rocksdb_block_based_table_index_type_two_level_index_search);
	rocksdb_block_based_options_set_partition_filters(table, 1);
	/* Of 4 KiB, each miss found another, in an index of 10,000 of them. */
	rocksdb_block_based_options_set_metadata_block_size(table, 16u << 10);
	rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1);
	rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(
		table, 1);
	rocksdb_block_based_options_set_pin_top_level_index_and_filter(table,
								       1);
	rocksdb_options_set_block_based_table_factory(options, table);
	rocksdb_block_based_options_destroy(table);
}

static rocksdb_options_t *family_options(const struct cr_kv_options *opt,
					 rocksdb_cache_t *cache, size_t prefix)
{
	rocksdb_options_t *options = rocksdb_options_create();
	size_t buffer = buffer_bytes(opt);

	rocksdb_options_set_compression(options, rocksdb_no_compression);
	rocksdb_options_set_write_buffer_size(options,
					      cr_min(buffer, (size_t)64 << 20));
	rocksdb_options_set_max_write_buffer_number(options, 2);
	rocksdb_options_set_arena_block_size(
		options, cr_min(buffer / 32, (size_t)1 << 20));
	rocksdb_options_set_target_file_size_base(options, 256u << 20);
	rocksdb_options_set_max_bytes_for_level_base(options, 1u << 30);
	rocksdb_options_set_level_compaction_dynamic_level_bytes(options, 1);
	if (prefix > 0) {
		rocksdb_options_set_prefix_extractor(
			options,
			rocksdb_slicetransform_create_fixed_prefix(prefix));
		rocksdb_options_set_memtable_prefix_bloom_size_ratio(options,
								     0.02);
	}
	set_table_options(options, cache, prefix);
	return options;
}

static rocksdb_options_t *db_options(const struct cr_kv_options *opt)
{
	rocksdb_options_t *options = rocksdb_options_create();
	bool primary = opt->mode == CR_KV_PRIMARY;
	size_t buffer = buffer_bytes(opt);

	rocksdb_options_set_create_if_missing(options, primary);
	rocksdb_options_set_create_missing_column_families(options, primary);
	rocksdb_options_set_paranoid_checks(options, 1);
	rocksdb_options_set_wal_recovery_mode(options,
					      rocksdb_point_in_time_recovery);
	rocksdb_options_set_db_write_buffer_size(options, buffer);
	rocksdb_options_set_max_total_wal_size(options, buffer);
	/* A secondary must hold its files: the primary deletes them. */
	rocksdb_options_set_max_open_files(options, -1);
	/* 16 by default, made anew for every family at every catching up. */
	rocksdb_options_set_max_file_opening_threads(options, 1);
	rocksdb_options_set_max_background_jobs(options, 2);
	rocksdb_options_set_bytes_per_sync(options, 1u << 20);
	rocksdb_options_set_wal_bytes_per_sync(options, 1u << 20);
	rocksdb_options_set_max_manifest_file_size(options, 16u << 20);
	rocksdb_options_set_skip_stats_update_on_db_open(options, 1);
	rocksdb_options_set_stats_dump_period_sec(options, 0);
	rocksdb_options_set_stats_persist_period_sec(options, 0);
	/* Writing its own log on a full disk makes RocksDB abort. */
	rocksdb_options_set_info_log_level(options, 5);
	rocksdb_options_set_keep_log_file_num(options, 2);
	/* A secondary's log has no folder that it could begin another in. */
	rocksdb_options_set_max_log_file_size(options, primary ? 1u << 20 : 0);
	return options;
}

static void set_read_options(struct cr_kv *kv)
{
	kv->point = rocksdb_readoptions_create();
	kv->by_prefix = rocksdb_readoptions_create();
	rocksdb_readoptions_set_prefix_same_as_start(kv->by_prefix, 1);
	kv->walk = rocksdb_readoptions_create();
	rocksdb_readoptions_set_total_order_seek(kv->walk, 1);
	rocksdb_readoptions_set_fill_cache(kv->walk, 0);
	kv->write = rocksdb_writeoptions_create();
}

static void set_options(struct cr_kv *kv, const struct cr_kv_options *opt)
{
	size_t cache = opt->cache_bytes;

	if (opt->mode == CR_KV_PRIMARY)
		cache -= cr_min(cache / 2, buffer_bytes(opt));
	kv->cache = rocksdb_cache_create_lru(cache);
	kv->db_options = db_options(opt);
	kv->options[0] = family_options(opt, kv->cache, 0);
	for (size_t i = 0; i < opt->families; i++) {
		kv->prefix[i] = opt->family[i].prefix;
		kv->options[i + 1] =
			family_options(opt, kv->cache, kv->prefix[i]);
	}
	set_read_options(kv);
}

/* Life. */

/* @log_folder: as secondary, else NULL. */
static int open_db(struct cr_kv *kv, const struct cr_kv_options *opt,
		   const char *log_folder)
{
	const rocksdb_options_t *options[CR_KV_HANDLES];
	const char *names[CR_KV_HANDLES] = { DEFAULT_FAMILY };
	int n = (int)kv->families + 1;
	char *error = NULL;

	for (size_t i = 0; i < CR_KV_HANDLES; i++)
		options[i] = kv->options[i];
	for (size_t i = 0; i < kv->families; i++)
		names[i + 1] = opt->family[i].name;

	switch (opt->mode) {
	case CR_KV_PRIMARY:
		kv->db = rocksdb_open_column_families(kv->db_options, kv->path,
						      n, names, options,
						      kv->handle, &error);
		break;
	case CR_KV_SECONDARY:
		kv->db = rocksdb_open_as_secondary_column_families(
			kv->db_options, kv->path, log_folder, n, names, options,
			kv->handle, &error);
		break;
	case CR_KV_READ_ONLY:
		kv->db = rocksdb_open_for_read_only_column_families(
			kv->db_options, kv->path, n, names, options, kv->handle,
			0, &error);
		break;
	}
	return cr_kv_check(kv->path, error);
}

/*
 * A new folder; NULL with errno set.  Where temporary files are out of reach
 * there may still be room beside the database @beside.
 */
static char *make_temporary(const char *beside)
{
	cr_cleanup(cr_freep) char *copy = strdup(beside);
	const char *const places[] = { secure_getenv("TMPDIR"), "/tmp",
				       "/dev/shm",
				       copy ? dirname(copy) : NULL };

	for (size_t i = 0; i < CR_ARRAY_LEN(places); i++) {
		char *path;

		if (!places[i])
			continue;
		if (asprintf(&path, "%s/caprock-XXXXXX", places[i]) < 0)
			return NULL;
		if (mkdtemp(path))
			return path;
		free(path);
	}
	return NULL;
}

/*
 * A secondary insists on a log of its own, though nothing is logged.  It may
 * not lie in the database, where readers need not be able to write; so it lies
 * in a temporary folder, and is gone once the database is open.
 */
static int open_secondary(struct cr_kv *kv, const struct cr_kv_options *opt)
{
	cr_cleanup(cr_freep) char *path = make_temporary(kv->path);
	cr_cleanup(cr_closep) int folder = -1;
	int r;

	if (!path)
		return cr_fail(errno, "no temporary folder: %s",
			       strerrordesc_np(errno));
	folder = cr_io_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
	r = folder < 0 ? cr_fail(-folder, "%s: %s", path, cr_strerror(folder))
		       : open_db(kv, opt, path);
	(void)unlinkat(folder, "LOG", 0);
	(void)rmdir(path);
	return r;
}

/* Whether the folder has anything but a CURRENT: 1, 0 or -errno. */
static int lost_current(int folder)
{
	DIR *dir;
	int r = 0;

	if (faccessat(folder, "CURRENT", F_OK, 0) == 0)
		return 0;
	folder = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return -errno;
	dir = fdopendir(folder);
	if (!dir) {
		r = -errno;
		(void)close(folder);
		return r;
	}
	for (struct dirent *e = readdir(dir); e; e = readdir(dir))
		/* What a creation that was cut short may leave. */
		if (strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0 &&
		    strcmp(e->d_name, "LOCK") != 0 &&
		    strcmp(e->d_name, "IDENTITY") != 0 &&
		    strncmp(e->d_name, "LOG", 3) != 0)
			r = 1;
	(void)closedir(dir);
	return r;
}

/* Primary: make the folder, or see that it is whole enough to be opened. */
static int prepare_folder(const char *path, bool *made)
{
	cr_cleanup(cr_closep) int folder = -1;
	int r = cr_io_mkdir(AT_FDCWD, path);

	if (r < 0)
		return cr_fail(-r, "%s: %s", path, cr_strerror(r));
	*made = r == 0;
	folder = cr_io_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
	if (folder < 0)
		return cr_fail(-folder, "%s: %s", path, cr_strerror(folder));
	r = lost_current(folder);
	if (r < 0)
		return cr_fail(-r, "%s: %s", path, cr_strerror(r));
	if (r > 0)
		return cr_fail(CR_EINDEX, "%s: CURRENT is missing", path);
	r = cr_io_unlink(folder, CR_KV_RUN_NAME);
	return r == -ENOENT ? 0 : r;
}

/* RocksDB syncs what is in the folder, but not the folder's own name. */
static int sync_parent(const char *path)
{
	cr_cleanup(cr_freep) char *above = NULL;
	cr_cleanup(cr_closep) int folder = -1;
	int r;

	if (asprintf(&above, "%s/..", path) < 0)
		return -ENOMEM;
	folder = cr_io_open(AT_FDCWD, above, O_RDONLY | O_DIRECTORY, 0);
	if (folder < 0)
		return cr_fail(-folder, "%s: %s", above, cr_strerror(folder));
	r = cr_io_sync_folder(folder);
	return r < 0 ? cr_fail(-r, "%s: %s", above, cr_strerror(r)) : 0;
}

int cr_kv_open(const char *path, const struct cr_kv_options *opt,
	       struct cr_kv **ret)
{
	cr_cleanup(cr_kv_closep) struct cr_kv *kv = NULL;
	bool made = false;
	int r;

	assert(opt->families > 0 && opt->families <= CR_KV_FAMILIES_MAX);
	kv = calloc(1, sizeof(*kv));
	if (!kv)
		return -ENOMEM;
	kv->families = opt->families;
	kv->path = strdup(path);
	if (!kv->path)
		return -ENOMEM;
	if (opt->mode == CR_KV_PRIMARY) {
		r = prepare_folder(path, &made);
		if (r < 0)
			return r;
	}
	set_options(kv, opt);
	r = opt->mode == CR_KV_SECONDARY ? open_secondary(kv, opt)
					 : open_db(kv, opt, NULL);
	if (r < 0)
		return r;
	if (made) {
		r = sync_parent(path);
		if (r < 0)
			return r;
	}
	*ret = cr_take(kv);
	return 0;
}

static int write_tables(struct cr_kv *kv, bool wait)
{
	rocksdb_flushoptions_t *options = rocksdb_flushoptions_create();
	int r = 0;

	rocksdb_flushoptions_set_wait(options, wait);
	for (size_t i = 0; r == 0 && i < kv->families; i++) {
		char *error = NULL;

		rocksdb_flush_cf(kv->db, options, kv->handle[i + 1], &error);
		r = cr_kv_check(kv->path, error);
	}
	rocksdb_flushoptions_destroy(options);
	return r;
}

void cr_kv_close(struct cr_kv *kv)
{
	if (!kv)
		return;
	/* If that fails the log still has it all. */
	if (kv->logged >= LOG_LEFT)
		(void)!write_tables(kv, true);
	/* Handles first: closing asserts that none is left. */
	for (size_t i = 0; kv->db && i <= kv->families; i++)
		rocksdb_column_family_handle_destroy(kv->handle[i]);
	if (kv->db)
		rocksdb_close(kv->db);
	for (size_t i = 0; i < CR_KV_HANDLES; i++)
		if (kv->options[i])
			rocksdb_options_destroy(kv->options[i]);
	if (kv->db_options) {
		rocksdb_options_destroy(kv->db_options);
		rocksdb_readoptions_destroy(kv->point);
		rocksdb_readoptions_destroy(kv->by_prefix);
		rocksdb_readoptions_destroy(kv->walk);
		rocksdb_writeoptions_destroy(kv->write);
		rocksdb_cache_destroy(kv->cache);
	}
	free(kv->path);
	free(kv);
}

void cr_kv_set_cache(struct cr_kv *kv, size_t bytes)
{
	rocksdb_cache_set_capacity(kv->cache, bytes);
}

/* Reading. */

int cr_kv_get(const struct cr_kv *kv, size_t family, struct cr_piece key,
	      struct cr_buf *out)
{
	rocksdb_pinnableslice_t *slice;
	char *error = NULL;
	const char *value;
	size_t len;
	int r;

	slice = rocksdb_get_pinned_cf(kv->db, kv->point, kv->handle[family + 1],
				      key.bytes, key.len, &error);
	r = cr_kv_check(kv->path, error);
	if (r < 0)
		return r;
	if (!slice)
		return -ENOENT;
	value = rocksdb_pinnableslice_value(slice, &len);
	cr_buf_clear(out);
	cr_buf_put(out, value, len);
	rocksdb_pinnableslice_destroy(slice);
	return cr_buf_error(out);
}

int cr_kv_each(const struct cr_kv *kv, size_t family, struct cr_piece prefix,
	       cr_kv_fn fn, void *arg)
{
	bool by_prefix =
		kv->prefix[family] > 0 && prefix.len >= kv->prefix[family];
	rocksdb_iterator_t *it = rocksdb_create_iterator_cf(
		kv->db, by_prefix ? kv->by_prefix : kv->walk,
		kv->handle[family + 1]);
	char *error = NULL;
	int r = 0;

	for (rocksdb_iter_seek(it, prefix.bytes, prefix.len);
	     rocksdb_iter_valid(it); rocksdb_iter_next(it)) {
		struct cr_piece key, value;

		key.bytes = rocksdb_iter_key(it, &key.len);
		if (key.len < prefix.len ||
		    memcmp(key.bytes, prefix.bytes, prefix.len) != 0)
			break;
		value.bytes = rocksdb_iter_value(it, &value.len);
		r = fn(arg, key, value);
		if (r != 0)
			break;
	}
	if (r == 0) {
		rocksdb_iter_get_error(it, &error);
		r = cr_kv_check(kv->path, error);
	}
	rocksdb_iter_destroy(it);
	return r;
}

uint64_t cr_kv_sequence(const struct cr_kv *kv)
{
	return rocksdb_get_latest_sequence_number(kv->db);
}

uint64_t cr_kv_estimate(const struct cr_kv *kv, size_t family)
{
	uint64_t n = 0;

	(void)rocksdb_property_int_cf(kv->db, kv->handle[family + 1],
				      "rocksdb.estimate-num-keys", &n);
	return n;
}

int cr_kv_catch_up(struct cr_kv *kv)
{
	char *error = NULL;

	rocksdb_try_catch_up_with_primary(kv->db, &error);
	return cr_kv_check(kv->path, error);
}

/* Writing. */

int cr_kv_batch_new(const struct cr_kv *kv, struct cr_kv_batch **ret)
{
	struct cr_kv_batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return -ENOMEM;
	batch->kv = kv;
	batch->batch = rocksdb_writebatch_create();
	*ret = batch;
	return 0;
}

void cr_kv_batch_free(struct cr_kv_batch *batch)
{
	if (!batch)
		return;
	rocksdb_writebatch_destroy(batch->batch);
	free(batch);
}

void cr_kv_put(struct cr_kv_batch *batch, size_t family, struct cr_piece key,
	       struct cr_piece value)
{
	rocksdb_writebatch_put_cf(batch->batch, batch->kv->handle[family + 1],
				  key.bytes, key.len, value.bytes, value.len);
}

void cr_kv_delete(struct cr_kv_batch *batch, size_t family, struct cr_piece key)
{
	rocksdb_writebatch_delete_cf(batch->batch,
				     batch->kv->handle[family + 1], key.bytes,
				     key.len);
}

size_t cr_kv_batch_count(const struct cr_kv_batch *batch)
{
	return (size_t)rocksdb_writebatch_count(batch->batch);
}

int cr_kv_write(struct cr_kv *kv, struct cr_kv_batch *batch)
{
	char *error = NULL;
	size_t len;

	(void)rocksdb_writebatch_data(batch->batch, &len);
	rocksdb_write(kv->db, kv->write, batch->batch, &error);
	rocksdb_writebatch_clear(batch->batch);
	kv->logged += len;
	return cr_kv_check(kv->path, error);
}

int cr_kv_flush(struct cr_kv *kv)
{
	char *error = NULL;
	int r;

	rocksdb_flush_wal(kv->db, 1, &error);
	r = cr_kv_check(kv->path, error);
	if (r < 0 || kv->logged < LOG_MAX)
		return r;
	r = write_tables(kv, true);
	if (r == 0)
		kv->logged = 0;
	return r;
}

int cr_kv_flush_soon(struct cr_kv *kv)
{
	return kv->logged < LOG_MAX ? 0 : write_tables(kv, false);
}
