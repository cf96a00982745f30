/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench-store - what the benchmark asks of the libraries directly: a floor for
 * reading, and repositories of sizes that no backup reaches in an hour.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/hex.h"
#include "tests/bench/store.h"

int bench_fail(int r, const char *what)
{
	const char *why = *cr_detail() ? cr_detail() : cr_strerror(r);

	(void)fprintf(stderr, "bench-store: %s: %s\n", what, why);
	return 1;
}

double bench_seconds(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int bench_open(const char *repository, const char *key_file,
	       struct cr_repo **ret)
{
	cr_cleanup(cr_secret_release) struct cr_secret secret = { 0 };
	struct cr_credentials cred = { 0 };
	int r = cr_key_file_read(key_file, &cred.key_file_slot, &secret);

	if (r < 0)
		return r;
	cred.key_file = secret;
	return cr_repo_open(repository, &cred, ret);
}

void bench_session_close(struct bench_session *s)
{
	cr_writer_close(s->writer);
	cr_index_close(s->index);
	cr_state_close(s->state);
	cr_repo_close(s->repo);
	*s = (struct bench_session){ 0 };
}

int bench_session_open(char **argv, size_t memory, struct bench_session *ret)
{
	cr_cleanup(bench_session_close) struct bench_session s = { 0 };
	struct cr_index_sync_stats stats;
	int r = bench_open(argv[0], argv[1], &s.repo);

	if (r >= 0)
		r = cr_state_open(argv[2], cr_storage_fd(s.repo->storage),
				  &s.repo->info.id, true, &s.state);
	if (r >= 0)
		r = cr_state_lock(s.state, false, NULL);
	if (r >= 0)
		r = cr_index_open(s.state, CR_INDEX_PRIMARY, memory, &s.index);
	if (r >= 0)
		r = cr_index_sync(s.repo, s.index, true, &stats);
	if (r >= 0)
		r = cr_writer_open(
			&(struct cr_writer_options){ .repo = s.repo,
						     .state = s.state,
						     .index = s.index,
						     .memory = memory },
			&s.writer);
	if (r < 0)
		return r;
	*ret = s;
	s = (struct bench_session){ 0 };
	return 0;
}

uint64_t bench_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* ---- index: rows of packs that do not exist ---- */

#define FORGED_BLOCKS 32u
#define FORGED_CHUNKS 2048u
#define FORGED_LEN    (20u << 20)

struct forged {
	struct cr_footer_block block[FORGED_BLOCKS];
	struct cr_footer_chunk chunk[FORGED_CHUNKS];
};

static void forge(struct forged *forged, uint64_t *random)
{
	const uint32_t each = FORGED_CHUNKS / FORGED_BLOCKS;

	for (uint32_t i = 0; i < FORGED_BLOCKS; i++)
		forged->block[i] = (struct cr_footer_block){
			.offset = 4096 + i * 655360ull,
			.payload_len = 655360,
			.raw_len = CR_BLOCK_DATA_TARGET,
			.first = i * each,
			.chunks = each,
			.coding = CR_CODING_ZSTD,
		};
	for (uint32_t i = 0; i < FORGED_CHUNKS; i++) {
		uint64_t id[4];

		for (size_t at = 0; at < CR_ARRAY_LEN(id); at++)
			id[at] = bench_random(random);
		memcpy(forged->chunk[i].id.bytes, id, sizeof(id));
		forged->chunk[i].type = CR_CHUNK_DATA;
	}
}

/* Packs are listed with their lengths, so there are files, but empty ones. */
static int forge_file(const struct cr_repo *repo, const struct cr_uid *pack)
{
	int dir = cr_storage_fd(repo->storage);
	char name[CR_PACK_NAME_LEN], folder[CR_PACK_NAME_LEN];
	int fd;

	cr_pack_name(CR_PACK_DATA, pack, name);
	(void)snprintf(folder, sizeof(folder), "%.13s", name);
	(void)mkdirat(dir, "packs", 0700);
	(void)mkdirat(dir, "packs/data", 0700);
	(void)mkdirat(dir, folder, 0700);
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, FORGED_LEN) < 0) {
		int r = -errno;

		(void)close(fd);
		return r;
	}
	(void)close(fd);
	return 0;
}

static int add_forged(struct bench_session *s, struct forged *forged,
		      uint64_t *random)
{
	const struct cr_keyring *ring = s->repo->keys->ring;
	struct cr_footer footer = { .block = forged->block,
				    .blocks = FORGED_BLOCKS,
				    .chunk = forged->chunk,
				    .chunks = FORGED_CHUNKS };
	struct cr_pack_facts facts = { .writer = *cr_keyring_id(ring),
				       .domain = *cr_keyring_domain(ring),
				       .kind = CR_PACK_DATA,
				       .in_segment = true,
				       .len = FORGED_LEN,
				       .chunks = FORGED_CHUNKS };
	uint32_t number;
	int r;

	forge(forged, random);
	memcpy(facts.pack.bytes, forged->chunk[0].id.bytes + 8,
	       sizeof(facts.pack.bytes));
	r = forge_file(s->repo, &facts.pack);
	if (r < 0)
		return r;
	return cr_index_add_pack(s->index, &facts, &footer, &number);
}

/*
 * The database sorts what was taken in by threads of its own: let a backup not
 * pay for that, but meet an index as it is after years.
 */
static void wait_for_rest(void)
{
	double before = bench_seconds(CLOCK_PROCESS_CPUTIME_ID);

	for (int quiet = 0, waited = 0; quiet < 3 && waited < 1200; waited++) {
		double now;

		(void)sleep(1);
		now = bench_seconds(CLOCK_PROCESS_CPUTIME_ID);
		quiet = now - before < 0.01 ? quiet + 1 : 0;
		before = now;
	}
}

static int cmd_index(char **argv)
{
	cr_cleanup(bench_session_close) struct bench_session s = { 0 };
	uint64_t wanted = strtoull(argv[3], NULL, 10), random = 50;
	struct forged *forged = calloc(1, sizeof(*forged));
	int r = forged ? 0 : -ENOMEM;

	if (r >= 0)
		r = bench_session_open(argv, 256u << 20, &s);
	if (r >= 0)
		r = cr_index_bulk_begin(s.index);
	for (uint64_t n = 0; r >= 0 && n < wanted; n += FORGED_CHUNKS)
		r = add_forged(&s, forged, &random);
	if (r >= 0)
		r = cr_index_bulk_end(s.index);
	if (r >= 0)
		r = cr_index_flush(s.index);
	if (r >= 0)
		wait_for_rest();
	free(forged);
	return r < 0 ? bench_fail(r, "index") : 0;
}

/* ---- lookups: of ids that are there, and of ids that are not ---- */

static int cmd_lookups(char **argv)
{
	cr_cleanup(bench_session_close) struct bench_session s = { 0 };
	uint64_t wanted = strtoull(argv[3], NULL, 10), random = 50, miss = 51;
	uint64_t found = 0, rounds = strtoull(argv[4], NULL, 10);
	struct forged *forged = calloc(1, sizeof(*forged));
	uint64_t every = wanted / FORGED_CHUNKS / rounds + 1;
	double begin = 0, spent = 0;
	int r = forged ? bench_session_open(argv, 64u << 20, &s) : -ENOMEM;

	for (uint64_t n = 0; r >= 0 && n < wanted; n += FORGED_CHUNKS) {
		struct cr_location at[4];
		struct cr_id other;
		uint64_t word = bench_random(&miss);

		forge(forged, &random);
		if (n / FORGED_CHUNKS % every != 0)
			continue;
		other = forged->chunk[word % FORGED_CHUNKS].id;
		begin = bench_seconds(CLOCK_MONOTONIC);
		r = cr_index_find(s.index, &other, at, CR_ARRAY_LEN(at));
		found += r > 0;
		memcpy(other.bytes, &word, sizeof(word));
		if (r >= 0)
			r = cr_index_find(s.index, &other, at,
					  CR_ARRAY_LEN(at));
		spent += bench_seconds(CLOCK_MONOTONIC) - begin;
	}
	free(forged);
	if (r < 0)
		return bench_fail(r, "lookups");
	(void)printf("{\"found\": %" PRIu64 ", \"seconds\": %.6f}\n", found,
		     spent);
	return 0;
}

/* ---- chunks: real ones, small and many ---- */

#define CHUNK_LEN 64u

static int cmd_chunks(char **argv)
{
	cr_cleanup(bench_session_close) struct bench_session s = { 0 };
	cr_cleanup(cr_stream_freep) struct cr_stream *stream = NULL;
	uint64_t wanted = strtoull(argv[3], NULL, 10), random = 64;
	int r = bench_session_open(argv, 64u << 20, &s);

	if (r >= 0)
		r = cr_stream_new(s.writer, &stream);
	for (uint64_t n = 0; r >= 0 && n < wanted; n++) {
		uint64_t bytes[CHUNK_LEN / 8];
		struct cr_id id;

		for (size_t at = 0; at < CR_ARRAY_LEN(bytes); at++)
			bytes[at] = bench_random(&random);
		r = cr_stream_put(stream, CR_CHUNK_DATA,
				  (struct cr_piece){ bytes, sizeof(bytes) },
				  CR_CLASS_64K, &id);
	}
	if (r >= 0)
		r = cr_stream_flush(stream);
	if (r >= 0)
		r = cr_writer_flush(s.writer);
	return r < 0 ? bench_fail(r, "chunks") : 0;
}

/* ---- snapshots: the newest, again and again ---- */

static int commit_again(struct bench_session *s, const struct cr_snapshot *old,
			int64_t time)
{
	const struct cr_manifest *from = &old->manifest;
	struct cr_piece path = { "/bench", 6 };
	struct cr_manifest manifest = {
		.source = from->source,
		.host = from->host,
		.user = from->user,
		.began = { .sec = time },
		.ended = time,
		.paths = { &path, 1 },
		.flags = from->flags,
		.entries = from->entries,
		.files = from->files,
		.directories = from->directories,
		.bytes = from->bytes,
		.files_unchanged = from->files,
		.root = from->root,
		.root_id = from->root_id,
		.root_hint = from->root_hint,
	};
	struct cr_manifest_head head;
	struct cr_id id;
	int r = cr_writer_commit(s->writer, &manifest, time, &head, &id);

	free(manifest.segment);
	return r;
}

static int cmd_snapshots(char **argv)
{
	cr_cleanup(bench_session_close) struct bench_session s = { 0 };
	cr_cleanup(cr_snapshots_release) struct cr_snapshots set = { 0 };
	int64_t count = strtoll(argv[3], NULL, 10);
	int r = bench_session_open(argv, 64u << 20, &s);

	if (r >= 0)
		r = cr_snapshots_update(s.repo, s.state, &set);
	if (r >= 0 && set.count == 0)
		r = cr_fail(CR_EUSAGE, "there is no snapshot yet");
	for (int64_t i = 0; r >= 0 && i < count; i++) {
		const struct cr_snapshot *last = set.snapshot[set.count - 1];

		/* A minute apart, all before the first that is real. */
		r = commit_again(&s, last,
				 set.snapshot[0]->head.time - (count - i) * 60);
	}
	return r < 0 ? bench_fail(r, "snapshots") : 0;
}

/* ---- Main ---- */

static const struct {
	const char *name;
	int operands;
	const char *usage;
	int (*run)(char **argv);
} commands[] = {
	{ "decode", 4, "REPOSITORY KEY-FILE STATE PATH", bench_decode },
	{ "index", 4, "REPOSITORY KEY-FILE STATE ENTRIES", cmd_index },
	{ "lookups", 5, "REPOSITORY KEY-FILE STATE ENTRIES COUNT",
	  cmd_lookups },
	{ "chunks", 4, "REPOSITORY KEY-FILE STATE COUNT", cmd_chunks },
	{ "snapshots", 4, "REPOSITORY KEY-FILE STATE COUNT", cmd_snapshots },
};

int main(int argc, char **argv)
{
	if (cr_sodium_init() < 0)
		return bench_fail(-EIO, "libsodium");
	for (size_t i = 0; i < CR_ARRAY_LEN(commands); i++)
		if (argc == commands[i].operands + 2 &&
		    strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argv + 2);
	for (size_t i = 0; i < CR_ARRAY_LEN(commands); i++)
		(void)fprintf(stderr, "usage: bench-store %s %s\n",
			      commands[i].name, commands[i].usage);
	return 2;
}
