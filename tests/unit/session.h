/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * session.h - for one test: a repository, one machine's state of it, a writer
 * that adds to it and a reader of what was added.
 */
#ifndef TESTS_UNIT_SESSION_H
#define TESTS_UNIT_SESSION_H

#include "store/base/error.h"
#include "store/disk/index_sync.h"
#include "store/read/file.h"
#include "store/read/lookup.h"
#include "store/write/content.h"
#include "store/write/ingest.h"
#include "store/write/statcache.h"
#include "store/write/writer.h"
#include "tests/unit/made_repo.h"

#define SESSION_MEMORY (8u << 20)

/* Writes as the key that opened @repo; on the machine whose state it is. */
struct session {
	const struct cr_repo *repo; /* borrowed */
	struct cr_state *state;
	struct cr_index *index;
	struct cr_statcache *cache;
	struct cr_writer *writer;
};

/* Fail the test with the sentence of what went wrong. */
static inline void session_ok(int r)
{
	if (r < 0)
		fail_msg("%d: %s", r, cr_detail());
}

static inline struct cr_state *session_state(const struct made_repo *made,
					     const char *machine)
{
	struct cr_state *state = NULL;

	session_ok(cr_state_open(folder_path(&made->folder, machine).text,
				 cr_storage_fd(made->repo->storage),
				 &made->repo->info.id, true, &state));
	return state;
}

/* Let the index have what @repo has, which may be opened anew since. */
static inline void session_index(const struct cr_repo *repo,
				 const struct session *s)
{
	struct cr_index_sync_stats stats;

	session_ok(cr_index_sync(repo, s->index, true, &stats));
}

/* Begin to write.  @machine names a state directory. */
static inline void session_begin(const struct made_repo *made,
				 const struct cr_repo *repo,
				 const char *machine, struct session *s)
{
	uint64_t generation;

	*s = (struct session){ .repo = repo };
	s->state = session_state(made, machine);
	session_ok(cr_state_lock(s->state, false, NULL));
	session_ok(cr_index_open(s->state, CR_INDEX_PRIMARY, SESSION_MEMORY,
				 &s->index));
	session_index(repo, s);
	session_ok(cr_index_generation(s->index, &generation));
	session_ok(cr_statcache_open(s->state, SESSION_MEMORY, generation,
				     cr_keyring_domain(repo->keys->ring),
				     &s->cache));
	session_ok(cr_writer_open(
		&(struct cr_writer_options){ .repo = repo,
					     .state = s->state,
					     .index = s->index,
					     .memory = SESSION_MEMORY,
					     .level = 1 },
		&s->writer));
}

static inline void session_end(struct session *s)
{
	cr_writer_close(s->writer);
	cr_statcache_close(s->cache);
	cr_index_close(s->index);
	cr_state_close(s->state);
	*s = (struct session){ 0 };
}

/* Publish what @manifest says of its tree as a snapshot of "src". */
static inline struct cr_id session_commit(struct session *s,
					  struct cr_manifest *manifest,
					  int64_t time)
{
	struct cr_piece path = { "/src", 4 };
	struct cr_manifest_head head;
	struct cr_id id;

	manifest->source = (struct cr_piece){ "src", 3 };
	/* Trees made by hand are not counted. */
	if (manifest->entries == 0)
		manifest->entries = INT64_MAX;
	manifest->paths = (struct cr_strings){ &path, 1 };
	session_ok(cr_writer_commit(s->writer, manifest, time, &head, &id));
	session_ok(cr_statcache_commit(s->cache));
	manifest->paths = (struct cr_strings){ 0 };
	cr_manifest_release(manifest);
	return id;
}

/* A snapshot of an empty root. */
static inline struct cr_id session_commit_empty(struct session *s, int64_t time)
{
	struct cr_manifest manifest = {
		.root = { .type = CR_ENTRY_DIRECTORY, .mode = 0755, .nlink = 2 }
	};

	return session_commit(s, &manifest, time);
}

/* Looks at the newest snapshot, or at none. */
struct looker {
	struct cr_snapshots set;
	struct cr_reader *reader;
	const struct cr_snapshot *snapshot;
	struct cr_view view;
};

/* @index may be NULL. */
static inline void looker_init(const struct cr_repo *repo,
			       struct cr_index *index, struct looker *look)
{
	const struct cr_domain_keys *domain = cr_keyring_domain_keys(
		repo->keys->ring, cr_keyring_domain(repo->keys->ring));

	*look = (struct looker){ 0 };
	session_ok(cr_reader_new(repo, index, SESSION_MEMORY, &look->reader));
	session_ok(cr_snapshots_update(repo, NULL, &look->set));
	look->view =
		(struct cr_view){ .domain = domain,
				  .writer = *cr_keyring_id(repo->keys->ring) };
	if (look->set.count == 0)
		return;
	look->snapshot = look->set.snapshot[look->set.count - 1];
	session_ok(cr_view_init(repo, look->snapshot, &look->view));
}

static inline void looker_release(struct looker *look)
{
	cr_reader_free(look->reader);
	cr_snapshots_release(&look->set);
}

static inline struct cr_reader_stats looker_stats(const struct looker *look)
{
	struct cr_reader_stats stats;

	cr_reader_get_stats(look->reader, &stats);
	return stats;
}

/* What the entry of a stored file says of its content. */
static inline struct cr_file_ref session_file_ref(
	const struct cr_stored_content *stored)
{
	return (struct cr_file_ref){ .content = stored->content,
				     .id = stored->id,
				     .size = stored->size,
				     .data_bytes = stored->data_bytes };
}

#endif
