/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chunks of a file in its order: each block is found once, and read once. */
#include "store/base/error.h"
#include "store/codec/list.h"
#include "tests/unit/bytes.h"
#include "tests/unit/chunks.h"

static struct made_repo made;
static struct session ses;
static struct looker look;

static int setup(void **state)
{
	(void)state;
	made_init(&made);
	session_begin(&made, made.repo, "state", &ses);
	look = (struct looker){ 0 };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	looker_release(&look);
	session_end(&ses);
	made_release(&made);
	return 0;
}

/* Take chunk @n, of which the one before it lies at *@at. */
static void take_after(uint32_t n, struct cr_hint *at)
{
	struct cr_id id = id_of(made.repo, n);
	struct chunk want = chunk_of(n);
	struct cr_pin pin;

	session_ok(cr_reader_get_after(look.reader, &look.view, &id, at, &pin));
	assert_int_equal(pin.bytes.len, sizeof(want));
	assert_memory_equal(pin.bytes.bytes, &want, sizeof(want));
	*at = pin.at;
	cr_pin_release(&pin);
}

static void what_lies_in_order_is_searched_once_a_block(void **state)
{
	struct cr_hint at = { 0 };

	(void)state;
	(void)publish(&made, made.repo, false);
	session_index(made.repo, &ses);
	looker_init(made.repo, ses.index, &look);
	for (uint32_t n = 0; n < CHUNKS; n++) {
		take_after(n, &at);
		assert_int_equal(at.block, n / 4);
		assert_int_equal(at.slot, n % 4);
	}
	assert_int_equal(looker_stats(&look).blocks_decoded, 3);
	assert_in_range(looker_stats(&look).index_lookups, 1, 3);
	/* Out of order, or after what was never there. */
	take_after(2, &at);
	at = (struct cr_hint){ .pack = { { 7 } }, .slot = UINT32_MAX };
	take_after(9, &at);
	at.block = at.slot = UINT32_MAX;
	take_after(5, &at);
	assert_int_equal(looker_stats(&look).blocks_decoded, 3);
}

static void what_is_fetched_is_decoded_once(void **state)
{
	struct cr_hint at = { 0 };
	struct cr_id id;

	(void)state;
	(void)publish(&made, made.repo, false);
	session_index(made.repo, &ses);
	looker_init(made.repo, ses.index, &look);
	for (uint32_t n = 0; n < CHUNKS; n++) {
		id = id_of(made.repo, n);
		session_ok(cr_reader_fetch_after(look.reader, &look.view, &id,
						 &at));
		assert_int_equal(at.block, n / 4);
		assert_int_equal(at.slot, n % 4);
	}
	assert_int_equal(looker_stats(&look).blocks_decoded, 3);
	for (uint32_t n = 0; n < CHUNKS; n++)
		take(&look, n, CR_PIN_KEPT);
	assert_int_equal(looker_stats(&look).blocks_decoded, 3);
	id = id_of(made.repo, 1000);
	assert_int_equal(
		cr_reader_fetch_after(look.reader, &look.view, &id, &at),
		-CR_EMISSING);
}

/* ---- A pin of more than one chunk ---- */

/* The list of a file of all twelve. */
struct listed {
	struct cr_list_item item[CHUNKS];
};

static struct listed list_all(void)
{
	struct listed list = { 0 };

	for (uint32_t n = 0; n < CHUNKS; n++)
		list.item[n] = (struct cr_list_item){
			.offset = (uint64_t)n * LEN,
			.len = LEN,
			.id = id_of(made.repo, n),
		};
	return list;
}

/* Pin chunk @n, and what @list has after it, @more at most. */
static struct cr_pin pin_from(const struct listed *list, uint32_t n,
			      uint32_t more)
{
	struct cr_pin pin;
	uint32_t had;

	session_ok(cr_reader_get(look.reader, &look.view, CR_CHUNK_DATA,
				 &list->item[n].id, NULL, &pin, NULL));
	had = cr_reader_go_on(look.reader, &look.view, &list->item[n + 1], more,
			      &pin);
	assert_int_equal(pin.more, had);
	assert_int_equal(pin.bytes.len, (1 + had) * LEN);
	return pin;
}

/* How many of @more chunks a pin of chunk @n goes on with, rightly. */
static uint32_t go_on(uint32_t n, uint32_t more)
{
	const struct listed list = list_all();
	struct cr_pin pin = pin_from(&list, n, more);
	const uint32_t had = pin.more;

	for (uint32_t i = 0; i <= had; i++) {
		struct chunk want = chunk_of(n + i);

		assert_memory_equal((const uint8_t *)pin.bytes.bytes +
					    (size_t)i * LEN,
				    &want, LEN);
	}
	cr_pin_release(&pin);
	return had;
}

/* Of blocks of chunks 0 to 3, 4 to 7, 8 to 11. */
static void a_pin_goes_on_to_the_end_of_its_block(void **state)
{
	(void)state;
	(void)publish(&made, made.repo, false);
	session_index(made.repo, &ses);
	looker_init(made.repo, ses.index, &look);
	assert_int_equal(go_on(0, CHUNKS - 1), 3);
	assert_int_equal(go_on(0, 2), 2);
	assert_int_equal(go_on(5, CHUNKS - 6), 2);
	assert_int_equal(go_on(3, CHUNKS - 4), 0);
	assert_int_equal(go_on(4, 0), 0);
	assert_int_equal(looker_stats(&look).blocks_decoded, 2);
}

static void a_pin_goes_on_with_nothing_but_what_is_listed(void **state)
{
	struct listed list;
	struct cr_pin pin;

	(void)state;
	(void)publish(&made, made.repo, false);
	session_index(made.repo, &ses);
	looker_init(made.repo, ses.index, &look);
	for (uint32_t odd = 1; odd < 4; odd++) {
		list = list_all();
		list.item[odd].hole = true;
		pin = pin_from(&list, 0, CHUNKS - 1);
		assert_int_equal(pin.more, odd - 1);
		cr_pin_release(&pin);
		list = list_all();
		list.item[odd].len++;
		pin = pin_from(&list, 0, CHUNKS - 1);
		assert_int_equal(pin.more, odd - 1);
		cr_pin_release(&pin);
		list = list_all();
		list.item[odd].id = list.item[7].id;
		pin = pin_from(&list, 0, CHUNKS - 1);
		assert_int_equal(pin.more, odd - 1);
		/* It may go on where it stopped, when that is what comes. */
		assert_int_equal(cr_reader_go_on(look.reader, &look.view,
						 &list_all().item[odd], 4,
						 &pin),
				 4 - odd);
		assert_int_equal(pin.more, 3);
		assert_int_equal(pin.bytes.len, 4 * LEN);
		cr_pin_release(&pin);
	}
}

static void what_a_pin_went_on_with_is_spent_with_it(void **state)
{
	const struct listed list = list_all();
	struct cr_pin pin;

	(void)state;
	(void)publish(&made, made.repo, false);
	session_index(made.repo, &ses);
	looker_init(made.repo, ses.index, &look);
	pin = pin_from(&list, 1, 2);
	pin.use = CR_PIN_SPENT;
	cr_pin_release(&pin);
	take(&look, 1, CR_PIN_SPENT); /* again: the first is still to come */
	take(&look, 2, CR_PIN_KEPT);
	assert_int_equal(looker_stats(&look).blocks_decoded, 1);
	take(&look, 0, CR_PIN_SPENT);
	take(&look, 2, CR_PIN_KEPT);
	assert_int_equal(looker_stats(&look).blocks_decoded, 2);
}

static void what_lies_behind_a_chunk_needs_no_fetching(void **state)
{
	struct listed list = list_all();
	struct cr_hint at = { 0 };

	(void)state;
	(void)publish(&made, made.repo, false);
	session_index(made.repo, &ses);
	looker_init(made.repo, ses.index, &look);
	session_ok(cr_reader_fetch_after(look.reader, &look.view,
					 &list.item[4].id, &at));
	assert_int_equal(
		cr_reader_skip_after(look.reader, &list.item[5], 1, &at), 1);
	assert_int_equal(at.slot, 1);
	assert_int_equal(
		cr_reader_skip_after(look.reader, &list.item[6], 6, &at), 2);
	assert_int_equal(at.block, 1);
	assert_int_equal(at.slot, 3);
	assert_int_equal(
		cr_reader_skip_after(look.reader, &list.item[8], 4, &at), 0);
	assert_int_equal(at.slot, 3);
	at.slot = 0;
	list.item[6].hole = true;
	assert_int_equal(
		cr_reader_skip_after(look.reader, &list.item[5], 7, &at), 1);
	assert_int_equal(at.slot, 1);
	assert_int_equal(looker_stats(&look).blocks_decoded, 1);
}

static void a_pin_does_not_go_on_with_a_lie(void **state)
{
	struct cr_credentials cred;
	struct cr_repo *other;
	struct cr_uid key;

	(void)state;
	cred = add_sharer(&made, &key);
	other = made_open(&made, &cred);
	(void)publish(&made, other, true);
	looker_init(made.repo, NULL, &look);
	assert_int_equal(go_on(0, CHUNKS - 1), 0);
	assert_int_equal(go_on(2, CHUNKS - 3), 1);
	cr_repo_close(other);
	cr_secret_release(&cred.key_file);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_lies_in_order_is_searched_once_a_block),
		TEST(what_is_fetched_is_decoded_once),
		TEST(a_pin_goes_on_to_the_end_of_its_block),
		TEST(a_pin_goes_on_with_nothing_but_what_is_listed),
		TEST(what_a_pin_went_on_with_is_spent_with_it),
		TEST(what_lies_behind_a_chunk_needs_no_fetching),
		TEST(a_pin_does_not_go_on_with_a_lie),
	};

	if (cr_sodium_init() < 0)
		return EXIT_FAILURE;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
