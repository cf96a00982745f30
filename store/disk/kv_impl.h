/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kv_impl.h - an open database, for the files that are it: kv.c, kv_run.c and
 * kv_probe.c.
 */
#ifndef STORE_DISK_KV_IMPL_H
#define STORE_DISK_KV_IMPL_H

#include <rocksdb/c.h>

#include "store/disk/kv.h"

/* Handle 0 is of a family of RocksDB's own. */
#define CR_KV_HANDLES (CR_KV_FAMILIES_MAX + 1)

/* A name that RocksDB does not take for one of its files. */
#define CR_KV_RUN_NAME "run.tmp"

struct cr_kv {
	char *path; /* owned */
	size_t families;
	rocksdb_cache_t *cache;				       /* owned */
	rocksdb_options_t *db_options;			       /* owned */
	rocksdb_options_t *options[CR_KV_HANDLES];	       /* owned */
	rocksdb_column_family_handle_t *handle[CR_KV_HANDLES]; /* owned */
	size_t prefix[CR_KV_FAMILIES_MAX];
	rocksdb_readoptions_t *point;	  /* owned */
	rocksdb_readoptions_t *by_prefix; /* owned */
	rocksdb_readoptions_t *walk;	  /* owned */
	rocksdb_writeoptions_t *write;	  /* owned */
	rocksdb_t *db;			  /* owned */
	size_t logged; /* bytes put since tables were written */
};

/* 0 when RocksDB did not complain; else take over its sentence. */
cr_must_check int cr_kv_check(const char *path, char *error);

#endif
