/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/index.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/base/secret.h"
#include "store/disk/index_impl.h"
#include "tests/unit/folder.h"

/* Small: bulk then makes sorted runs of a few thousand rows. */
#define CACHE (4u << 20)

#define ID "3fa00000000000000000000000000000"

static struct folder folder;
static struct cr_state *lock_holder;

static struct cr_state *open_state(void)
{
	static const struct cr_uid repository = { { 0x3f, 0xa0 } };
	struct cr_state *state = NULL;

	assert_int_equal(
		cr_state_open(folder.path, -1, &repository, true, &state), 0);
	return state;
}

static int setup(void **state)
{
	(void)state;
	folder_init(&folder);
	lock_holder = open_state();
	assert_int_equal(cr_state_lock(lock_holder, false, NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cr_state_close(lock_holder);
	folder_release(&folder);
	return 0;
}

static struct cr_index *open_index(enum cr_index_mode mode)
{
	struct cr_index *index = NULL;
	int r = cr_index_open(lock_holder, mode, CACHE, &index);

	if (r < 0)
		print_message("  said: %s\n", cr_detail());
	assert_int_equal(r, 0);
	return index;
}

/* A pack whose footer lists given chunks, in blocks of two. */
struct pack {
	struct cr_pack_facts facts;
	struct cr_footer footer;
	struct cr_footer_block block[2048];
	struct cr_footer_chunk chunk[4096];
};

static struct cr_id chunk_id(uint32_t n)
{
	struct cr_id id = { { 0 } };

	/* The first 16 bytes tell, well mixed; the last says nothing. */
	for (size_t i = 0; i < 16; i += 4)
		(void)unit_put_u32(id.bytes + i,
				   (n + 1) * (2654435761u + (uint32_t)i * 2));
	return id;
}

static struct cr_uid pack_id(uint32_t n)
{
	struct cr_uid uid = { { 0x9a } };

	(void)unit_put_u32(uid.bytes + 4, n);
	return uid;
}

static void make_pack(struct pack *pack, uint32_t n, uint32_t first,
		      uint32_t chunks)
{
	assert_true(chunks <= CR_ARRAY_LEN(pack->chunk));
	memset(pack, 0, sizeof(*pack));
	for (uint32_t i = 0; i < chunks; i++) {
		struct cr_footer_block *block = &pack->block[i / 2];

		pack->chunk[i].id = chunk_id(first + i);
		pack->chunk[i].type = CR_CHUNK_DATA;
		block->first = i / 2 * 2;
		block->chunks++;
	}
	pack->footer.block = pack->block;
	pack->footer.blocks = (chunks + 1) / 2;
	pack->footer.chunk = pack->chunk;
	pack->footer.chunks = chunks;
	pack->facts = (struct cr_pack_facts){
		.pack = pack_id(n),
		.writer = { { 1, 2 } },
		.domain = { { 3, 4 } },
		.kind = CR_PACK_DATA,
		.len = 1000000 + n,
		.chunks = chunks,
	};
}

/* Add pack @n with chunks @first and up; its number. */
static uint32_t add(struct cr_index *index, uint32_t n, uint32_t first,
		    uint32_t chunks)
{
	static struct pack pack;
	uint32_t number = UINT32_MAX;

	make_pack(&pack, n, first, chunks);
	assert_int_equal(
		cr_index_add_pack(index, &pack.facts, &pack.footer, &number),
		0);
	return number;
}

static int find(struct cr_index *index, uint32_t chunk,
		struct cr_location out[8])
{
	struct cr_id id = chunk_id(chunk);

	return cr_index_find(index, &id, out, 8);
}

static void a_chunk_is_where_its_pack_has_it(void **state)
{
	cr_cleanup(cr_index_closep) struct cr_index *index =
		open_index(CR_INDEX_PRIMARY);
	struct cr_location at[8];
	uint32_t number = add(index, 7, 100, 5);

	(void)state;
	assert_int_equal(find(index, 103, at), 1);
	assert_int_equal(at[0].pack, number);
	assert_int_equal(at[0].block, 1);
	assert_int_equal(at[0].slot, 1);
	assert_int_equal(find(index, 104, at), 1);
	assert_int_equal(at[0].block, 2);
	assert_int_equal(at[0].slot, 0);
	assert_int_equal(find(index, 99, at), 0);
	assert_int_equal(find(index, 105, at), 0);
}

/* Behind the index's back, as nobody does. */
static void put_row(struct cr_index *index, uint32_t chunk, uint32_t pack)
{
	cr_cleanup(cr_kv_batch_freep) struct cr_kv_batch *batch = NULL;
	uint8_t key[CR_ROW_KEY_LEN], value[CR_ROW_VALUE_MAX];
	struct cr_id id = chunk_id(chunk);

	assert_int_equal(cr_kv_batch_new(cr_index_kv(index), &batch), 0);
	cr_kv_put(batch, CR_FAMILY_CHUNKS, cr_row_key(&id, pack, key),
		  cr_row_value(0, 0, value));
	assert_int_equal(cr_kv_write(cr_index_kv(index), batch), 0);
}

/* So often that what is kept of the ids is read. */
static void ask_often(struct cr_index *index)
{
	struct cr_location at[8];

	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(find(index, 100000 + i, at), 0);
}

static void what_was_never_added_is_not_asked_for(void **state)
{
	struct cr_location at[8];

	(void)state;
	for (uint32_t first = 100; first < 400; first += 100) {
		cr_cleanup(cr_index_closep) struct cr_index *index =
			open_index(CR_INDEX_PRIMARY);
		uint32_t pack;

		if (first > 100)
			ask_often(index);
		pack = add(index, first, first, 5);
		put_row(index, first - 1, pack);
		assert_int_equal(find(index, first - 1, at), 0);
		for (uint32_t before = 100; before <= first; before += 100)
			for (uint32_t i = 0; i < 5; i++)
				assert_int_equal(find(index, before + i, at),
						 1);
		assert_int_equal(cr_index_flush(index), 0);
	}
}

/* As after a crash, then by whoever adds something again. */
static void without_the_filter_all_are_asked_for(void **state)
{
	cr_cleanup(cr_index_closep) struct cr_index *index =
		open_index(CR_INDEX_PRIMARY);
	struct cr_location at[8];

	(void)state;
	put_row(index, 99, add(index, 1, 100, 5));
	cr_index_close(cr_take(index));
	assert_int_equal(unlink(folder_path(&folder, ID "/db.1.ids").text), 0);
	index = open_index(CR_INDEX_PRIMARY);
	ask_often(index);
	for (uint32_t i = 99; i < 105; i++)
		assert_int_equal(find(index, i, at), 1);
	put_row(index, 199, add(index, 2, 200, 5));
	assert_int_equal(cr_index_flush(index), 0);
	put_row(index, 299, 1);
	for (uint32_t i = 99; i < 105; i++)
		assert_int_equal(find(index, i, at), 1);
	for (uint32_t i = 199; i < 205; i++)
		assert_int_equal(find(index, i, at), 1);
	assert_int_equal(find(index, 299, at), 0);
}

static void of_copies_the_newest_comes_first(void **state)
{
	cr_cleanup(cr_index_closep) struct cr_index *index =
		open_index(CR_INDEX_PRIMARY);
	struct cr_location at[8];
	struct cr_id id = chunk_id(5);
	uint32_t a, b, c;

	(void)state;
	a = add(index, 3, 5, 1);
	b = add(index, 1, 4, 2);
	c = add(index, 2, 5, 4);
	assert_int_equal(find(index, 5, at), 3);
	assert_int_equal(at[0].pack, c);
	assert_int_equal(at[1].pack, b);
	assert_int_equal(at[1].slot, 1);
	assert_int_equal(at[2].pack, a);
	assert_true(a < b && b < c);
	/* Of too many, the oldest stays. */
	assert_int_equal(cr_index_find(index, &id, at, 2), 2);
	assert_int_equal(at[0].pack, c);
	assert_int_equal(at[1].pack, a);
}

static void ids_that_begin_alike_are_both_given(void **state)
{
	cr_cleanup(cr_index_closep) struct cr_index *index =
		open_index(CR_INDEX_PRIMARY);
	struct cr_location at[8];
	struct cr_id twin = chunk_id(5);

	(void)state;
	(void)add(index, 1, 5, 1);
	twin.bytes[16] ^= 1;
	assert_int_equal(cr_index_find(index, &twin, at, 8), 1);
	twin.bytes[15] ^= 1;
	assert_int_equal(cr_index_find(index, &twin, at, 8), 0);
}

static void of_a_chunk_twice_in_a_pack_the_first_counts(void **state)
{
	static const bool bulk[] = { false, true };

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(bulk); i++) {
		cr_cleanup(cr_index_closep) struct cr_index *index =
			open_index(CR_INDEX_PRIMARY);
		struct cr_location at[8];
		struct pack pack;
		uint32_t number;

		unit_case(bulk[i] ? "bulk" : "one by one");
		make_pack(&pack, 1, 10, 8);
		pack.chunk[3] = pack.chunk[6] = pack.chunk[2];
		if (bulk[i])
			assert_int_equal(cr_index_bulk_begin(index), 0);
		assert_int_equal(cr_index_add_pack(index, &pack.facts,
						   &pack.footer, &number),
				 0);
		if (bulk[i])
			assert_int_equal(cr_index_bulk_end(index), 0);
		assert_int_equal(find(index, 12, at), 1);
		assert_int_equal(at[0].block, 1);
		assert_int_equal(at[0].slot, 0);
		cr_index_close(cr_take(index));
		assert_int_equal(cr_index_reset(lock_holder), 0);
	}
}

static void the_facts_of_a_pack_are_kept(void **state)
{
	cr_cleanup(cr_index_closep) struct cr_index *index =
		open_index(CR_INDEX_PRIMARY);
	struct cr_pack_facts want, got;
	struct cr_uid other = pack_id(9);
	uint32_t number, again;

	(void)state;
	number = add(index, 7, 100, 5);
	assert_int_equal(cr_index_pack(index, number, &got), 0);
	assert_int_equal(cr_index_pack_number(index, &got.pack, &again), 0);
	assert_int_equal(again, number);
	assert_int_equal(cr_index_pack(index, number + 1, &want), -ENOENT);
	assert_int_equal(cr_index_pack_number(index, &other, &again), -ENOENT);

	want = (struct cr_pack_facts){ .pack = pack_id(7),
				       .writer = { { 9 } },
				       .domain = { { 8 } },
				       .kind = CR_PACK_META,
				       .opaque = true,
				       .len = UINT64_MAX,
				       .chunks = UINT32_MAX };
	assert_int_equal(cr_index_add_pack(index, &want, NULL, &again), 0);
	assert_int_equal(again, number);
	assert_int_equal(cr_index_set_in_segment(index, number), 0);
	assert_int_equal(cr_index_set_in_segment(index, number + 1), -ENOENT);
	assert_int_equal(cr_index_pack(index, number, &got), 0);
	assert_true(got.in_segment && got.opaque);
	assert_true(cr_uid_equal(&got.pack, &want.pack));
	assert_true(cr_uid_equal(&got.writer, &want.writer));
	assert_true(cr_uid_equal(&got.domain, &want.domain));
	assert_int_equal(got.kind, want.kind);
	assert_true(got.len == want.len);
	assert_int_equal(got.chunks, want.chunks);
}

static int collect(void *arg, uint32_t number,
		   const struct cr_pack_facts *facts)
{
	struct cr_buf *out = arg;

	cr_buf_u32(out, number);
	cr_buf_u64(out, facts->len);
	return number == 1 ? 77 : 0;
}

static void packs_are_walked_in_order_of_number(void **state)
{
	cr_cleanup(cr_index_closep) struct cr_index *index =
		open_index(CR_INDEX_PRIMARY);
	cr_cleanup(cr_buf_release) struct cr_buf got = { 0 }, want = { 0 };

	(void)state;
	for (uint32_t n = 3; n-- > 0;)
		(void)add(index, n, n, 1);
	assert_int_equal(cr_index_each_pack(index, collect, &got), 77);
	cr_buf_u32(&want, 0);
	cr_buf_u64(&want, 1000002);
	cr_buf_u32(&want, 1);
	cr_buf_u64(&want, 1000001);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.bytes, want.bytes, want.len);
}

static void a_dropped_pack_is_a_miss_and_a_new_generation(void **state)
{
	cr_cleanup(cr_index_closep) struct cr_index *index =
		open_index(CR_INDEX_PRIMARY);
	struct cr_location at[8];
	uint64_t before, after;
	uint32_t a, b, number;
	struct cr_uid gone = pack_id(1);

	(void)state;
	a = add(index, 1, 0, 10);
	b = add(index, 2, 5, 10);
	assert_int_equal(cr_index_generation(index, &before), 0);
	assert_int_equal(cr_index_drop_pack(index, a), 0);
	assert_int_equal(cr_index_drop_pack(index, a), -ENOENT);
	assert_int_equal(cr_index_generation(index, &after), 0);
	assert_true(after == before + 1);
	assert_int_equal(find(index, 0, at), 0);
	assert_int_equal(find(index, 5, at), 1);
	assert_int_equal(at[0].pack, b);
	assert_int_equal(cr_index_pack_number(index, &gone, &number), -ENOENT);
	/* It may come back, but its number does not. */
	assert_int_not_equal(add(index, 1, 0, 10), a);
	assert_int_equal(find(index, 0, at), 1);
	cr_index_close(cr_take(index));
	index = open_index(CR_INDEX_PRIMARY);
	assert_int_equal(find(index, 5, at), 2);
}

static void a_sweep_takes_away_only_what_is_dropped(void **state)
{
	cr_cleanup(cr_index_closep) struct cr_index *index =
		open_index(CR_INDEX_PRIMARY);
	enum { PACKS = 40, CHUNKS = 4000 };
	struct cr_location at[8];

	(void)state;
	for (uint32_t n = 0; n < PACKS; n++)
		assert_int_equal(add(index, n, n * CHUNKS, CHUNKS), n);
	assert_int_equal(cr_index_drop_pack(index, 0), 0);
	assert_int_equal(cr_index_sweep(index), 0); /* too few: nothing */
	for (uint32_t n = 2; n < PACKS; n += 2)
		assert_int_equal(cr_index_drop_pack(index, n), 0);
	assert_int_equal(cr_index_sweep(index), 0);
	cr_index_close(cr_take(index));
	index = open_index(CR_INDEX_PRIMARY);
	for (uint32_t n = 0; n < PACKS; n++) {
		assert_int_equal(find(index, n * CHUNKS, at), n % 2);
		assert_int_equal(find(index, n * CHUNKS + CHUNKS - 1, at),
				 n % 2);
	}
}

static void segments_and_the_listing_are_remembered(void **state)
{
	cr_cleanup(cr_index_closep) struct cr_index *index =
		open_index(CR_INDEX_PRIMARY);
	struct cr_id a = chunk_id(1), b = chunk_id(2);

	(void)state;
	assert_int_equal(cr_index_has_segment(index, &a), 0);
	assert_int_equal(cr_index_listed(index), 0);
	assert_int_equal(cr_index_add_segment(index, &a), 0);
	assert_int_equal(cr_index_set_listed(index), 0);
	cr_index_close(cr_take(index));
	index = open_index(CR_INDEX_PRIMARY);
	assert_int_equal(cr_index_has_segment(index, &a), 1);
	assert_int_equal(cr_index_has_segment(index, &b), 0);
	assert_int_equal(cr_index_listed(index), 1);
}

static void bulk_adds_what_one_by_one_would(void **state)
{
	cr_cleanup(cr_index_closep) struct cr_index *index =
		open_index(CR_INDEX_PRIMARY);
	/* More than fits in memory at once, so several runs. */
	enum { PACKS = 20, CHUNKS = 3000 };
	struct cr_id segment = chunk_id(1);
	struct cr_uid uid = pack_id(3);
	struct cr_pack_facts facts;
	struct cr_location at[8];
	uint32_t number;

	(void)state;
	assert_int_equal(add(index, 100, 0, 2), 0);
	assert_int_equal(cr_index_bulk_begin(index), 0);
	for (uint32_t n = 0; n < PACKS; n++)
		assert_int_equal(add(index, n, n * CHUNKS, CHUNKS + 1), n + 1);
	assert_int_equal(add(index, 3, 3 * CHUNKS, CHUNKS + 1), 4);
	assert_int_equal(cr_index_pack_number(index, &uid, &number), 0);
	assert_int_equal(number, 4);
	assert_int_equal(cr_index_add_segment(index, &segment), 0);
	assert_int_equal(cr_index_bulk_end(index), 0);
	for (uint32_t i = 0; i <= PACKS * CHUNKS; i += 5) {
		int want = 1 + (i == 0);

		if (i > 0 && i < PACKS * CHUNKS && i % CHUNKS == 0)
			want++;
		assert_int_equal(find(index, i, at), want);
	}
	assert_int_equal(find(index, 3 * CHUNKS + 7, at), 1);
	assert_int_equal(at[0].pack, 4);
	assert_int_equal(at[0].block, 3);
	assert_int_equal(at[0].slot, 1);
	assert_int_equal(cr_index_pack(index, 4, &facts), 0);
	assert_int_equal(facts.chunks, CHUNKS + 1);
	assert_int_equal(cr_index_has_segment(index, &segment), 1);
}

static void bulk_that_is_broken_off_leaves_whole_packs(void **state)
{
	cr_cleanup(cr_index_closep) struct cr_index *index =
		open_index(CR_INDEX_PRIMARY);
	enum { PACKS = 20, CHUNKS = 3000 };
	struct cr_id segment = chunk_id(1);
	struct cr_location at[8];
	uint32_t known = 0;

	(void)state;
	assert_int_equal(cr_index_bulk_begin(index), 0);
	for (uint32_t n = 0; n < PACKS; n++)
		(void)add(index, n, n * CHUNKS, CHUNKS);
	assert_int_equal(cr_index_add_segment(index, &segment), 0);
	cr_index_close(cr_take(index));
	index = open_index(CR_INDEX_PRIMARY);
	for (uint32_t n = 0; n < PACKS; n++) {
		struct cr_uid uid = pack_id(n);
		uint32_t number;

		if (cr_index_pack_number(index, &uid, &number) < 0)
			continue;
		known++;
		for (uint32_t i = 0; i < CHUNKS; i += 7)
			assert_int_equal(find(index, n * CHUNKS + i, at), 1);
	}
	assert_in_range(known, 1, PACKS - 1);
	assert_int_equal(cr_index_has_segment(index, &segment), 0);
	/* No number is given twice, whatever rows were left without facts. */
	assert_in_range(add(index, 100, 0, 1), known, UINT32_MAX);
	assert_int_equal(find(index, 0, at), 2);
}

static void a_secondary_sees_a_flush_after_catching_up(void **state)
{
	struct cr_index *secondary = NULL;
	cr_cleanup(cr_index_closep) struct cr_index *second = NULL;
	cr_cleanup(cr_index_closep) struct cr_index *index = NULL;
	struct cr_location at[8];
	uint64_t before, after;
	uint32_t number;

	(void)state;
	assert_int_equal(cr_index_open(lock_holder, CR_INDEX_SECONDARY, CACHE,
				       &secondary),
			 -ENOENT);
	index = open_index(CR_INDEX_PRIMARY);
	number = add(index, 1, 0, 10);
	assert_int_equal(cr_index_flush(index), 0);
	second = open_index(CR_INDEX_SECONDARY);
	assert_int_equal(find(second, 9, at), 1);
	(void)add(index, 2, 10, 3000);
	assert_int_equal(find(second, 10, at), 0);
	assert_int_equal(cr_index_flush(index), 0);
	assert_int_equal(cr_index_catch_up(second), 0);
	assert_int_equal(find(second, 10, at), 1);

	assert_int_equal(cr_index_generation(second, &before), 0);
	assert_int_equal(cr_index_drop_pack(index, number), 0);
	assert_int_equal(cr_index_flush(index), 0);
	assert_int_equal(cr_index_catch_up(second), 0);
	assert_int_equal(find(second, 9, at), 0);
	assert_int_equal(cr_index_generation(second, &after), 0);
	assert_true(after == before + 1);
}

static void a_secondary_follows_to_a_new_database(void **state)
{
	cr_cleanup(cr_index_closep) struct cr_index *second = NULL;
	struct cr_index *index = open_index(CR_INDEX_PRIMARY);
	struct cr_location at[8];

	(void)state;
	(void)add(index, 1, 0, 10);
	assert_int_equal(cr_index_flush(index), 0);
	second = open_index(CR_INDEX_SECONDARY);
	cr_index_close(index);
	assert_int_equal(cr_index_reset(lock_holder), 0);
	assert_int_equal(find(second, 0, at), 1);
	assert_int_equal(cr_index_catch_up(second), 0);
	assert_int_equal(find(second, 0, at), 1); /* nothing there yet */
	index = open_index(CR_INDEX_PRIMARY);
	(void)add(index, 2, 10, 10);
	assert_int_equal(cr_index_flush(index), 0);
	assert_int_equal(cr_index_catch_up(second), 0);
	assert_int_equal(find(second, 0, at), 1); /* not all is there yet */
	assert_int_equal(cr_index_set_listed(index), 0);
	assert_int_equal(cr_index_flush(index), 0);
	assert_int_equal(cr_index_catch_up(second), 0);
	assert_int_equal(find(second, 0, at), 0);
	assert_int_equal(find(second, 10, at), 1);
	(void)add(index, 3, 20, 1);
	assert_int_equal(cr_index_flush(index), 0);
	assert_int_equal(cr_index_catch_up(second), 0);
	assert_int_equal(find(second, 20, at), 1);
	cr_index_close(index);
}

struct searching {
	struct cr_index *index;
	atomic_bool stop;
	atomic_uint wrong;
};

/* Chunks 0 to 9 are in every database; 99 is in none. */
static void *search(void *arg)
{
	struct searching *s = arg;
	struct cr_location at[8];

	for (uint32_t i = 0; !atomic_load(&s->stop); i++) {
		if (find(s->index, i % 10, at) != 1 ||
		    find(s->index, 99, at) != 0)
			atomic_fetch_add(&s->wrong, 1);
	}
	return NULL;
}

static void searches_go_on_while_a_secondary_follows(void **state)
{
	struct searching s = { .stop = false };
	struct cr_index *index = open_index(CR_INDEX_PRIMARY);
	pthread_t thread[3];

	(void)state;
	(void)add(index, 0, 0, 10);
	assert_int_equal(cr_index_flush(index), 0);
	s.index = open_index(CR_INDEX_SECONDARY);
	for (size_t i = 0; i < CR_ARRAY_LEN(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, search, &s),
				 0);
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t n = 1; n < 5; n++) {
			(void)add(index, n, n * 1000, 1000);
			assert_int_equal(cr_index_flush(index), 0);
			assert_int_equal(cr_index_catch_up(s.index), 0);
		}
		cr_index_close(index);
		assert_int_equal(cr_index_reset(lock_holder), 0);
		assert_int_equal(cr_index_catch_up(s.index), 0);
		index = open_index(CR_INDEX_PRIMARY);
		(void)add(index, 0, 0, 10);
		assert_int_equal(cr_index_set_listed(index), 0);
		assert_int_equal(cr_index_flush(index), 0);
		assert_int_equal(cr_index_catch_up(s.index), 0);
	}
	atomic_store(&s.stop, true);
	for (size_t i = 0; i < CR_ARRAY_LEN(thread); i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	assert_int_equal(atomic_load(&s.wrong), 0);
	cr_index_close(s.index);
	cr_index_close(index);
}

static void a_reset_begins_an_empty_one_and_removes_the_old(void **state)
{
	cr_cleanup(cr_index_closep) struct cr_index *index =
		open_index(CR_INDEX_PRIMARY);
	struct cr_location at[8];
	uint64_t before, after;

	(void)state;
	(void)add(index, 1, 0, 10);
	assert_int_equal(cr_index_generation(index, &before), 0);
	assert_int_equal(cr_index_flush(index), 0);
	cr_index_close(cr_take(index));
	assert_true(folder_has(&folder, ID "/db.1/CURRENT"));
	assert_int_equal(cr_index_reset(lock_holder), 0);
	assert_false(folder_has(&folder, ID "/db.1"));
	index = open_index(CR_INDEX_PRIMARY);
	assert_true(folder_has(&folder, ID "/db.2/CURRENT"));
	assert_int_equal(find(index, 0, at), 0);
	assert_int_equal(cr_index_generation(index, &after), 0);
	assert_true(after != before);
}

static void the_lock_keeps_a_second_primary_out(void **state)
{
	cr_cleanup(cr_index_closep) struct cr_index *index =
		open_index(CR_INDEX_PRIMARY);
	cr_cleanup(cr_state_closep) struct cr_state *second = open_state();

	(void)state;
	assert_int_equal(cr_state_lock(second, false, NULL), -CR_ELOCKED);
	assert_false(cr_state_locked(second));
}

/* Damage. */

static struct folder_path find_file(const char *db, const char *end)
{
	char name[600] = "";
	DIR *dir = opendir(folder_path(&folder, db).text);
	off_t largest = -1;

	assert_non_null(dir);
	for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
		struct stat st;

		if (!strstr(e->d_name, end) ||
		    fstatat(dirfd(dir), e->d_name, &st, 0) < 0 ||
		    st.st_size <= largest)
			continue;
		largest = st.st_size;
		(void)snprintf(name, sizeof(name), "%s/%s", db, e->d_name);
	}
	assert_int_equal(closedir(dir), 0);
	assert_true(name[0] != '\0');
	return folder_path(&folder, name);
}

static void truncate_manifest(const char *db)
{
	struct folder_path path = find_file(db, "MANIFEST");
	struct stat st;

	assert_int_equal(stat(path.text, &st), 0);
	assert_int_equal(truncate(path.text, st.st_size / 2), 0);
}

/* RocksDB takes zeroes for the end of what was written. */
static void zero_manifest(const char *db)
{
	struct folder_path path = find_file(db, "MANIFEST");
	static const char zeroes[100];
	struct stat st;
	int fd;

	assert_int_equal(stat(path.text, &st), 0);
	assert_true(st.st_size > 200);
	fd = open(path.text, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, zeroes, 100, st.st_size - 100), 100);
	assert_int_equal(close(fd), 0);
}

static void double_manifest(const char *db)
{
	int fd = open(find_file(db, "MANIFEST").text,
		      O_RDWR | O_APPEND | O_CLOEXEC);
	char bytes[65536];
	ssize_t len;

	assert_true(fd >= 0);
	len = read(fd, bytes, sizeof(bytes));
	assert_true(len > 0);
	assert_int_equal(write(fd, bytes, (size_t)len), len);
	assert_int_equal(close(fd), 0);
}

static void delete_current(const char *db)
{
	assert_int_equal(unlink(find_file(db, "CURRENT").text), 0);
}

static void delete_table(const char *db)
{
	assert_int_equal(unlink(find_file(db, ".sst").text), 0);
}

static void delete_all(const char *db)
{
	assert_int_equal(nftw(folder_path(&folder, db).text, folder_remove_one,
			      16, FTW_DEPTH | FTW_PHYS),
			 0);
}

static void lose_the_log(const char *db)
{
	struct folder_path path = find_file(db, ".log");

	assert_int_equal(truncate(path.text, 0), 0);
}

static void garble_pointer(const char *db)
{
	(void)db;
	folder_write(&folder, ID "/db", "nonsense", 8, 0600);
}

/* What was added is in tables, and a little in the log. */
static void fill(void)
{
	cr_cleanup(cr_index_closep) struct cr_index *index =
		open_index(CR_INDEX_PRIMARY);

	/* Above a mebibyte, so that flushing writes tables. */
	for (uint32_t n = 0; n < 12; n++)
		(void)add(index, n, n * 4000, 4000);
	assert_int_equal(cr_index_flush(index), 0);
	(void)add(index, 12, 48000, 10);
	assert_int_equal(cr_index_flush(index), 0);
}

/* A secondary may go back to when there was no such table. */
#define LAGS (-1)

static void a_damaged_database_is_set_aside_and_heals(void **state)
{
	static const struct {
		const char *what;
		void (*damage)(const char *db);
		int secondary; /* what one gets that is opened first */
	} cases[] = {
		{ "a manifest cut short", truncate_manifest, -CR_EINDEX },
		{ "zeroes in the manifest", zero_manifest, -CR_EINDEX },
		{ "a manifest that comes twice", double_manifest, -CR_EINDEX },
		{ "no CURRENT", delete_current, -CR_EINDEX },
		{ "a table is missing", delete_table, LAGS },
		{ "the log is lost", lose_the_log, -CR_EINDEX },
		{ "all is lost", delete_all, -CR_EINDEX },
		{ "a pointer that is none", garble_pointer, -CR_EINDEX },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_index_closep) struct cr_index *index = NULL;
		struct cr_location at[8];
		int r;

		unit_case(cases[i].what);
		fill();
		cases[i].damage(ID "/db.1");
		r = cr_index_open(lock_holder, CR_INDEX_SECONDARY, CACHE,
				  &index);
		if (cases[i].secondary != LAGS)
			assert_int_equal(r, cases[i].secondary);
		cr_index_close(cr_take(index));
		print_message("  said: %s\n", cr_detail());
		index = open_index(CR_INDEX_PRIMARY);
		assert_true(folder_has(&folder, ID "/db.2/CURRENT"));
		assert_false(folder_has(&folder, ID "/db.1"));
		assert_int_equal(find(index, 0, at), 0);
		(void)add(index, 1, 0, 10);
		assert_int_equal(find(index, 0, at), 1);
		cr_index_close(cr_take(index));
		index = open_index(CR_INDEX_SECONDARY);
		assert_int_equal(find(index, 0, at), 1);
		teardown(state);
		setup(state);
	}
}

static void damage_rows(void)
{
	struct folder_path path = find_file(ID "/db.1", ".sst");
	int fd = open(path.text, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	for (off_t pos = 1000; pos < 40000; pos += 4096)
		assert_int_equal(pwrite(fd, "\xa5\x5a\xa5", 3, pos), 3);
	assert_int_equal(close(fd), 0);
}

/* A flipped bit in a table is found when its block is read, not before. */
static void a_damaged_row_is_told_and_the_database_heals(void **state)
{
	static const enum cr_index_mode modes[] = { CR_INDEX_PRIMARY,
						    CR_INDEX_SECONDARY };

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(modes); i++) {
		struct cr_index *index;
		struct cr_location at[8];
		int errors = 0;

		fill();
		damage_rows();
		index = open_index(modes[i]);
		for (uint32_t c = 0; c < 48000; c += 5) {
			int r = find(index, c, at);

			assert_true(r == 0 || r == 1 || r == -CR_EINDEX);
			errors += r == -CR_EINDEX;
		}
		assert_in_range(errors, 1, 9599);
		print_message("  said: %s\n", cr_detail());
		cr_index_close(index);
		index = NULL;
		assert_int_equal(cr_index_open(lock_holder, CR_INDEX_SECONDARY,
					       CACHE, &index),
				 -CR_EINDEX);
		index = open_index(CR_INDEX_PRIMARY);
		assert_int_equal(find(index, 0, at), 0);
		cr_index_close(index);
		teardown(state);
		setup(state);
	}
}

/* Nobody needed those rows: what was added is kept, and the next one heals. */
static void a_damaged_row_does_not_fail_a_flush(void **state)
{
	struct cr_index *index;

	(void)state;
	/* A run is not compacted, and so not read but for its rows. */
	index = open_index(CR_INDEX_PRIMARY);
	assert_int_equal(cr_index_bulk_begin(index), 0);
	for (uint32_t n = 0; n < 12; n++)
		(void)add(index, n, n * 4000, 4000);
	assert_int_equal(cr_index_bulk_end(index), 0);
	cr_index_close(index);
	damage_rows();
	assert_int_equal(unlink(folder_path(&folder, ID "/db.1.ids").text), 0);
	index = open_index(CR_INDEX_PRIMARY);
	(void)add(index, 1u << 20, 1u << 20, 5);
	assert_int_equal(cr_index_flush(index), 0);
	cr_index_close(index);
	assert_int_equal(
		cr_index_open(lock_holder, CR_INDEX_SECONDARY, CACHE, &index),
		-CR_EINDEX);
}

static void rows_that_are_not_flushed_may_lag(void **state)
{
	pid_t child = fork();
	struct cr_location at[8];
	struct cr_index *index;
	int status;

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		index = open_index(CR_INDEX_PRIMARY);
		(void)add(index, 1, 0, 10);
		assert_int_equal(cr_index_flush(index), 0);
		(void)add(index, 2, 10, 10);
		_exit(0); /* as if killed */
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	index = open_index(CR_INDEX_PRIMARY);
	assert_true(folder_has(&folder, ID "/db.1/CURRENT"));
	assert_int_equal(find(index, 0, at), 1);
	assert_in_range(find(index, 10, at), 0, 1);
	cr_index_close(index);
}

int main(void)
{
#define law(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest laws[] = {
		/* It forks a primary: before RocksDB has threads. */
		law(rows_that_are_not_flushed_may_lag),
		law(a_chunk_is_where_its_pack_has_it),
		law(what_was_never_added_is_not_asked_for),
		law(without_the_filter_all_are_asked_for),
		law(of_copies_the_newest_comes_first),
		law(ids_that_begin_alike_are_both_given),
		law(of_a_chunk_twice_in_a_pack_the_first_counts),
		law(the_facts_of_a_pack_are_kept),
		law(packs_are_walked_in_order_of_number),
		law(a_dropped_pack_is_a_miss_and_a_new_generation),
		law(a_sweep_takes_away_only_what_is_dropped),
		law(segments_and_the_listing_are_remembered),
		law(bulk_adds_what_one_by_one_would),
		law(bulk_that_is_broken_off_leaves_whole_packs),
		law(a_secondary_sees_a_flush_after_catching_up),
		law(a_secondary_follows_to_a_new_database),
		law(searches_go_on_while_a_secondary_follows),
		law(a_reset_begins_an_empty_one_and_removes_the_old),
		law(the_lock_keeps_a_second_primary_out),
		law(a_damaged_database_is_set_aside_and_heals),
		law(a_damaged_row_is_told_and_the_database_heals),
		law(a_damaged_row_does_not_fail_a_flush),
	};

	if (cr_sodium_init() < 0)
		return EXIT_FAILURE;
	return cmocka_run_group_tests(laws, NULL, NULL);
}
