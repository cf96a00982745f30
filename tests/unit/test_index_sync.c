/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/index_sync.h"

#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/codec/compress.h"
#include "store/codec/segment_encode.h"
#include "store/write/packer.h"
#include "tests/unit/said.h"
#include "tests/unit/session.h"

#define CACHE (4u << 20)

static struct made_repo made;
static struct cr_state *own_state;

static int setup(void **state)
{
	(void)state;
	made_init(&made);
	own_state = session_state(&made, "state");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cr_state_close(own_state);
	made_release(&made);
	return 0;
}

/* Packs that were made, and the segment that would list them. */
struct packs {
	struct cr_uid id[4];
	uint32_t count;
	struct cr_buf items;
};

static void release_packs(struct packs *packs)
{
	cr_buf_release(&packs->items);
}

static int packed(void *arg, const struct cr_packed *p)
{
	struct cr_segment_item item = {
		.pack_len = p->len,
		.header = p->header_bytes,
		.footer = p->sealed_footer.bytes,
		.footer_len = (uint32_t)p->sealed_footer.len,
	};
	struct packs *packs = arg;

	assert_true(packs->count < CR_ARRAY_LEN(packs->id));
	packs->id[packs->count++] = p->header->pack;
	cr_segment_add(&item, &packs->items);
	return 0;
}

/* The id of what chunk @n holds, in the domain of @repo's key. */
static struct cr_id chunk_id(const struct cr_repo *repo, uint32_t n)
{
	const struct cr_domain_keys *keys = cr_keyring_domain_keys(
		repo->keys->ring, cr_keyring_domain(repo->keys->ring));

	assert_non_null(keys);
	return cr_chunk_id(&keys->id_key, CR_CHUNK_DATA, &n, sizeof(n));
}

/* Add a pack of the one chunk @n, by the key of @repo. */
static void add_pack(const struct cr_repo *repo, struct packs *packs,
		     uint32_t n)
{
	struct cr_packer_options options = { .repo = repo,
					     .storage = made.w,
					     .kind = CR_PACK_DATA,
					     .target = CR_PACK_DATA_TARGET,
					     .packed = packed,
					     .arg = packs };
	cr_cleanup(cr_open_block_release) struct cr_open_block block = { 0 };
	struct cr_compressor *comp = NULL;
	struct cr_packer *packer = NULL;
	struct cr_id id = chunk_id(repo, n);

	assert_int_equal(cr_compressor_new(1, &comp), 0);
	assert_int_equal(cr_packer_new(&options, &packer), 0);
	assert_int_equal(cr_open_block_add(&block, CR_CHUNK_DATA, &id,
					   (struct cr_piece)CR_PIECE(&n)),
			 0);
	assert_int_equal(cr_packer_put(packer, &block, comp), 0);
	assert_int_equal(cr_packer_finish(packer), 0);
	cr_packer_free(packer);
	cr_compressor_free(comp);
}

struct segment_name {
	char text[16 + 2 * CR_ID_LEN];
};

/* Publish the segment of @packs; its name. */
static struct segment_name add_segment(const struct cr_repo *repo,
				       const struct packs *packs)
{
	cr_cleanup(cr_buf_release) struct cr_buf bytes = { 0 };
	struct segment_name name;
	struct cr_id id;

	cr_segment_begin(&repo->info.id, cr_keyring_id(repo->keys->ring),
			 packs->count, &bytes);
	cr_buf_put(&bytes, packs->items.bytes, packs->items.len);
	assert_int_equal(cr_buf_error(&bytes), 0);
	id = cr_segment_id((struct cr_piece){ bytes.bytes, bytes.len });
	(void)snprintf(name.text, sizeof(name.text), "index/%s",
		       cr_id_hex(&id).text);
	assert_int_equal(
		cr_storage_put(made.w, name.text, bytes.bytes, bytes.len), 0);
	return name;
}

static struct folder_path pack_path(const struct cr_uid *id)
{
	struct cr_uid_hex hex = cr_uid_hex(id);
	char name[100];

	(void)snprintf(name, sizeof(name), "repo/packs/data/%.2s/%s", hex.text,
		       hex.text);
	return folder_path(&made.folder, name);
}

static struct folder_path segment_path(const struct segment_name *name)
{
	char path[100];

	(void)snprintf(path, sizeof(path), "repo/%s", name->text);
	return folder_path(&made.folder, path);
}

/* Sync as @repo's key with a primary of its own; what it says. */
static struct cr_index_sync_stats sync_as(const struct cr_repo *repo,
					  bool list_packs)
{
	cr_cleanup(cr_index_closep) struct cr_index *index = NULL;
	struct cr_index_sync_stats stats;
	int r;

	assert_int_equal(cr_state_lock(own_state, false, NULL), 0);
	assert_int_equal(
		cr_index_open(own_state, CR_INDEX_PRIMARY, CACHE, &index), 0);
	r = cr_index_sync(repo, index, list_packs, &stats);
	if (r < 0)
		print_message("  said: %s\n", cr_detail());
	assert_int_equal(r, 0);
	cr_index_close(cr_take(index));
	cr_state_unlock(own_state);
	return stats;
}

static struct cr_index_sync_stats sync_now(bool list_packs)
{
	return sync_as(made.repo, list_packs);
}

/* How many places the index knows of chunk @n of @repo's domain. */
static int places(const struct cr_repo *repo, uint32_t n)
{
	cr_cleanup(cr_index_closep) struct cr_index *index = NULL;
	struct cr_id id = chunk_id(repo, n);
	struct cr_location at[4];

	assert_int_equal(
		cr_index_open(own_state, CR_INDEX_SECONDARY, CACHE, &index), 0);
	return cr_index_find(index, &id, at, 4);
}

static void a_new_database_takes_segments_and_lists_packs(void **state)
{
	cr_cleanup(release_packs) struct packs listed = { 0 }, lone = { 0 };
	struct cr_index_sync_stats stats;

	(void)state;
	add_pack(made.repo, &listed, 1);
	add_pack(made.repo, &listed, 2);
	add_pack(made.repo, &lone, 3);
	(void)add_segment(made.repo, &listed);
	stats = sync_now(false);
	assert_int_equal(stats.segments, 1);
	assert_int_equal(stats.packs, 3);
	assert_true(stats.listed);
	for (uint32_t n = 1; n <= 3; n++)
		assert_int_equal(places(made.repo, n), 1);
	assert_int_equal(places(made.repo, 4), 0);
}

static void what_is_known_is_not_taken_again(void **state)
{
	cr_cleanup(release_packs) struct packs first = { 0 }, second = { 0 };
	struct cr_index_sync_stats stats;

	(void)state;
	add_pack(made.repo, &first, 1);
	(void)sync_now(true);
	(void)add_segment(made.repo, &first);
	stats = sync_now(false);
	assert_int_equal(stats.segments, 1);
	assert_int_equal(stats.packs, 0);
	assert_false(stats.listed);
	add_pack(made.repo, &second, 2);
	stats = sync_now(false);
	assert_int_equal(stats.packs, 0); /* no segment has it yet */
	stats = sync_now(true);
	assert_int_equal(stats.segments, 0);
	assert_int_equal(stats.packs, 1);
	stats = sync_now(true);
	assert_int_equal(stats.packs + stats.packs_dropped, 0);
}

static int find_pack(void *arg, uint32_t number,
		     const struct cr_pack_facts *facts)
{
	struct cr_pack_facts *found = arg;

	(void)number;
	*found = *facts;
	return 0;
}

static struct cr_pack_facts the_only_pack(void)
{
	cr_cleanup(cr_index_closep) struct cr_index *index = NULL;
	struct cr_pack_facts facts = { 0 };

	assert_int_equal(
		cr_index_open(own_state, CR_INDEX_SECONDARY, CACHE, &index), 0);
	assert_int_equal(cr_index_each_pack(index, find_pack, &facts), 0);
	return facts;
}

static void the_facts_say_which_segment_has_it(void **state)
{
	cr_cleanup(release_packs) struct packs packs = { 0 };
	struct cr_pack_facts facts;
	struct stat st;

	(void)state;
	add_pack(made.repo, &packs, 1);
	(void)sync_now(true);
	facts = the_only_pack();
	assert_int_equal(stat(pack_path(&packs.id[0]).text, &st), 0);
	assert_true(cr_uid_equal(&facts.pack, &packs.id[0]));
	assert_true(cr_uid_equal(&facts.writer,
				 cr_keyring_id(made.repo->keys->ring)));
	assert_true(cr_uid_equal(&facts.domain,
				 cr_keyring_domain(made.repo->keys->ring)));
	assert_int_equal(facts.kind, CR_PACK_DATA);
	assert_int_equal(facts.len, st.st_size);
	assert_int_equal(facts.chunks, 1);
	assert_false(facts.in_segment || facts.opaque);
	(void)add_segment(made.repo, &packs);
	(void)sync_now(false);
	assert_true(the_only_pack().in_segment);
}

static void a_pack_that_is_gone_is_dropped(void **state)
{
	cr_cleanup(release_packs) struct packs packs = { 0 };
	struct cr_index_sync_stats stats;

	(void)state;
	add_pack(made.repo, &packs, 1);
	add_pack(made.repo, &packs, 2);
	(void)add_segment(made.repo, &packs);
	(void)sync_now(true);
	assert_int_equal(unlink(pack_path(&packs.id[0]).text), 0);
	stats = sync_now(false);
	assert_int_equal(stats.packs_dropped, 0);
	stats = sync_now(true);
	assert_int_equal(stats.packs_dropped, 1);
	assert_int_equal(places(made.repo, 1), 0);
	assert_int_equal(places(made.repo, 2), 1);
	/* From nothing, the segment's word is not enough. */
	assert_int_equal(cr_state_lock(own_state, false, NULL), 0);
	assert_int_equal(cr_index_reset(own_state), 0);
	cr_state_unlock(own_state);
	stats = sync_now(true);
	assert_int_equal(stats.packs, 2);
	assert_int_equal(stats.packs_dropped, 1);
	assert_int_equal(places(made.repo, 1), 0);
}

static void a_pack_among_those_of_another_kind_is_gone(void **state)
{
	cr_cleanup(release_packs) struct packs packs = { 0 };
	struct folder_path from, to;
	char *data;

	(void)state;
	add_pack(made.repo, &packs, 1);
	(void)sync_now(true);
	assert_int_equal(places(made.repo, 1), 1);
	from = to = pack_path(&packs.id[0]);
	data = strstr(to.text, "/data/");
	assert_non_null(data);
	memcpy(data, "/meta/", 6);
	*strrchr(to.text, '/') = 0;
	assert_int_equal(mkdir(to.text, 0700), 0);
	to.text[strlen(to.text)] = '/';
	assert_int_equal(rename(from.text, to.text), 0);
	assert_int_equal(sync_now(true).packs_dropped, 1);
	assert_int_equal(places(made.repo, 1), 0);
}

static void a_pack_that_is_cut_short_is_no_copy(void **state)
{
	static const struct {
		const char *what;
		bool segment,
			before; /* a segment has it; cut before any sync */
		off_t keep;	/* below 0: what is missing */
	} cases[] = {
		{ "known, in a segment", true, false, 1000 },
		{ "known, in none", false, false, 1000 },
		{ "new, in a segment", true, true, 1000 },
		{ "new, in none", false, true, 1000 },
		{ "known, every block there", true, false, -100 },
		{ "new, every block there", true, true, -100 },
		{ "new, longer", true, true, 100000 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(release_packs) struct packs packs = { 0 };
		struct cr_index_sync_stats stats;
		struct stat st;

		unit_case(cases[i].what);
		add_pack(made.repo, &packs, 1);
		if (cases[i].segment)
			(void)add_segment(made.repo, &packs);
		if (!cases[i].before)
			(void)sync_now(true);
		assert_int_equal(stat(pack_path(&packs.id[0]).text, &st), 0);
		assert_int_equal(
			truncate(pack_path(&packs.id[0]).text,
				 cases[i].keep +
					 (cases[i].keep < 0 ? st.st_size : 0)),
			0);
		for (int again = 0; again < 2; again++) {
			stats = sync_now(true);
			assert_int_equal(stats.packs_damaged, 1);
			assert_int_equal(places(made.repo, 1), 0);
		}
		teardown(state);
		setup(state);
	}
}

static void flip(struct folder_path path, off_t at)
{
	int fd = open(path.text, O_RDWR | O_CLOEXEC);
	uint8_t byte;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 0x40;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	assert_int_equal(close(fd), 0);
}

static void make_writable(struct folder_path path)
{
	assert_int_equal(chmod(path.text, 0600), 0);
}

static void a_damaged_segment_is_told_and_its_packs_are_found(void **state)
{
	cr_cleanup(release_packs) struct packs packs = { 0 };
	struct cr_index_sync_stats stats;
	struct segment_name name;

	(void)state;
	(void)sync_now(true);
	add_pack(made.repo, &packs, 1);
	name = add_segment(made.repo, &packs);
	make_writable(segment_path(&name));
	flip(segment_path(&name), 100);
	stats = sync_now(false);
	assert_int_equal(stats.segments, 0);
	assert_int_equal(stats.segments_damaged, 1);
	assert_true(stats.listed);
	assert_int_equal(places(made.repo, 1), 1);
}

/* A segment proves its own name: one can hold anything. */
static void a_segment_cannot_make_a_pack_of_nothing(void **state)
{
	cr_cleanup(release_packs) struct packs packs = { 0 };
	struct cr_index_sync_stats stats;

	(void)state;
	(void)sync_now(true);
	add_pack(made.repo, &packs, 1);
	packs.items.bytes[packs.items.len - 1] ^= 1; /* the footer's seal */
	(void)add_segment(made.repo, &packs);
	stats = sync_now(false);
	assert_int_equal(stats.packs_damaged, 1);
	assert_int_equal(stats.packs, 0);
	assert_int_equal(places(made.repo, 1), 0);
	(void)sync_now(true); /* the pack itself is right */
	assert_int_equal(places(made.repo, 1), 1);
}

static void opaque_packs_open_when_the_keys_are_there(void **state)
{
	cr_cleanup(release_packs) struct packs packs = { 0 };
	cr_cleanup(cr_repo_closep) struct cr_repo *put = NULL;
	struct cr_index_sync_stats stats;
	struct cr_credentials cred;
	struct cr_uid key;

	(void)state;
	cred = made_add_put(&made, "host", &key);
	put = made_open(&made, &cred);
	add_pack(made.repo, &packs, 1);
	(void)add_segment(made.repo, &packs);
	add_pack(made.repo, &packs, 2);
	add_pack(put, &packs, 3);

	stats = sync_as(put, true);
	assert_int_equal(stats.packs, 3);
	assert_int_equal(stats.packs_opaque, 2);
	assert_int_equal(stats.packs_damaged, 0);
	assert_int_equal(places(put, 3), 1);
	assert_int_equal(places(made.repo, 1), 0);

	stats = sync_now(false);
	assert_int_equal(stats.packs, 2);
	assert_int_equal(stats.packs_opaque, 0);
	assert_int_equal(places(made.repo, 1), 1);
	assert_int_equal(places(made.repo, 2), 1);
	stats = sync_as(put, true);
	assert_int_equal(stats.packs + stats.packs_dropped, 0);
	cr_secret_release(&cred.key_file);
}

/* For readers. */

static struct cr_index *ready(const struct cr_repo *repo, struct cr_state *s)
{
	struct cr_index *index = NULL;

	assert_int_equal(cr_index_ready(repo, s, CACHE, &index), 0);
	return index;
}

static int places_in(struct cr_index *index, uint32_t n)
{
	struct cr_id id = chunk_id(made.repo, n);
	struct cr_location at[4];

	return cr_index_find(index, &id, at, 4);
}

static void a_reader_gets_an_index_that_is_up_to_date(void **state)
{
	cr_cleanup(release_packs) struct packs first = { 0 }, second = { 0 };
	cr_cleanup(cr_index_closep) struct cr_index *index = NULL;

	(void)state;
	assert_null(ready(made.repo, NULL));
	add_pack(made.repo, &first, 1);
	index = ready(made.repo, own_state);
	assert_non_null(index);
	assert_int_equal(places_in(index, 1), 1);
	assert_false(cr_state_locked(own_state));
	cr_index_close(cr_take(index));

	add_pack(made.repo, &second, 2);
	(void)add_segment(made.repo, &second);
	index = ready(made.repo, own_state);
	assert_int_equal(places_in(index, 2), 1);
}

static void a_reader_does_not_wait_for_the_lock(void **state)
{
	cr_cleanup(release_packs) struct packs first = { 0 }, second = { 0 };
	cr_cleanup(cr_state_closep) struct cr_state *other =
		session_state(&made, "state");
	cr_cleanup(cr_index_closep) struct cr_index *index = NULL;

	(void)state;
	assert_int_equal(cr_state_lock(other, false, NULL), 0);
	assert_null(ready(made.repo, own_state));
	cr_state_unlock(other);
	add_pack(made.repo, &first, 1);
	cr_index_close(ready(made.repo, own_state));

	assert_int_equal(cr_state_lock(other, false, NULL), 0);
	add_pack(made.repo, &second, 2);
	(void)add_segment(made.repo, &second);
	index = ready(made.repo, own_state);
	assert_non_null(index);
	assert_int_equal(places_in(index, 1), 1);
	assert_int_equal(places_in(index, 2), 0);
}

static void a_reader_heals_a_damaged_index(void **state)
{
	cr_cleanup(release_packs) struct packs packs = { 0 };
	cr_cleanup(cr_index_closep) struct cr_index *index = NULL;
	cr_cleanup(cr_freep) char *pointer = cr_state_path(own_state, "db");

	(void)state;
	add_pack(made.repo, &packs, 1);
	cr_index_close(ready(made.repo, own_state));
	assert_int_equal(truncate(pointer, 3), 0);
	index = ready(made.repo, own_state);
	assert_non_null(index);
	assert_int_equal(places_in(index, 1), 1);
}

/* It is being made, or will be set aside: by whoever holds the lock. */
static void a_reader_is_quiet_about_what_another_mends(void **state)
{
	cr_cleanup(release_packs) struct packs packs = { 0 };
	cr_cleanup(cr_state_closep) struct cr_state *other =
		session_state(&made, "state");
	cr_cleanup(cr_freep) char *pointer = cr_state_path(own_state, "db");
	struct said said;

	(void)state;
	add_pack(made.repo, &packs, 1);
	cr_index_close(ready(made.repo, own_state));
	assert_int_equal(truncate(pointer, 3), 0);
	assert_int_equal(cr_state_lock(other, false, NULL), 0);
	listen_begin(&said);
	assert_null(ready(made.repo, own_state));
	assert_int_equal(listen_end(&said), 0);
	cr_state_unlock(other);
	listen_begin(&said);
	cr_index_close(ready(made.repo, own_state));
	assert_int_equal(listen_end(&said), 1);
	assert_non_null(strstr(said.line, "makes no sense"));
}

int main(void)
{
#define law(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest laws[] = {
		law(a_new_database_takes_segments_and_lists_packs),
		law(what_is_known_is_not_taken_again),
		law(the_facts_say_which_segment_has_it),
		law(a_pack_that_is_gone_is_dropped),
		law(a_pack_among_those_of_another_kind_is_gone),
		law(a_pack_that_is_cut_short_is_no_copy),
		law(a_damaged_segment_is_told_and_its_packs_are_found),
		law(a_segment_cannot_make_a_pack_of_nothing),
		law(opaque_packs_open_when_the_keys_are_there),
		law(a_reader_gets_an_index_that_is_up_to_date),
		law(a_reader_does_not_wait_for_the_lock),
		law(a_reader_heals_a_damaged_index),
		law(a_reader_is_quiet_about_what_another_mends),
	};

	if (cr_sodium_init() < 0)
		return EXIT_FAILURE;
	return cmocka_run_group_tests(laws, NULL, NULL);
}
